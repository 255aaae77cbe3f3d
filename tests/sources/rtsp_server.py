"""A real RTSP server (GStreamer's) whose camera shows the clock; run by Debian's Python, which has its bindings.

python3 -m tests.sources.rtsp_server PORT h264|jpeg [USER PASSWORD] serves rtsp://127.0.0.1:PORT/live until it is ended.
"""

import sys
from typing import Any

import gi

from tests.sources.clock_marks import HEIGHT, WIDTH, luma, now_ms

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer  # noqa: E402 - the versions have to be chosen first

PERIOD_MS = 40
PAYLOAD = {
    "h264": "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 bitrate=2000 ! rtph264pay name=pay0 pt=96",
    "jpeg": "jpegenc ! rtpjpegpay name=pay0 pt=26",
}
CAPS = f"video/x-raw,format=GRAY8,width={WIDTH},height={HEIGHT},framerate=25/1"


def on_media(_: object, media: Any) -> None:
    """Push a frame every 40 ms as long as this media is played."""
    source = media.get_element().get_child_by_name("camera")

    def push() -> bool:  # GLib calls it until it returns False, as it does once the media is gone
        buffer = Gst.Buffer.new_wrapped(luma(now_ms()))
        return bool(source.emit("push-buffer", buffer) == Gst.FlowReturn.OK)

    GLib.timeout_add(PERIOD_MS, push)


def served(port: str, codec: str, login: list[str]) -> Any:
    """The server, attached to the main loop."""
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    camera = f"appsrc name=camera is-live=true do-timestamp=true format=time caps={CAPS}"
    factory.set_launch(f"( {camera} ! videoconvert ! video/x-raw,format=I420 ! {PAYLOAD[codec]} )")
    factory.set_shared(True)
    factory.connect("media-configure", on_media)
    if login:
        ask_for_login(server, factory, *login)
    server.get_mount_points().add_factory("/live", factory)
    server.attach(None)
    return server


def ask_for_login(server: Any, factory: Any, user: str, password: str) -> None:
    """Nobody may see the stream without it."""
    auth = GstRtspServer.RTSPAuth()
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    token = GstRtspServer.RTSPToken()
    token.set_string("media.factory.role", "viewer")
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    permissions = GstRtspServer.RTSPPermissions()
    permissions.add_permission_for_role("viewer", "media.factory.access", True)
    permissions.add_permission_for_role("viewer", "media.factory.construct", True)
    factory.set_permissions(permissions)


if __name__ == "__main__":
    server = served(sys.argv[1], sys.argv[2], sys.argv[3:])
    print("ready", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()

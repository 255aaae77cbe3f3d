"""A GigE Vision or USB3 Vision camera through the library viva-genicam (pip extra `[genicam]`).

The library is imported only when it is used.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import TYPE_CHECKING

from gateway.core.errors import SourceError
from gateway.images.limits import MEGABYTE
from gateway.sources.camera_drivers import INSTALL
from gateway.sources.found_camera import IS_IT_ON, Found
from gateway.sources.genicam_camera import Frame, Shutter
from gateway.sources.genicam_features import shutter_of, wait_for_triggers
from gateway.sources.genicam_settings import GenicamSettings
from gateway.sources.pixel_formats import check_format
from gateway.sources.pixel_layouts import usual_name
from gateway.sources.viva_events import ExposureEvents, tells_exposures
from gateway.sources.viva_features import VivaFeatures

if TYPE_CHECKING:
    from viva_genicam import Camera, FrameStream, GigeDeviceInfo, U3vDeviceInfo
    from viva_genicam import Frame as VivaFrame

log = logging.getLogger(__name__)

SEARCH_MS = 500
"""How long cameras may take to answer a search."""
CONTROL = 0x0A00
"""GigE Vision bootstrap register: who controls the camera."""
USB_VERSION = 0x0000
"""USB3 Vision's first register (ABRM): the version of its protocol."""
SERIAL, USER_NAME = (0x00D8, 16), (0x00E8, 16)
"""GigE Vision bootstrap registers with their lengths in bytes: text, ended by a zero."""
TIME_IS_UP = "timeout waiting for frame"
"""How the library says that no frame came: by a text alone, the class is that of a broken stream too."""


def library() -> "ModuleType":
    """viva-genicam. Raises SourceError where it is not installed."""
    try:
        import viva_genicam
    except ImportError as error:
        raise SourceError(
            "cameras need the package viva-genicam, which is not installed", hint=INSTALL["viva"]
        ) from error
    return viva_genicam


@contextmanager
def _told_as(what: str, hint: str = IS_IT_ON) -> Iterator[None]:
    """The library's errors as a SourceError."""
    try:
        yield
    except library().GenicamError as error:
        raise SourceError(f"{what}: {error}", hint=hint) from error


def _search(interface: str) -> "list[GigeDeviceInfo]":
    with _told_as("no search for cameras", "write the IP address of one of this machine's interfaces"):
        found: list[GigeDeviceInfo] = library().discover(timeout_ms=SEARCH_MS, iface=interface or None)
    return sorted(found, key=lambda camera: [int(part) for part in camera.ip.split(".")])


def find_cameras(interface: str = "") -> list[Found]:
    """The GigE Vision cameras that answer on an interface ("": on all but loopback), by IP address; none is disturbed.

    Blocks for a second or so. Raises SourceError where the library is missing or the interface is wrong.
    """
    return [_described(camera, interface) for camera in _search(interface)]


def find_usb_cameras() -> list[Found]:
    """The USB3 Vision cameras on this machine; none where it has no USB, as a container. Raises SourceError."""
    try:
        found: list[U3vDeviceInfo] = library().discover_u3v()
    except library().TransportError as error:
        log.warning("no search for USB cameras: %s", error)
        return []
    return [
        Found("viva", one.model or "", one.manufacturer or "", one.serial or "", ip=f"usb {one.bus}:{one.address}")
        for one in found
    ]


def _described(device: "GigeDeviceInfo", interface: str) -> Found:
    found = Found("viva", device.model or "", device.manufacturer or "", mac=device.mac, ip=device.ip)
    try:
        camera = library().connect_gige(device, iface=interface or None, monitor=True)
        try:
            texts = [camera.read_register(*register) for register in (SERIAL, USER_NAME)]
            controlled = any(camera.read_register(CONTROL, 4))
        finally:
            camera.close()
    except library().GenicamError as error:
        log.info("%s: serial number and user name cannot be read: %s", device.ip, error)
        return found
    serial, user_name = (text.split(b"\0")[0].decode("utf-8", "replace") for text in texts)
    return replace(found, serial=serial, user_name=user_name, access="used by a program" if controlled else "free")


class VivaCamera:
    """A GenicamCamera, found by its IP or MAC address."""

    def __init__(self, settings: GenicamSettings) -> None:
        self._settings = settings
        self._camera: Camera | None = None
        self._stream: FrameStream | None = None
        self._events: ExposureEvents | None = None

    def open(self) -> None:
        self.close()
        self._camera = self._on_usb() if self._settings.transport == "usb3" else self._on_network()

    def _on_usb(self) -> "Camera":
        viva = library()
        with _told_as("no search for cameras on USB", "is there a USB controller, and may this user use it?"):
            found: list[U3vDeviceInfo] = viva.discover_u3v()
        device = _usb_camera(found, self._settings.camera)
        with _told_as(f"the camera {device.serial} cannot be opened", "only one program uses a USB camera"):
            camera: Camera = viva.connect_u3v(device)
            return camera

    def _on_network(self) -> "Camera":
        device = self._pick(_search(self._settings.interface))
        hint = "only one program controls a camera: close the maker's viewer"
        with _told_as(f"the camera {device.ip} cannot be opened", hint):
            camera: Camera = library().connect_gige(device, iface=self._settings.interface or None)
            return camera

    def _pick(self, found: "list[GigeDeviceInfo]") -> "GigeDeviceInfo":
        wanted = self._settings.camera.lower()
        fitting = [device for device in found if wanted in ("", device.ip, device.mac.lower())]
        there = ", ".join(f"{device.ip} ({device.mac})" for device in found) or "none"
        if not fitting:
            raise SourceError(f"no camera {wanted} answers; found: {there}".replace("  ", " "), hint=IS_IT_ON)
        if len(fitting) > 1:
            raise SourceError(f"several cameras answer: {there}", hint="write the address of one as `camera`")
        return fitting[0]

    def configure(self, exposed: Callable[[int], None]) -> Shutter:
        camera, settings = self._opened(), self._settings
        self._end_stream()
        hint = "correct the setting; the maker's viewer shows what the camera takes"
        with _told_as("the camera does not take the settings", hint):
            camera.set_acquisition_mode("Continuous")
            self._set_picture(camera)
            self._set_light(camera)
            features = VivaFeatures(camera)
            wait_for_triggers(features, settings)
            shutter = shutter_of(features)
        with _told_as("the camera's stream cannot be opened"):
            self._check_frames(camera)
            stream = camera.stream(
                iface=settings.interface or None, packet_size=settings.packet_size, deliver_incomplete=True
            )
            self._stream = stream
            tells = settings.exposure_done != "frame" and self._listen(camera, exposed)
            stream.__enter__()
        return replace(shutter, tells=tells)

    def _listen(self, camera: "Camera", exposed: Callable[[int], None]) -> bool:
        """Whether the camera tells of its exposures. One that has the event but does not send it is used without."""
        try:
            if tells_exposures(camera):
                self._events = ExposureEvents(camera, self._settings.interface, exposed)
        except library().GenicamError as error:
            log.warning("the camera does not tell of its exposures: %s", error)
        return self._events is not None

    def _set_picture(self, camera: "Camera") -> None:
        if (wanted := self._settings.pixel_format) is not None:
            offered = camera.available_enum_entries("PixelFormat")
            entries = [entry for entry in offered if usual_name(entry) == wanted]
            if not entries:
                raise SourceError(f"the camera has no {wanted}", hint=f"it offers {', '.join(offered)}")
            camera.set_enum("PixelFormat", entries[0])
        if self._settings.region is not None:
            wanted_region = library().Roi(*self._settings.region)
            camera.set_roi(wanted_region)
            if (region := camera.roi()) != wanted_region:
                raise SourceError(f"the camera made {region} of the region", hint="are all four numbers allowed there?")

    def _set_light(self, camera: "Camera") -> None:
        nodes = set(camera.nodes())
        if self._settings.exposure_us is not None:
            _switch_off(camera, "ExposureAuto", nodes)
            camera.set_exposure_time(self._settings.exposure_us)
        if self._settings.gain is not None:
            _switch_off(camera, "GainAuto", nodes)
            camera.set_gain(self._settings.gain)

    def _check_frames(self, camera: "Camera") -> None:
        try:
            check_format(camera.get_enum("PixelFormat"))
        except library().GenicamError as error:  # then each frame is looked at: they bear their format's number
            log.info("the camera's pixel format has no name: %s", error)
        size, limit = camera.get_integer("PayloadSize"), self._settings.max_frame_mb * MEGABYTE
        if size > limit:
            raise SourceError(f"the camera's frames have {size} bytes, more than {limit}", hint="set region")

    def trigger(self) -> None:
        with _told_as("the camera does not take the trigger"):
            self._opened().trigger_software()

    def next_frame(self, timeout_s: float) -> Frame | None:
        if self._stream is None:
            raise SourceError("the camera's stream is closed", hint="it is being opened again")
        try:
            frame = self._stream.next_frame(timeout_ms=round(timeout_s * 1000))
        except library().TransportError as error:
            if TIME_IS_UP in str(error):
                return None
            raise SourceError(f"the camera's stream broke: {error}", hint=IS_IT_ON) from error
        if frame is None:
            raise SourceError("the camera's stream ended", hint=IS_IT_ON)
        damage = "" if frame.is_complete else f"the frame is damaged: {_damage(frame)}"
        size = (frame.width, frame.height)
        return Frame(frame.block_id, *size, frame.pixel_format, frame.padding_x, frame.payload(), damage)

    def look(self) -> None:
        camera = self._opened()
        with _told_as("the camera does not answer"):
            if camera.transport != "gige":
                camera.read_register(USB_VERSION, 4)
                return
            camera.read_register(CONTROL, 4)
        if camera.control_state.name != "HELD":
            raise SourceError("control of the camera was lost", hint="has another program taken it?")

    def close(self) -> None:
        self._end_stream()
        camera, self._camera = self._camera, None
        if camera is not None:
            with _despite("close the camera"):
                camera.close()

    def _end_stream(self) -> None:
        events, self._events = self._events, None
        if events is not None:
            events.stop()
        stream, self._stream = self._stream, None
        if stream is not None:
            with _despite("end the stream"):
                stream.__exit__(None, None, None)

    def _opened(self) -> "Camera":
        if self._camera is None:
            raise SourceError("the camera is closed", hint="it is being opened again")
        return self._camera


def _usb_camera(found: "list[U3vDeviceInfo]", wanted: str) -> "U3vDeviceInfo":
    """Raises SourceError where none has that serial number, or several could be meant."""
    fitting = [device for device in found if wanted in ("", device.serial)]
    there = ", ".join(f"{device.serial} ({device.model})" for device in found) or "none"
    if not fitting:
        hint = "is it on a USB 3 port, and may this user use it (udev rule, WinUSB driver)?"
        raise SourceError(f"no USB camera {wanted} answers; found: {there}".replace("  ", " "), hint=hint)
    if len(fitting) > 1:
        raise SourceError(f"several USB cameras answer: {there}", hint="write the serial number of one as `camera`")
    return fitting[0]


def _switch_off(camera: "Camera", feature: str, nodes: set[str]) -> None:
    """An automatic would overrule the value that is set."""
    if feature in nodes:
        camera.set_enum(feature, "Off")


def _damage(frame: "VivaFrame") -> str:
    if frame.missing_packets is not None:
        return f"{frame.missing_packets} packets are missing"
    return f"{frame.status.value}, device status {frame.device_status}"


@contextmanager
def _despite(what: str) -> Iterator[None]:
    """A camera that is gone cannot be told goodbye; what this machine holds of it is given back all the same."""
    try:
        yield
    except library().GenicamError as error:
        log.debug("cannot %s: %s", what, error)

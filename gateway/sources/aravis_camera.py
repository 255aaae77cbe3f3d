"""A GigE Vision or USB3 Vision camera through Aravis (Debian: gir1.2-aravis-0.8, python3-gi), imported only when used.

Calls to a camera that is gone block for 2.5 to 5 seconds; whoever waits here has a time-out of its own.
"""

import ipaddress
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

from gateway.core.errors import SourceError
from gateway.sources.camera_drivers import INSTALL
from gateway.sources.found_camera import IS_IT_ON, Found, chosen
from gateway.sources.genicam_camera import Frame, Shutter
from gateway.sources.genicam_features import (
    DELAY_NAMES,
    EXPOSURE_NAMES,
    Value,
    apply_settings,
    shutter_of,
    wait_for_triggers,
)
from gateway.sources.genicam_settings import GenicamSettings

if TYPE_CHECKING:
    from gi.repository import Aravis

log = logging.getLogger(__name__)

BUFFERS = 8
"""Frames that can wait in memory: far more than the session ever leaves there."""
SOCKET_BYTES = 8_000_000
"""Receive buffer asked for: the system's own holds one small frame. net.core.rmem_max bounds it. The library makes the
buffer so large when a stream's first frame begins, so that one alone depends on net.core.rmem_default."""
CONTROL = 0x0A00
"""GigE Vision bootstrap register: who controls the camera; 0 nobody."""
TEXTS = ("AcquisitionMode", "PixelFormat", "ExposureAuto", "ExposureMode", "SensorShutterMode")
FLAGS = ("AcquisitionFrameRateEnable",)
"""Features are read by their kind: names of entries, truth values, times; the others are whole numbers."""
_TURN = threading.Lock()
"""Aravis keeps one list of cameras for the process; a search empties it first."""


def library() -> "tuple[ModuleType, type[Exception]]":
    """Aravis, and the class of all its errors. Raises SourceError where it is not installed."""
    try:
        import gi

        gi.require_version("Aravis", "0.8")
        from gi.repository import Aravis, GLib
    except (ImportError, ValueError) as error:
        raise SourceError(f"this needs Aravis, which cannot be used: {error}", hint=INSTALL["aravis"]) from error
    return Aravis, GLib.Error


@contextmanager
def _told_as(what: str, hint: str = IS_IT_ON) -> Iterator[None]:
    """The library's errors as a SourceError."""
    try:
        yield
    except library()[1] as error:
        raise SourceError(f"{what}: {getattr(error, 'message', error)}", hint=hint) from error


def find_cameras() -> list[Found]:
    """The cameras that answer on any interface. None is disturbed. Blocks for a second."""
    aravis, _ = library()
    with _TURN:
        aravis.update_device_list()
        return [_described(aravis, place) for place in range(aravis.get_n_devices())]


def _described(aravis: ModuleType, place: int) -> Found:
    texts = (aravis.get_device_model, aravis.get_device_vendor, aravis.get_device_serial_nbr)
    model, vendor, serial = (str(text(place) or "") for text in texts)
    physical, address = str(aravis.get_device_physical_id(place) or ""), str(aravis.get_device_address(place) or "")
    on_network = aravis.get_device_protocol(place) == "GigEVision"
    return Found("aravis", model, vendor, serial, "", physical if on_network else "", address or physical)


class AravisCamera:
    """A GenicamCamera, found by IP address without a search, by MAC address or serial number, or as the only one."""

    def __init__(self, settings: GenicamSettings) -> None:
        self._settings = settings
        self._camera: Aravis.Camera | None = None
        self._stream: Aravis.Stream | None = None
        self._pixel_format = ""
        self._gone = False

    def open(self) -> None:
        self.close()
        aravis, _ = library()
        address = self._settings.camera if _is_ip(self._settings.camera) else self._found()
        hint = "only one program controls a camera: close the maker's viewer"
        with _told_as(f"the camera {address} cannot be opened", hint):
            self._camera = aravis.Camera.new(address)
        self._gone = False

    def _found(self) -> str:
        found = find_cameras()
        return found[chosen(found, self._settings.camera)].ip

    def configure(self, exposed: Callable[[int], None]) -> Shutter:
        aravis, _ = library()
        camera = self._opened()
        hint = "correct the setting; the maker's viewer shows what the camera takes"
        self._end_stream(camera)
        with _told_as("the camera does not take the settings", hint):
            features = _AravisFeatures(camera)
            self._pixel_format = apply_settings(features, self._settings)
            wait_for_triggers(features, self._settings)
        with _told_as("the camera's stream cannot be opened"):
            if camera.is_gv_device():  # through packet sockets nothing comes on loopback, and they need root
                camera.gv_set_stream_options(aravis.GvStreamOption.PACKET_SOCKET_DISABLED)
            stream = camera.create_stream(None, None)
            if camera.is_gv_device():
                stream.set_property("socket-buffer", aravis.GvStreamSocketBuffer.FIXED)
                stream.set_property("socket-buffer-size", SOCKET_BYTES)
            for _ in range(BUFFERS):
                stream.push_buffer(aravis.Buffer.new_allocate(camera.get_payload()))
            self._stream = stream
            camera.start_acquisition()
            return shutter_of(features)

    def trigger(self) -> None:
        camera = self._opened()
        with self._noticed("the camera does not take the trigger"):
            camera.software_trigger()

    def next_frame(self, timeout_s: float) -> Frame | None:
        if self._stream is None:
            raise SourceError("the camera's stream is closed", hint="it is being opened again")
        buffer = self._stream.timeout_pop_buffer(round(timeout_s * 1e6)) if timeout_s else self._stream.try_pop_buffer()
        if buffer is None:
            return None
        try:
            return self._frame(buffer)
        finally:
            self._stream.push_buffer(buffer)

    def _frame(self, buffer: "Aravis.Buffer") -> Frame:
        aravis, _ = library()
        status, number = buffer.get_status(), buffer.get_frame_id()
        if status != aravis.BufferStatus.SUCCESS:
            what = status.value_nick.replace("-", " ")
            return Frame(number, 0, 0, self._pixel_format, 0, b"", f"the frame is damaged: {what}")
        size, (padding, _) = (buffer.get_image_width(), buffer.get_image_height()), buffer.get_image_padding()
        return Frame(number, *size, self._pixel_format, padding, buffer.get_data())

    def look(self) -> None:
        camera = self._opened()
        with self._noticed("the camera does not answer"):
            if not camera.is_gv_device():
                camera.get_integer("PayloadSize")
            elif not camera.get_device().read_register(CONTROL):
                raise SourceError("control of the camera was lost", hint="has another program taken it?")

    def close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is not None:
            self._end_stream(camera)

    def _end_stream(self, camera: "Aravis.Camera") -> None:
        stream, self._stream = self._stream, None
        if stream is None or self._gone:
            return
        try:
            camera.stop_acquisition()
        except library()[1] as error:  # a camera that is gone cannot be told goodbye
            log.debug("cannot end the stream: %s", error)

    @contextmanager
    def _noticed(self, what: str) -> Iterator[None]:
        """A camera that did not answer is not asked again when it is closed: that would block for as long once more."""
        try:
            with _told_as(what):
                yield
        except SourceError:
            self._gone = True
            raise

    def _opened(self) -> "Aravis.Camera":
        if self._camera is None:
            raise SourceError("the camera is closed", hint="it is being opened again")
        return self._camera


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


class _AravisFeatures:
    """Features of an open camera."""

    def __init__(self, camera: "Aravis.Camera") -> None:
        self._camera = camera

    def has(self, name: str) -> bool:
        return bool(self._camera.is_feature_available(name))

    def read(self, name: str) -> Value:
        if name in TEXTS:
            return str(self._camera.get_string(name))
        if name in FLAGS:
            return bool(self._camera.get_boolean(name))
        if name in EXPOSURE_NAMES + DELAY_NAMES:
            return float(self._camera.get_float(name))
        return int(self._camera.get_integer(name))

    def write(self, name: str, value: Value) -> None:
        setters = {str: self._camera.set_string, int: self._camera.set_integer, float: self._camera.set_float}
        setters[type(value)](name, value)

    def choices(self, name: str) -> Sequence[str]:
        return list(self._camera.dup_available_enumerations_as_strings(name))

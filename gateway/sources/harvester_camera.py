"""A camera through any maker's GenTL producer and the library harvesters (pip extra `[harvesters]`).

A camera that cannot be triggered runs free: then a trigger takes the second frame that comes after it, as the first one
may have been exposed before.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gateway.core.errors import SourceError
from gateway.sources.found_camera import IS_IT_ON, Found, chosen
from gateway.sources.free_running import FreeRunning
from gateway.sources.genicam_camera import Frame, Shutter
from gateway.sources.genicam_features import Value, apply_settings, has_trigger, shutter_of, wait_for_triggers
from gateway.sources.genicam_settings import GenicamSettings
from gateway.sources.gentl_producer import Producer, library_errors

if TYPE_CHECKING:
    from genicam.genapi import NodeMap
    from harvesters.core import Buffer, DeviceInfo, ImageAcquirer

log = logging.getLogger(__name__)

BUFFERS = 8
"""Frames that can wait in memory: far more than the session ever leaves there."""
POLL_S = 0.001
"""The library keeps the interpreter to itself while it waits, so it is asked again and again instead."""
AT_ONCE_S = 1e-6
"""The least that the library takes for a time-out; 0 is for ever."""
ACCESS = {1: "free", 2: "free for reading", 3: "not accessible", 4: "used by a program", 5: "used by this program"}
"""GenTL's DEVICE_ACCESS_STATUS."""


@contextmanager
def _told_as(what: str, hint: str = IS_IT_ON) -> Iterator[None]:
    """The library's errors as a SourceError."""
    try:
        yield
    except library_errors() as error:
        raise SourceError(f"{what}: {str(error).split(' : ')[0]}", hint=hint) from error


def find_cameras(producer: str) -> list[Found]:
    """The cameras that a producer reaches. Raises SourceError where it cannot be loaded."""
    source = Producer(producer)
    source.acquire()
    try:
        with _told_as("no search for cameras"):
            return [_described(device) for device in source.devices()]
    finally:
        source.release()


def _described(device: "DeviceInfo") -> Found:
    model, vendor, serial, user_name = (
        _told(device, name) for name in ("model", "vendor", "serial_number", "user_defined_name")
    )
    return Found("harvesters", model, vendor, serial, user_name, "", device.id_, ACCESS.get(device.access_status, ""))


def _told(device: "DeviceInfo", name: str) -> str:
    """What the producer tells of a camera; it need not."""
    try:
        return str(getattr(device, name))
    except library_errors():
        return ""


class HarvesterCamera:
    """A GenicamCamera, found by the producer's id of it, serial number, or the name that its user gave it."""

    def __init__(self, settings: GenicamSettings) -> None:
        self._settings = settings
        self._producer = Producer(str(settings.producer))
        self._acquirer: ImageAcquirer | None = None
        self._incomplete: list[None] = []
        self._free: FreeRunning | None = None
        self._number = 0

    def open(self) -> None:
        self.close()
        self._producer.acquire()
        hint = "only one program controls a camera: close the maker's viewer"
        with _told_as("the camera cannot be opened", hint):
            devices = self._producer.devices()
            device = devices[chosen([_described(one) for one in devices], self._settings.camera)]
            self._acquirer = self._producer.create(device)
            self._incomplete = _incomplete_frames(self._acquirer)

    def configure(self, exposed: Callable[[int], None]) -> Shutter:
        acquirer = self._opened()
        hint = "correct the setting; the maker's viewer shows what the camera takes"
        with _told_as("the camera does not take the settings", hint):
            acquirer.stop()
            features = _HarvesterFeatures(acquirer.remote_device.node_map)
            apply_settings(features, self._settings)
            triggered = has_trigger(features) or self._settings.trigger == "hardware"
            self._free = None if triggered else FreeRunning(self._taken)
            if self._free is None:
                wait_for_triggers(features, self._settings)
            else:
                log.warning("the camera has no trigger: the second frame after each trigger is taken")
        with _told_as("the camera's stream cannot be opened"):
            self._number = 0
            self._incomplete.clear()
            acquirer.num_buffers = BUFFERS
            acquirer.timeout_period_on_update_event_data_call = 0
            acquirer.start()
            return shutter_of(features) if self._free is None else Shutter()

    def trigger(self) -> None:
        acquirer = self._opened()
        if self._free is not None:
            self._free.trigger()
            return
        with _told_as("the camera does not take the trigger"):
            acquirer.remote_device.node_map.TriggerSoftware.execute()

    def next_frame(self, timeout_s: float) -> Frame | None:
        return self._free.next_frame(timeout_s) if self._free is not None else self._taken(timeout_s)

    def _taken(self, timeout_s: float) -> Frame | None:
        """The oldest frame that has come. The library throws a damaged one away, but tells that there was one."""
        acquirer, end = self._opened(), time.monotonic() + timeout_s
        with _told_as("the camera's stream broke"):
            while (buffer := acquirer.try_fetch(timeout=AT_ONCE_S)) is None:
                if self._incomplete:
                    return self._damaged(acquirer)
                if time.monotonic() >= end:
                    return None
                time.sleep(POLL_S)
            try:
                frame = _frame(buffer)
            finally:
                buffer.queue()
        self._number = frame.number
        return frame

    def _damaged(self, acquirer: "ImageAcquirer") -> Frame:
        self._incomplete.pop()
        self._number += 1
        nodes = acquirer.remote_device.node_map
        size = (nodes.Width.value, nodes.Height.value)
        return Frame(self._number, *size, nodes.PixelFormat.value, 0, b"", "the frame is damaged: it came incomplete")

    def look(self) -> None:
        with _told_as("the camera does not answer"):
            self._opened().remote_device.node_map.PayloadSize.get_value(False, True)

    def close(self) -> None:
        acquirer, self._acquirer = self._acquirer, None
        if acquirer is not None:
            self._producer.destroy(acquirer)
        self._producer.release()

    def _opened(self) -> "ImageAcquirer":
        if self._acquirer is None or not self._acquirer.is_valid():
            raise SourceError("the camera is closed", hint="it is being opened again")
        return self._acquirer


def _incomplete_frames(acquirer: "ImageAcquirer") -> list[None]:
    """Gets an entry for each frame that the library throws away, in the thread that fetches frames."""
    from harvesters.core import Callback

    seen: list[None] = []

    class Told(Callback):  # type: ignore[misc]  # the library has no types
        def emit(self, context: object = None) -> None:
            seen.append(None)

    acquirer.add_callback(acquirer.Events.INCOMPLETE_BUFFER, Told())
    return seen


def _frame(buffer: "Buffer") -> Frame:
    number = buffer.module.frame_id
    parts = buffer.payload.components
    if len(parts) != 1:
        return Frame(number, 0, 0, "", 0, b"", f"the frame is damaged: it has {len(parts)} images, not one")
    (part,) = parts
    return Frame(number, part.width, part.height, part.data_format, part.x_padding, part.data.tobytes())


class _HarvesterFeatures:
    """Features of an open camera. What has no node, or is hidden by another setting, is not there."""

    def __init__(self, nodes: "NodeMap") -> None:
        self._nodes = nodes

    def has(self, name: str) -> bool:
        from genicam.genapi import EAccessMode

        return self._nodes.has_node(name) and self._nodes.get_node(name).get_access_mode() in (
            EAccessMode.RO,
            EAccessMode.WO,
            EAccessMode.RW,
        )

    def read(self, name: str) -> Value:
        value: Value = self._nodes.get_node(name).value
        return value

    def write(self, name: str, value: Value) -> None:
        self._nodes.get_node(name).value = value

    def choices(self, name: str) -> Sequence[str]:
        return list(self._nodes.get_node(name).symbolics)

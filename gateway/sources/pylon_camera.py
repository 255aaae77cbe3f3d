"""A Basler camera through Basler's own library pypylon (pip extra `[pylon]`), imported only when it is used.

GigE Vision and USB3 Vision; with PYLON_CAMEMU=N in the environment also the N cameras that the library emulates.
"""

import ipaddress
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import TYPE_CHECKING

from gateway.core.errors import SourceError
from gateway.sources.camera_drivers import INSTALL
from gateway.sources.found_camera import IS_IT_ON, Found, chosen
from gateway.sources.genicam_camera import Frame, Shutter
from gateway.sources.genicam_features import Value, apply_settings, shutter_of, wait_for_triggers
from gateway.sources.genicam_settings import GenicamSettings

if TYPE_CHECKING:
    from pypylon import pylon

log = logging.getLogger(__name__)

EMULATION = "BaslerCamEmu"
BUFFERS = 8
"""Frames that can wait in memory: far more than the session ever leaves there."""
READY_MS = 1000
"""How long a camera may take to be ready for the next trigger: it is still reading out the frame before."""


def library() -> "tuple[ModuleType, type[Exception]]":
    """pypylon, and the class of all its errors. Raises SourceError where it is not installed."""
    try:
        from pypylon import genicam, pylon
    except ImportError as error:
        raise SourceError(
            "Basler cameras need the package pypylon, which is not installed", hint=INSTALL["pylon"]
        ) from error
    return pylon, genicam.GenericException


@contextmanager
def _told_as(what: str, hint: str = IS_IT_ON) -> Iterator[None]:
    """The library's errors as a SourceError."""
    try:
        yield
    except library()[1] as error:
        raise SourceError(f"{what}: {_first_sentence(error)}", hint=hint) from error


def _first_sentence(error: Exception) -> str:
    """Without the place in the library's source that it was thrown at."""
    return str(error).split(" : ")[0]


def _search(interface: str) -> "list[pylon.DeviceInfo]":
    """On loopback there are only those that the library emulates; a search for others goes out on every interface."""
    pylon, _ = library()
    factory = pylon.TlFactory.GetInstance()
    with _told_as("no search for cameras"):
        if interface and _is_loopback(interface):
            emulation = factory.CreateTl(EMULATION)
            return list(emulation.EnumerateDevices()) if emulation is not None else []
        devices = list(factory.EnumerateDevices())
    return [device for device in devices if not interface or _property(device, "Interface") in ("", interface)]


def _is_loopback(interface: str) -> bool:
    try:
        return ipaddress.ip_address(interface).is_loopback
    except ValueError as error:
        hint = "write the IP address of one of this machine's interfaces"
        raise SourceError(f"{interface} is no IP address", hint=hint) from error


def _property(device: "pylon.DeviceInfo", name: str) -> str:
    known, value = device.GetPropertyValue(name)
    return str(value) if known else ""


def find_cameras(interface: str = "") -> list[Found]:
    """The Basler cameras that answer; with `interface` only those of that network card, and those without a network.

    None is disturbed. Raises SourceError where the library is missing.
    """
    factory = library()[0].TlFactory.GetInstance()
    return [_described(device, free=factory.IsDeviceAccessible(device)) for device in _search(interface)]


def _described(device: "pylon.DeviceInfo", *, free: bool) -> Found:
    return Found(
        "pylon",
        _property(device, "ModelName"),
        _property(device, "VendorName"),
        _property(device, "SerialNumber"),
        _property(device, "UserDefinedName"),
        _with_colons(_property(device, "MacAddress")),
        _property(device, "IpAddress") or _property(device, "FullName"),
        "free" if free else "used by a program",
    )


def _with_colons(mac: str) -> str:
    """pylon writes 0030531A2B3C."""
    return ":".join(mac[place : place + 2] for place in range(0, len(mac), 2))


class PylonCamera:
    """A GenicamCamera, found by address, serial number or the name that its user gave it."""

    def __init__(self, settings: GenicamSettings) -> None:
        self._settings = settings
        self._camera: pylon.InstantCamera | None = None
        self._pixel_format = ""

    def open(self) -> None:
        self.close()
        devices = _search(self._settings.interface)
        device = devices[chosen([_described(one, free=True) for one in devices], self._settings.camera)]
        pylon, _ = library()
        with _told_as("the camera cannot be opened", "only one program controls a camera: close the pylon Viewer"):
            camera = pylon.InstantCamera(pylon.TlFactory.GetInstance().CreateDevice(device))
            camera.Open()
        self._camera = camera

    def configure(self, exposed: Callable[[int], None]) -> Shutter:
        camera = self._opened()
        with _told_as(
            "the camera does not take the settings", "correct the setting; the pylon Viewer shows what it takes"
        ):
            camera.StopGrabbing()
            features = _PylonFeatures(camera)
            self._pixel_format = apply_settings(features, self._settings)
            wait_for_triggers(features, self._settings)
        with _told_as("the camera's stream cannot be opened"):
            camera.MaxNumBuffer.SetValue(BUFFERS)
            camera.StartGrabbing(library()[0].GrabStrategy_OneByOne)
            return shutter_of(features)

    def trigger(self) -> None:
        camera = self._opened()
        with _told_as("the camera does not take the trigger"):
            if camera.CanWaitForFrameTriggerReady() and not self._ready(camera):
                raise SourceError(f"the camera was not ready for a trigger within {READY_MS} ms", hint=IS_IT_ON)
            camera.ExecuteSoftwareTrigger()

    def _ready(self, camera: "pylon.InstantCamera") -> bool:
        """A trigger that comes too early is lost without an error, the first one after a start above all."""
        return bool(camera.WaitForFrameTriggerReady(READY_MS, library()[0].TimeoutHandling_Return))

    def next_frame(self, timeout_s: float) -> Frame | None:
        camera = self._opened()
        with _told_as("the camera's stream broke"):
            if not camera.IsGrabbing():
                raise SourceError("the camera's stream is closed", hint="it is being opened again")
            result = camera.RetrieveResult(round(timeout_s * 1000), library()[0].TimeoutHandling_Return)
            if not result.IsValid():
                return None
            try:
                return self._frame(result)
            finally:
                result.Release()

    def _frame(self, result: "pylon.GrabResult") -> Frame:
        damage = "" if result.GrabSucceeded() else f"the frame is damaged: {result.GetErrorDescription()}"
        size = (result.GetWidth(), result.GetHeight())
        data = b"" if damage else _copied(result)
        return Frame(result.GetBlockID(), *size, self._pixel_format, result.GetPaddingX(), data, damage)

    def look(self) -> None:
        camera = self._opened()
        with _told_as("the camera does not answer"):
            if camera.IsCameraDeviceRemoved():
                raise SourceError("the camera was removed", hint=IS_IT_ON)
            camera.GetNodeMap().GetNode("PayloadSize").GetValue(False, True)

    def close(self) -> None:
        camera, self._camera = self._camera, None
        if camera is None:
            return
        try:
            camera.Close()
            camera.DestroyDevice()
        except library()[1] as error:  # a camera that is gone cannot be told goodbye
            log.debug("cannot close the camera: %s", error)

    def _opened(self) -> "pylon.InstantCamera":
        if self._camera is None:
            raise SourceError("the camera is closed", hint="it is being opened again")
        return self._camera


def _copied(result: "pylon.GrabResult") -> bytes:
    """Its pixels, copied once: GetBuffer would make a copy of its own before."""
    with result.GetMemoryView() as view:
        return bytes(view)


class _PylonFeatures:
    """Features of an open pylon camera."""

    def __init__(self, camera: "pylon.InstantCamera") -> None:
        self._nodes = camera.GetNodeMap()

    def has(self, name: str) -> bool:
        from pypylon import genicam

        return bool(genicam.IsAvailable(self._nodes.GetNode(name)))  # a placeholder where there is no such node

    def read(self, name: str) -> Value:
        value: Value = self._nodes.GetNode(name).GetValue()
        return value

    def write(self, name: str, value: Value) -> None:
        self._nodes.GetNode(name).SetValue(value)

    def choices(self, name: str) -> Sequence[str]:
        return list(self._nodes.GetNode(name).GetSymbolics())

"""The libraries that can drive a GenICam camera: which are installed, and how to get those that are not.

Nothing of a library is imported before it is used.
"""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gateway.core.errors import ConfigError

if TYPE_CHECKING:
    from gateway.sources.found_camera import Found
    from gateway.sources.genicam_camera import GenicamCamera
    from gateway.sources.genicam_settings import GenicamSettings

DriverName = Literal["viva", "pylon", "harvesters", "aravis"]
DRIVERS: tuple[DriverName, ...] = ("viva", "pylon", "harvesters", "aravis")

PACKAGES: dict[DriverName, str] = {
    "viva": "viva-genicam",
    "pylon": "pypylon",
    "harvesters": "harvesters",
    "aravis": "Aravis (with PyGObject)",
}
INSTALL: dict[DriverName, str] = {
    "viva": "pip install 'pekat-plc-gateway[genicam]'",
    "pylon": "pip install 'pekat-plc-gateway[pylon]'",
    "harvesters": "pip install 'pekat-plc-gateway[harvesters]'",
    "aravis": "apt install gir1.2-aravis-0.8 python3-gi, and a virtual environment made with --system-site-packages",
}
MODULES: dict[DriverName, str] = {
    "viva": "viva_genicam",
    "pylon": "pypylon",
    "harvesters": "harvesters",
    "aravis": "gi",
}


@dataclass(frozen=True, slots=True)
class Search:
    """Where cameras are searched for: on one interface of this machine, "" on all; with GenTL, by this producer."""

    interface: str = ""
    producer: str = ""


def installed(driver: DriverName) -> bool:
    """Whether the library can be imported; of Aravis, also whether its description is there."""
    return importlib.util.find_spec(MODULES[driver]) is not None and (driver != "aravis" or _aravis_described())


def _aravis_described() -> bool:
    import gi

    try:
        gi.require_version("Aravis", "0.8")
    except ValueError:
        return False
    return True


def camera_of(settings: "GenicamSettings", station: str) -> "GenicamCamera":
    """The camera, not yet opened. Raises ConfigError where its library is not installed."""
    if not installed(settings.driver):
        text = f"{PACKAGES[settings.driver]} is not installed"
        raise ConfigError(f"station {station}", f'driver = "{settings.driver}"', text, INSTALL[settings.driver])
    return _CAMERAS[settings.driver](settings)


def find_cameras(driver: DriverName, search: Search) -> "list[Found]":
    """What the library finds; no camera is disturbed. Blocks for some seconds. Raises SourceError."""
    return _SEARCHES[driver](search)


def _viva(settings: "GenicamSettings") -> "GenicamCamera":
    from gateway.sources.viva_camera import VivaCamera

    return VivaCamera(settings)


def _pylon(settings: "GenicamSettings") -> "GenicamCamera":
    from gateway.sources.pylon_camera import PylonCamera

    return PylonCamera(settings)


def _harvesters(settings: "GenicamSettings") -> "GenicamCamera":
    from gateway.sources.harvester_camera import HarvesterCamera

    return HarvesterCamera(settings)


def _aravis(settings: "GenicamSettings") -> "GenicamCamera":
    from gateway.sources.aravis_camera import AravisCamera

    return AravisCamera(settings)


def _find_viva(search: Search) -> "list[Found]":
    from gateway.sources import viva_camera

    found = viva_camera.find_cameras(search.interface)
    return found if search.interface else [*found, *viva_camera.find_usb_cameras()]


def _find_pylon(search: Search) -> "list[Found]":
    from gateway.sources import pylon_camera

    return pylon_camera.find_cameras(search.interface)


def _find_harvesters(search: Search) -> "list[Found]":
    from gateway.sources import harvester_camera

    return harvester_camera.find_cameras(search.producer)


def _find_aravis(search: Search) -> "list[Found]":
    from gateway.sources import aravis_camera

    return aravis_camera.find_cameras()


_CAMERAS: dict[DriverName, Callable[["GenicamSettings"], "GenicamCamera"]] = {
    "viva": _viva,
    "pylon": _pylon,
    "harvesters": _harvesters,
    "aravis": _aravis,
}
_SEARCHES: dict[DriverName, Callable[[Search], "list[Found]"]] = {
    "viva": _find_viva,
    "pylon": _find_pylon,
    "harvesters": _find_harvesters,
    "aravis": _find_aravis,
}

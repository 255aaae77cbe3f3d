"""GenTL producers (.cti files) that are open in this process, shared by the cameras that they reach.

A producer can be opened once in a process, and a new search closes every camera that it has open: so there is one for
all stations, and it searches only while none of its cameras is in use.
"""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.core.errors import SourceError
from gateway.sources.camera_drivers import INSTALL

if TYPE_CHECKING:
    from harvesters.core import DeviceInfo, Harvester, ImageAcquirer

log = logging.getLogger(__name__)

FOLDERS = "GENICAM_GENTL64_PATH" if sys.maxsize > 2**32 else "GENICAM_GENTL32_PATH"
"""Environment variable of the GenTL standard."""
_TURN = threading.Lock()


@dataclass(slots=True)
class _Open:
    """One open producer and how many use it."""

    harvester: "Harvester"
    users: int = 0
    cameras: int = 0


_OPEN: dict[str, _Open] = {}
"""By the file's path. Global because the producer is: the standard has one per process."""


def library_errors() -> tuple[type[Exception], ...]:
    """The classes of all errors of harvesters and its bindings. Raises SourceError where it is not installed."""
    try:
        from genicam.genapi import GenericException as FeatureError
        from genicam.gentl import GenericException as TransportError
    except ImportError as error:
        text = "cameras with a GenTL producer need the package harvesters, which is not installed"
        raise SourceError(text, hint=INSTALL["harvesters"]) from error
    return FeatureError, TransportError


def producers_of_this_machine() -> list[Path]:
    """The .cti files in the folders that the makers' installers wrote into the environment, as the standard says."""
    folders = os.environ.get(FOLDERS, "").split(os.pathsep)
    return sorted(file for folder in folders if folder for file in Path(folder).glob("*.cti"))


class Producer:
    """A use of one producer, from `acquire` to `release`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._open: _Open | None = None

    def acquire(self) -> None:
        """Raises SourceError where the file is no producer for this machine."""
        with _TURN:
            if self._path not in _OPEN:
                _OPEN[self._path] = _Open(_opened(self._path))
            self._open = _OPEN[self._path]
            self._open.users += 1

    def release(self) -> None:
        """The last one closes the producer. Does nothing where it is not acquired."""
        with _TURN:
            mine, self._open = self._open, None
            if mine is None:
                return
            mine.users -= 1
            if not mine.users:
                del _OPEN[self._path]
                with _despite("close the producer"):
                    mine.harvester.reset()

    def devices(self) -> "list[DeviceInfo]":
        """The cameras that it finds; while one of them is in use, those that it found before."""
        with _TURN:
            mine = self._mine()
            if not mine.cameras:
                mine.harvester.update()
            return list(mine.harvester.device_info_list)

    def create(self, device: "DeviceInfo") -> "ImageAcquirer":
        """Open a camera. Raises the library's errors."""
        with _TURN:
            mine = self._mine()
            acquirer = mine.harvester.create(device)
            mine.cameras += 1
            return acquirer

    def destroy(self, acquirer: "ImageAcquirer") -> None:
        """Close a camera. Never raises for one that is gone."""
        with _TURN:
            if self._open is not None:
                self._open.cameras -= 1
            with _despite("close the camera"):
                acquirer.destroy()

    def _mine(self) -> _Open:
        if self._open is None:
            raise SourceError("the GenTL producer is closed", hint="it is being opened again")
        return self._open


def _opened(path: str) -> "Harvester":
    library_errors()
    from harvesters.core import Harvester

    harvester = Harvester(logger=log)
    hint = "write the path of the .cti file that the camera's maker installs, for this kind of machine"
    if not Path(path).is_file():
        raise SourceError(f"there is no GenTL producer {path}", hint=hint)
    try:
        harvester.add_file(path, check_validity=True)
    except OSError as error:
        raise SourceError(f"{path} is no GenTL producer: {error}", hint=hint) from error
    return harvester


@contextmanager
def _despite(what: str) -> Iterator[None]:
    """A camera that is gone cannot be told goodbye; what this machine holds of it is given back all the same."""
    try:
        yield
    except library_errors() as error:
        log.debug("cannot %s: %s", what, error)

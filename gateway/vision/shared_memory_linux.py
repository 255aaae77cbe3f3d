"""Blocks of shared memory on Linux: files in /dev/shm, which is what POSIX shared memory is there.

A block is locked as long as it is in use. The kernel drops the lock with the process, however that ends, so `sweep`
knows a dead gateway's block from a living one's: by no process id, which other containers count anew.
`multiprocessing.shared_memory` would start a process that watches over it (its resource tracker), which removes what it
should not and complains on the terminal.
"""

import fcntl
import logging
import mmap
import os
import re
import secrets
import stat
from pathlib import Path

import numpy as np

log = logging.getLogger(__name__)

FOLDER = Path("/dev/shm")
PREFIX = "pekatgw_"
_OURS = re.compile(PREFIX + r"\d+_[0-9a-f]{16}")
_OPEN = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW


class LinuxBlock:
    """A file in /dev/shm, 0600 as the vendor's client has it: PEKAT has to run as the same user."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.name, self._descriptor = _locked_file()
        try:
            # Memory is taken now: where there is too little, this is an error, not a bus fault while copying.
            os.posix_fallocate(self._descriptor, 0, size)
            self._map = mmap.mmap(self._descriptor, size, mmap.MAP_SHARED | mmap.MAP_POPULATE)
        except OSError:
            self.remove()
            os.close(self._descriptor)
            raise
        self._pixels: np.ndarray | None = np.frombuffer(self._map, np.uint8)

    @property
    def there(self) -> bool:
        return os.fstat(self._descriptor).st_nlink > 0

    def fill(self, pixels: bytes | memoryview) -> None:
        if self._pixels is None:
            raise OSError(f"{self.name} is closed")
        np.copyto(self._pixels, np.frombuffer(pixels, np.uint8))

    def remove(self) -> None:
        if self.there:
            (FOLDER / self.name).unlink(missing_ok=True)

    def close(self) -> None:
        self._pixels = None
        self._map.close()
        os.close(self._descriptor)


def _locked_file() -> tuple[str, int]:
    """A new file and its descriptor, with its lock held. A sweeper can get in between making and locking it."""
    while True:
        name = f"{PREFIX}{os.getpid()}_{secrets.token_hex(8)}"  # the process id is for people
        descriptor = os.open(FOLDER / name, _OPEN | os.O_CREAT | os.O_EXCL, 0o600)
        if _lock(descriptor) and os.fstat(descriptor).st_nlink > 0:
            return name, descriptor
        os.close(descriptor)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sweep() -> int:
    """Remove the blocks of gateways of this user that have ended without doing so (killed), and say how many."""
    if not FOLDER.is_dir():
        return 0
    left = [entry for entry in os.scandir(FOLDER) if _OURS.fullmatch(entry.name)]
    return sum(_removed(Path(entry.path)) for entry in left)


def _removed(path: Path) -> bool:
    try:
        descriptor = os.open(path, _OPEN)
    except OSError as error:  # gone by now, or another user's
        log.debug("%s is not ours to remove: %s", path, error)
        return False
    try:
        facts = os.fstat(descriptor)
        mine = stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid()
        if not (mine and facts.st_nlink and _lock(descriptor)):
            return False
        path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)
    log.info("%s removed: the gateway that made it was killed", path)
    return True

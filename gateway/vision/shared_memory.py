"""Blocks of shared memory that a PEKAT on this machine reads frames from: made, found again, and always removed.

On Linux a block is a file in /dev/shm, which is what POSIX shared memory is there, locked as long as it is in use. The
kernel drops the lock with the process, however that ends, so `sweep` knows a dead gateway's block from a living one's:
by no process id, which other containers count anew. `multiprocessing.shared_memory` would start a process that watches
(its resource tracker), which complains on the terminal. Elsewhere it is what there is: Windows drops a block with its
last user, and on macOS the tracker does the removing.
"""

import logging
import mmap
import os
import re
import secrets
import stat
import sys
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path
from threading import Lock
from typing import Protocol

import numpy as np

if sys.platform == "linux":
    import fcntl

log = logging.getLogger(__name__)

FOLDER = Path("/dev/shm")
PREFIX = "pekatgw_"
_OURS = re.compile(PREFIX + r"\d+_[0-9a-f]{16}")
_OPEN = os.O_RDWR | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class Block(Protocol):
    """One block. `name` is what the reader attaches by; its size is exact on Linux, elsewhere rounded up to pages."""

    name: str
    size: int

    @property
    def there(self) -> bool:
        """Whether a reader can still find it: a PEKAT that ends may remove by name what it had attached."""
        ...

    def fill(self, pixels: bytes | memoryview) -> None:
        """Copy the pixels in. The interpreter is free meanwhile: the event loop goes on."""
        ...

    def remove(self) -> None:
        """Take the name away: nobody finds it any more; whoever has it attached reads on undisturbed."""
        ...

    def close(self) -> None:
        """Give the memory back, as far as this process goes. It is removed before."""
        ...


class _LinuxBlock:
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


class _PortableBlock:
    """A block of the standard library's."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._memory = shared_memory.SharedMemory(create=True, size=size)
        self.name = self._memory.name
        self._removed = False

    @property
    def there(self) -> bool:
        return not self._removed

    def fill(self, pixels: bytes | memoryview) -> None:
        room = self._memory.buf
        if room is None:
            raise OSError(f"{self.name} is closed")
        np.copyto(np.frombuffer(room, np.uint8, self.size), np.frombuffer(pixels, np.uint8))

    def remove(self) -> None:
        if self._removed:
            return
        self._removed = True
        try:
            self._memory.unlink()
        except FileNotFoundError as error:  # a reader's resource tracker was first
            log.debug("%s was removed already: %s", self.name, error)
            resource_tracker.unregister(f"/{self.name}", "shared_memory")

    def close(self) -> None:
        self._memory.close()


def new_block(size: int) -> Block:
    """A block of so many bytes. Raises OSError where there is no room, or no shared memory."""
    return _LinuxBlock(size) if sys.platform == "linux" else _PortableBlock(size)


if sys.platform == "linux":

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

else:

    def sweep() -> int:
        """Nothing to do: the system, or Python's resource tracker, removes what a killed process leaves."""
        return 0


class Blocks:
    """A ring of blocks that frames go through, one for each request under way; some are kept for the next.

    Any thread may call. A block is of exactly a frame's size: PEKAT counts the channels by it. So the ring holds blocks
    of the newest sizes, at most `keep` of them free.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._free: list[Block] = []
        self._used: set[Block] = set()
        self._closed = False
        self._lock = Lock()

    def filled(self, pixels: bytes | memoryview) -> Block:
        """A block that holds these pixels, for one request. Raises OSError where none can be had."""
        size = memoryview(pixels).nbytes
        block = self._taken(size) or new_block(size)
        with self._lock:
            self._used.add(block)
            closed = self._closed
        if closed:
            self.retire(block)
            raise OSError("the inspector has ended")
        try:
            block.fill(pixels)
        except BaseException:
            self.retire(block)
            raise
        return block

    def give_back(self, block: Block) -> None:
        """The request was answered: nobody reads the block any more, and the next frame may have it."""
        with self._lock:
            if block in self._used and not self._closed:
                self._used.discard(block)
                self._free.append(block)
                surplus = self._free.pop(0) if len(self._free) > self._keep else None
            else:
                surplus = block
        if surplus is not None:
            self.retire(surplus)

    def retire(self, block: Block) -> None:
        """The request was cut, or failed: PEKAT may read the block still, so no other frame may ever come into it."""
        with self._lock:
            self._used.discard(block)
        block.remove()
        block.close()

    def close(self) -> None:
        """Remove every block. One that a thread still has in hands loses its name now, its memory from that thread."""
        with self._lock:
            self._closed = True
            free, self._free = self._free, []
            for block in self._used:
                block.remove()
        for block in free:
            self.retire(block)

    def _taken(self, size: int) -> Block | None:
        with self._lock:
            fitting = next((block for block in reversed(self._free) if block.size == size), None)
            if fitting is not None:
                self._free.remove(fitting)
        if fitting is None or fitting.there:
            return fitting
        self.retire(fitting)
        return None

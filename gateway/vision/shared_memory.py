"""Blocks of shared memory that a PEKAT on this machine reads frames from: made, used again, and always removed.

Windows drops a block with its last user; on macOS Python's resource tracker removes what a killed gateway leaves. For
Linux see shared_memory_linux.py.
"""

import logging
import sys
from multiprocessing import resource_tracker, shared_memory
from threading import Lock
from typing import Protocol

import numpy as np

log = logging.getLogger(__name__)


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
    if sys.platform != "linux":
        return _PortableBlock(size)
    from gateway.vision.shared_memory_linux import LinuxBlock

    return LinuxBlock(size)


def sweep() -> int:
    """Remove the blocks of gateways of this user that have ended without doing so (killed), and say how many.

    Nothing to do but on Linux: elsewhere the system, or Python's resource tracker, does it.
    """
    if sys.platform != "linux":
        return 0
    from gateway.vision.shared_memory_linux import sweep as sweep_files

    return sweep_files()


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

"""A small file that is changed by a plain copy in memory: what was stored outlives this process, however that ends.

The kernel keeps the shared pages of a mapped file when the process is killed, and writes them to the disk in its own
time: no system call is made, nobody waits for the disk, and a loss of power may take the last half minute away. Two
slots take turns, each with a number and a checksum: a copy that is cut short leaves the one before it as it was.
"""

import logging
import mmap
import os
import struct
import zlib
from pathlib import Path
from typing import Self

log = logging.getLogger(__name__)

SLOT = 65_536
_MAGIC = b"PKPAGE01"
_FIRST = 4096
"""Where the first slot begins: slots do not share a page of memory with the file's own mark."""
SIZE = _FIRST + 2 * SLOT
_HEAD = struct.Struct("<QII")
_NUMBERED = struct.Struct("<QI")
CAPACITY = SLOT - _HEAD.size
"""The longest content, in bytes."""


class PageFile:
    """Opened by `opened`. Used by one thread at a time."""

    def __init__(self, file: Path, memory: mmap.mmap, serial: int, newest: bytes | None) -> None:
        self.file = file
        self._memory, self._serial, self._newest = memory, serial, newest

    @classmethod
    def opened(cls, file: Path) -> Self:
        """The file, made where there is none; one that is damaged or none of ours is made anew. Raises OSError. Blocks.

        All of its blocks are taken when it is made: a disk that is full later on changes nothing.
        """
        wrong = _wrong_with(file)
        if wrong is None:
            memory = _mapped(file)
            serial, newest = _newest(memory)
            if newest is not None or serial == 0:
                return cls(file, memory, serial, newest)
            memory.close()
            wrong = "is damaged"
        if wrong:
            log.warning("%s %s: it is ignored, and made anew", file, wrong)
        _make(file)
        return cls(file, _mapped(file), 0, None)

    @property
    def newest(self) -> bytes | None:
        """What was stored last before it was opened; None where nothing was, or nothing that is whole."""
        return self._newest

    def store(self, content: bytes) -> None:
        """Keep this instead of what was stored before. Raises ValueError for more than CAPACITY, and once closed."""
        if len(content) > CAPACITY:
            raise ValueError(f"{len(content)} bytes do not fit")
        serial = self._serial + 1
        at = _place(serial)
        begin = at + _HEAD.size
        self._memory[begin : begin + len(content)] = content
        self._memory[at:begin] = _HEAD.pack(serial, len(content), _checksum(serial, content))
        self._serial = serial

    def close(self) -> None:
        """Idempotent. The file stays."""
        self._memory.close()


def _place(serial: int) -> int:
    return _FIRST + serial % 2 * SLOT


def _checksum(serial: int, content: bytes) -> int:
    return zlib.crc32(content, zlib.crc32(_NUMBERED.pack(serial, len(content))))


def _mapped(file: Path) -> mmap.mmap:
    with file.open("r+b") as opened:
        return mmap.mmap(opened.fileno(), SIZE)


def _newest(memory: mmap.mmap) -> tuple[int, bytes | None]:
    """The number and the content of the newer whole slot; 0 where none was ever stored, -1 where none is whole."""
    serial, newest = 0, None
    for at in (_FIRST, _FIRST + SLOT):
        begin = at + _HEAD.size
        number, length, checksum = _HEAD.unpack(memory[at:begin])
        if (number, length, checksum) == (0, 0, 0):
            continue
        content = memory[begin : begin + length] if length <= CAPACITY else None
        if content is None or checksum != _checksum(number, content) or _place(number) != at:
            serial = serial or -1
        elif number > serial:
            serial, newest = number, content
    return serial, newest


def _wrong_with(file: Path) -> str | None:
    """None for a file that can be used, "" for none at all."""
    try:
        with file.open("rb") as opened:
            magic, size = opened.read(len(_MAGIC)), os.fstat(opened.fileno()).st_size
    except FileNotFoundError:
        return ""
    if magic != _MAGIC:
        return "is no acceptance page of this version of the gateway"
    return None if size == SIZE else f"has {size} bytes instead of {SIZE}"


def _make(file: Path) -> None:
    fresh = file.with_name(f"{file.name}.new")
    with fresh.open("wb") as made:
        made.write(_MAGIC.ljust(SIZE, b"\0"))
        made.flush()
        os.fsync(made.fileno())
    fresh.replace(file)

"""One look at one file: is it a whole picture, when was it written, what are its bytes."""

import os
import stat
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from gateway.images.ends import HEAD_BYTES, TAIL_BYTES, fault_of
from gateway.images.faults import ImageFault
from gateway.images.limits import ImageLimits, image_fault
from gateway.sources.shelf import FileKey


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. `fault` is None for a whole picture; `written_ns` is unix time in nanoseconds."""

    key: FileKey
    written_ns: int
    fault: ImageFault | None


@dataclass(frozen=True, slots=True)
class Contents:
    """A file that was read. `data` is empty where there is a `fault`."""

    key: FileKey
    data: bytes | memoryview
    fault: ImageFault | None = None


def key_of(name: str, status: os.stat_result, *, shared: bool) -> FileKey:
    """Which writing of which file this is."""
    return FileKey(name, status.st_mtime_ns, 0 if shared else status.st_ino, status.st_size)


def written_ns(status: os.stat_result) -> int:
    """When a file came to be as it is. On POSIX the change time shows a copy or a move that kept the old time."""
    return max(status.st_mtime_ns, status.st_ctime_ns) if os.name == "posix" else status.st_mtime_ns


def look(path: Path, *, shared: bool) -> Look | None:
    """See whether the file is whole, by its first and last bytes. None where it is no regular file. Raises OSError."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        return None
    with open(path, "rb", buffering=0) as file:
        head = file.read(HEAD_BYTES) or b""
        file.seek(max(0, status.st_size - TAIL_BYTES))
        tail = file.read(TAIL_BYTES) or b""
    return Look(key_of(path.name, status, shared=shared), written_ns(status), fault_of(head, tail, status.st_size))


def read(path: Path, limits: ImageLimits, *, shared: bool) -> Contents | None:
    """The whole file. None where it is no regular file, or was written to while it was read. Raises OSError.

    Asking for the kind first matters: opening a named pipe would wait for its writer. What is over the limit is not
    even opened, and of a file that grows meanwhile no more is read than it had.
    """
    before = path.stat()
    if not stat.S_ISREG(before.st_mode):
        return None
    key = key_of(path.name, before, shared=shared)
    if (large := limits.over_bytes(before.st_size)) is not None:
        return Contents(key, b"", large)
    with open(path, "rb", buffering=0) as file:
        data = _up_to(file, before.st_size + 1)
        after = os.fstat(file.fileno())
    if len(data) != before.st_size or after.st_size != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
        return None
    fault = image_fault(data, limits)
    return Contents(key, b"" if fault is not None else data, fault)


def _up_to(file: FileIO, count: int) -> bytes:
    """So many bytes, or what there is. A file system may give fewer at a time than it was asked for."""
    pieces, left = [], count
    while left and (piece := file.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)

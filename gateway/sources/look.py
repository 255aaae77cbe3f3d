"""One look at one file in the drop: is it a whole picture, when was it written, what are its bytes."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from gateway.sources.image_format import HEAD_BYTES, TAIL_BYTES, fault_of, fault_of_bytes
from gateway.sources.shelf import FileKey

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. `fault` is empty for a whole picture; `written_ns` is unix time in nanoseconds."""

    key: FileKey
    written_ns: int
    fault: str


@dataclass(frozen=True, slots=True)
class Contents:
    """A file that was read. `data` is empty where there is a `fault`."""

    key: FileKey
    data: bytes
    fault: str


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


def read(path: Path, limit: int, *, shared: bool) -> Contents | None:
    """The whole file. None where it is no regular file, or was written to while it was read. Raises OSError.

    Asking for the kind first matters: opening a named pipe would wait for its writer.
    """
    before = path.stat()
    if not stat.S_ISREG(before.st_mode):
        return None
    key = key_of(path.name, before, shared=shared)
    if before.st_size > limit:
        return Contents(key, b"", f"{before.st_size / MEGABYTE:.1f} MB, more than max_file_mb allows")
    with open(path, "rb", buffering=0) as file:
        data = file.readall()
        after = os.fstat(file.fileno())
    if after.st_size != before.st_size or after.st_mtime_ns != before.st_mtime_ns:
        return None
    fault = fault_of_bytes(data)
    return Contents(key, b"" if fault else data, fault)

"""What can be wrong with the history's file, told apart: damaged, somebody else's, or out of reach for now."""

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from gateway.core.errors import SinkError

_MAGIC = b"SQLite format 3\0"
_DAMAGED = ("SQLITE_CORRUPT", "SQLITE_NOTADB")
_PARTS = ("", "-wal", "-shm")
_HINTS = {
    "SQLITE_FULL": "free some space on the disk",
    "SQLITE_READONLY": "let the gateway write to the folder",
    "SQLITE_CANTOPEN": "let the gateway write to the folder",
    "SQLITE_BUSY": "another program holds the file",
    "SQLITE_INTERRUPT": "the question takes too long: narrow it down",
}


class DamagedError(SinkError):
    """The file is no database any more."""


class ForeignError(SinkError):
    """The file is somebody else's, or of a newer gateway: it is not touched."""


def look_at(file: Path) -> None:
    """Before SQLite does: make the folder, and tell a damaged database from a file that never was one."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        look_at_head(file)
    except FileNotFoundError:
        return
    except OSError as error:
        raise fault(error, file) from error


def look_at_head(file: Path) -> None:
    """Is it a database? Raises ForeignError, DamagedError, and OSError where the file is not there or not readable."""
    with file.open("rb") as opened:
        head = opened.read(len(_MAGIC))
    if head and head != _MAGIC:
        if head.strip(b"\0"):
            raise ForeignError(f"{file} is no SQLite database", hint="name another file in [history] file")
        raise DamagedError(f"{file} has lost its beginning")


def move_aside(file: Path) -> Path:
    """Rename a damaged file and what belongs to it; its new place. Raises SinkError where that cannot be done."""
    aside = file.with_name(f"{file.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S%f}")
    try:
        for part in _PARTS:
            old = file.with_name(file.name + part)
            if old.exists():
                old.replace(aside.with_name(aside.name + part))
    except OSError as error:
        raise SinkError(f"the damaged {file} cannot be moved aside: {error}", hint="move it away") from error
    return aside


def fault(error: DBAPIError | sqlite3.Error | OSError, file: Path | None) -> SinkError:
    """What went wrong, in words for the person at the line."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    name = str(getattr(cause, "sqlite_errorname", ""))
    if name.startswith(_DAMAGED):
        return DamagedError(f"{file} is damaged: {cause}", hint="see what the disk has to say")
    hints = (hint for start, hint in _HINTS.items() if name.startswith(start))
    return SinkError(f"{file}: {cause}", hint=next(hints, "is the disk full, or the folder read only?"))

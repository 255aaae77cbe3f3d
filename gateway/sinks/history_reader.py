"""Somebody else reads the history's file, also while a gateway writes it: it is never made, changed or locked."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Self

from sqlalchemy import Connection, NullPool, create_engine
from sqlalchemy.exc import DBAPIError

from gateway.core.errors import SinkError
from gateway.sinks.history_arrivals import ARRIVALS, ARRIVALS_SINCE
from gateway.sinks.history_file import DamagedError, ForeignError, fault, look_at_head
from gateway.sinks.history_pages import Pages, T
from gateway.sinks.history_place import Server, needs_psycopg
from gateway.sinks.history_schema import newer
from gateway.sinks.history_table import APPLICATION_ID, RESULTS, VERSION

BUSY_S = 5.0
"""How long another program may hold the file."""
_ATTEMPTS = 5
_DAMAGED = "keep a copy; the gateway moves the file aside as soon as it meets the damage, and begins a new one"

_Stamp = tuple[int, int, int]


class HistoryReader(Pages):
    """Enter it to read one file. Blocks; for one thread. Raises SinkError throughout, also from `with`.

    While a gateway has the file open there is a `-wal` beside it, and SQLite sees to it that each page is whole. Where
    there is none, nobody writes, and SQLite is told so: else it would make that file, owned by whoever reads. Should a
    gateway start meanwhile, the page is read again.
    """

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file
        self._connection: Connection | None = None
        self._alone_at: _Stamp | None = None
        """What the file was when it was opened without `-wal`; None with one."""

    def __enter__(self) -> Self:
        self._look()
        self._ask(self._check)
        return self

    def __exit__(self, *exc: object) -> None:
        self._close()

    # ---- the file ------------------------------------------------------------------------------------------

    def _look(self) -> None:
        try:
            look_at_head(self._file)
        except FileNotFoundError as error:
            hint = "--data names the folder gateway.data, --config the gateway.toml; a gateway makes it when it runs"
            raise SinkError(f"there is no history {self._file}", hint=hint) from error
        except OSError as error:
            raise _told(error, self._file) from error

    def _check(self, connection: Connection) -> None:
        """Is it ours, and do we know its table?"""
        application = connection.exec_driver_sql("PRAGMA application_id").scalar()
        version = connection.exec_driver_sql("PRAGMA user_version").scalar() or 0
        if not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
            raise SinkError(f"{self._file} is empty", hint="start its gateway: it makes what is missing")
        if application != APPLICATION_ID:
            hint = "name the history of a gateway: history.db in its folder gateway.data"
            raise ForeignError(f"{self._file} is a database of another program", hint=hint)
        if version > VERSION:
            raise newer(self._file, version, "read it with that gateway's own pekat-gateway")
        self._version = version
        self._answers = (ARRIVALS, RESULTS) if version >= ARRIVALS_SINCE else (RESULTS,)

    def _ask(self, question: Callable[[Connection], T]) -> T:
        for _ in range(_ATTEMPTS):
            try:
                answer = question(self._opened())
            except (DBAPIError, sqlite3.Error, OSError) as error:
                if self._undisturbed():
                    raise _told(error, self._file) from error
            except (KeyError, ValueError, TypeError) as error:  # a row that no gateway can have written
                if self._undisturbed():
                    raise DamagedError(f"{self._file} has a row that makes no sense: {error}", hint=_DAMAGED) from error
            else:
                if self._undisturbed():
                    return answer
            self._close()
        raise SinkError(f"{self._file} is made anew again and again", hint="wait for the gateway to come up; ask again")

    def _opened(self) -> Connection:
        if self._connection is None:
            self._alone_at = None if self._has_log() else self._stamp()
            address = f"{self._file.absolute().as_uri()}?mode=ro" + ("&immutable=1" if self._alone_at else "")
            engine = create_engine(
                "sqlite://", creator=lambda: sqlite3.connect(address, timeout=BUSY_S, uri=True), poolclass=NullPool
            )
            # Each question is a transaction of its own: one that stays open would keep the gateway's log growing.
            self._connection = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._connection

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            connection.engine.dispose()

    def _has_log(self) -> bool:
        """Somebody writes, or was killed while writing."""
        return any(self._file.with_name(self._file.name + part).exists() for part in ("-wal", "-journal"))

    def _stamp(self) -> _Stamp:
        now = self._file.stat()
        return now.st_ino, now.st_size, now.st_mtime_ns

    def _undisturbed(self) -> bool:
        """Nobody can have written unnoticed since the file was opened."""
        if self._alone_at is None:
            return True
        try:
            return not self._has_log() and self._stamp() == self._alone_at
        except OSError:
            return False


def _told(error: DBAPIError | sqlite3.Error | OSError, file: Path) -> SinkError:
    """For somebody who only reads."""
    told = fault(error, file)
    if isinstance(told, DamagedError):
        return DamagedError(str(told), hint=_DAMAGED)
    return SinkError(str(told), hint="run it as a user who may read the file and what is beside it, or ask again")


def reader_of(place: Path | Server) -> Pages:
    """For what is there. Raises SinkError where psycopg is needed and missing."""
    if isinstance(place, Path):
        return HistoryReader(place)
    with needs_psycopg(place):
        from gateway.sinks.history_server_reader import ServerReader
    return ServerReader(place)

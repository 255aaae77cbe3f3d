"""The history in SQLite: one file in WAL mode, so that reading never waits for writing; or memory."""

import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    NullPool,
    StaticPool,
    create_engine,
    event,
    insert,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from gateway.core.errors import SinkError
from gateway.sinks.history_backend import BUSY_S, QUERY_S, Written
from gateway.sinks.history_file import ForeignError, fault, look_at
from gateway.sinks.history_learnt import LEARNT
from gateway.sinks.history_schema import is_current, prepare
from gateway.sinks.history_stations import STATIONS
from gateway.sinks.history_table import AMENDED, APPLICATION_ID, COLUMNS, RESULTS, VERSION

_BEGIN = "how a transaction begins"
_STEPS = 10_000
"""SQLite's own machine steps between two looks at the clock: less than a millisecond."""
_DIALECT = sqlite.dialect(paramstyle="named")
_INSERT = str(insert(RESULTS).compile(dialect=_DIALECT, column_keys=COLUMNS))
_AMEND = str(AMENDED.compile(dialect=_DIALECT))
_LEARNT = str(LEARNT.compile(dialect=_DIALECT))
_NOTE = str(insert(STATIONS).prefix_with("OR REPLACE").compile(dialect=_DIALECT))
"""Written by SQLAlchemy once, run by the driver itself: a commit is on the way of every answer, and half as long so."""


class SqliteBackend:
    """See history_backend.Backend. `file` None: in memory, for who shares this very object."""

    errors: tuple[type[Exception], ...] = (DBAPIError, sqlite3.Error, OSError)
    rows_at_once = 20

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self.name = str(file)
        self.engine = _engine(file)
        self.replaceable = file is not None
        self.alone: AbstractContextManager[Any] = nullcontext() if file is not None else threading.Lock()
        self._durable = False
        self._durable_of: sqlite3.Connection | None = None

    def look(self) -> None:
        if self._file is not None:
            look_at(self._file)

    def prepare(self, connection: Connection) -> None:
        with connection.begin():
            done = is_current(connection, self)
        if not done:
            connection.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
            with connection.begin():
                prepare(connection, self)
            connection.execution_options(**{_BEGIN: "BEGIN"})
        _raw(connection).execute("PRAGMA journal_mode = WAL")

    def version(self, connection: Connection) -> int:
        version = _header(connection, "user_version")
        if not connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
            return 0
        if _header(connection, "application_id") != APPLICATION_ID:
            raise ForeignError(
                f"{self.name} is a database of another program", hint="name another file in [history] file"
            )
        return version

    def mark(self, connection: Connection) -> None:
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")

    def unfit(self, error: DBAPIError) -> bool:
        return getattr(error.orig, "sqlite_errorname", "") == "SQLITE_ERROR"

    def alive(self, connection: Connection) -> bool:
        return True

    def write(self, connection: Connection, written: Written) -> None:
        raw = _raw(connection)
        self._synchronise(raw, written.durable)
        with _transaction(raw):
            if any(written.amended):
                for row, again in zip(written.rows, written.amended, strict=True):
                    if not (again and raw.execute(_AMEND, row).rowcount):
                        raw.execute(_INSERT, row)
            else:
                raw.executemany(_INSERT, written.rows)
            raw.executemany(_NOTE, written.stations)

    def amend(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        raw = _raw(connection)
        self._synchronise(raw, False)
        with _transaction(raw):
            raw.executemany(_LEARNT, rows)

    @contextmanager
    def limited(self, connection: Connection) -> Iterator[None]:
        deadline = time.monotonic() + QUERY_S
        raw = _raw(connection)
        raw.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
        try:
            yield
        finally:
            raw.set_progress_handler(None, 0)

    def fault(self, error: Exception) -> SinkError:
        assert isinstance(error, DBAPIError | sqlite3.Error | OSError)
        return fault(error, self._file)

    def _synchronise(self, raw: sqlite3.Connection, durable: bool) -> None:
        """FULL waits for the disk at each commit."""
        if durable is not self._durable or self._durable_of is not raw:
            raw.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable, self._durable_of = durable, raw


def _engine(file: Path | None) -> Engine:
    if file is None:
        engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        url = URL.create("sqlite", database=str(file))
        engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": BUSY_S})
    event.listen(engine, "connect", _set_up)
    event.listen(engine, "begin", _begin)
    return engine


def _set_up(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # the driver's own way leaves making a table outside of any transaction
    # NORMAL: what is committed survives the process, and after a power loss the file is whole but for the last seconds.
    # FULL waits for the disk each time, and so does a picture that is dropped on the same disk: only if asked for.
    # The file that WAL needs beside it is cut to 64 MB at times.
    for setting in ("synchronous = NORMAL", "journal_size_limit = 67108864", "temp_store = MEMORY"):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get(_BEGIN, "BEGIN"))


def _header(connection: Connection, field: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {field}").scalar() or 0)


def _raw(connection: Connection) -> sqlite3.Connection:
    raw = connection.connection.driver_connection
    assert isinstance(raw, sqlite3.Connection)
    return raw


@contextmanager
def _transaction(raw: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing."""
    raw.execute("BEGIN")
    try:
        yield
        raw.execute("COMMIT")
    except BaseException:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        raise

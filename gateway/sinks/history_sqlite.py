"""The history in SQLite: one file in WAL mode, so that reading never waits for writing; or memory."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    NullPool,
    Select,
    StaticPool,
    Table,
    create_engine,
    event,
    insert,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from gateway.core.errors import SinkError
from gateway.sinks.history_arrivals import ARRIVALS, NOTE, Arrivals
from gateway.sinks.history_arrivals import file as file_all
from gateway.sinks.history_backend import BUSY_S, QUERY_S, Written
from gateway.sinks.history_file import ForeignError, fault, look_at
from gateway.sinks.history_learnt import LEARNT
from gateway.sinks.history_notes import row_of_note
from gateway.sinks.history_schema import is_current, prepare
from gateway.sinks.history_stations import IDENTITY, STATIONS
from gateway.sinks.history_table import AMENDED, APPLICATION_ID, COLUMNS, RESULTS, VERSION, named
from gateway.worker import Courtesy

PAGE = 4096
LOG_PAGES = 1000
"""Of the log (4 KB each) are gathered before they go into the file: SQLite's own measure."""
SPARE = 10
"""So many times the room that the log takes has to be free on the disk for it to be taken at once."""
FILE_S = 0.2
"""After that long an arrival is filed: with those that came meanwhile, at a moment when nobody waits."""
_BEGIN = "how a transaction begins"
_ROWS_AT_ONCE = 20
"""Taken from the driver itself: a day's NOK are there 2 ms sooner than through SQLAlchemy's rows."""
_CACHE = "PRAGMA cache_size = -16000"
"""KB of the file that a reader keeps, until somebody writes: whoever asks for the same day again, as for another of its
values, has the rows 2 ms sooner. A writer has no use for it."""
_STEPS = 10_000
"""SQLite's own machine steps between two looks at the clock: less than a millisecond."""
_DIALECT = sqlite.dialect(paramstyle="named")
_INSERT = str(insert(RESULTS).compile(dialect=_DIALECT, column_keys=COLUMNS))
_AMEND = str(AMENDED.compile(dialect=_DIALECT))
_LEARNT = str(LEARNT.compile(dialect=_DIALECT))
"""Written by SQLAlchemy once, run by the driver itself: a commit is on the way of every answer, and half as long so."""
_SAME = "UPDATE journal_identity SET identity = identity"


class Pace(Enum):
    """How a transaction ends: whether it waits for the disk, and may move the log's pages into the file."""

    SOON = ("NORMAL", LOG_PAGES)
    DURABLE = ("FULL", LOG_PAGES)
    WAITED_FOR = ("FULL", 0)
    """The PLC waits for it: the log is moved by others."""


class SqliteBackend:
    """See history_backend.Backend. `file` None: in memory, for who shares this very object."""

    errors: tuple[type[Exception], ...] = (DBAPIError, sqlite3.Error, OSError)

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self.name = str(file)
        self.engine = _engine(file)
        self.replaceable = file is not None
        self.alone: AbstractContextManager[Any] = nullcontext() if file is not None else threading.Lock()
        self.tables: Sequence[Table] = (RESULTS, STATIONS, IDENTITY, ARRIVALS)
        self.answers: Sequence[Table] = (ARRIVALS, RESULTS) if file is not None else (RESULTS,)
        self._arrivals = Arrivals()
        self._pace = Pace.SOON
        self._pace_of: sqlite3.Connection | None = None
        self._file_at = 0.0
        """When arrivals are to be filed; 0: there are none."""

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
        raw = _raw(connection)
        raw.execute("PRAGMA journal_mode = WAL")
        with _transaction(raw):
            file_all(raw)

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
        if self._file is not None and written.durable and not any(written.amended):
            self._arrive(raw, written)
            return
        with self._filing(raw, Pace.DURABLE if written.durable else Pace.SOON):
            if any(written.amended):
                for row, again in zip(map(named, written.rows), written.amended, strict=True):
                    if not (again and raw.execute(_AMEND, row).rowcount):
                        raw.execute(_INSERT, row)
            else:
                raw.executemany(_INSERT, map(named, written.rows))
            raw.executemany(NOTE, map(row_of_note, written.notes))

    def hasten(self, connection: Connection) -> None:
        if self._file is not None:
            raw = _raw(connection)
            if shutil.disk_usage(self._file.parent).free > SPARE * LOG_PAGES * PAGE:
                _grow_log(raw)
            self._keep_pace(raw, Pace.WAITED_FOR)
            with _transaction(raw):  # all that the log has grown by goes to the disk here, and not with an answer
                raw.execute(_SAME)

    def amend(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        raw = _raw(connection)
        with self._filing(raw, Pace.SOON):
            raw.executemany(_LEARNT, rows)

    def is_behind(self, *, now: bool) -> bool:
        return self._file_at > 0 and (now or time.monotonic() >= self._file_at)

    def catch_up(self, connection: Connection) -> None:
        with self._filing(_raw(connection), Pace.SOON):
            """No more than that."""

    def rows(
        self, connection: Connection, wanted: Select[Any], courtesy: Courtesy
    ) -> Iterator[Sequence[Sequence[Any]]]:
        _raw(connection).execute(_CACHE)
        with connection.execute(wanted) as found:
            cursor = found.cursor
            assert cursor is not None  # it is a question
            fetch = partial(cursor.fetchmany, _ROWS_AT_ONCE)
            while some := courtesy.given_away(fetch):  # by the driver, at each row
                yield some

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

    def _arrive(self, raw: sqlite3.Connection, written: Written) -> None:
        self._keep_pace(raw, Pace.WAITED_FOR)
        try:
            self._put_down(raw, written)
        except sqlite3.IntegrityError:  # another gateway was faster
            self._arrivals.count(raw)
            self._put_down(raw, written)
        self._file_at = self._file_at or time.monotonic() + FILE_S

    def _put_down(self, raw: sqlite3.Connection, written: Written) -> None:
        """In one transaction: a single statement is one by itself."""
        if len(written.rows) == 1:
            self._arrivals.arrive(raw, written)
            return
        with _transaction(raw):
            self._arrivals.arrive(raw, written)

    @contextmanager
    def _filing(self, raw: sqlite3.Connection, pace: Pace) -> Iterator[None]:
        """A transaction that finds everything in the results. Who waits next finds the pace that it needs."""
        waited_for = self._pace is Pace.WAITED_FOR and self._pace_of is raw
        self._keep_pace(raw, pace)
        with _transaction(raw):
            file_all(raw)
            yield
        self._file_at = 0.0
        self._arrivals.count(raw)
        if waited_for:
            self._keep_pace(raw, Pace.WAITED_FOR)

    def _keep_pace(self, raw: sqlite3.Connection, pace: Pace) -> None:
        if pace is not self._pace or self._pace_of is not raw:
            synchronous, pages = pace.value
            raw.execute(f"PRAGMA synchronous = {synchronous}")
            raw.execute(f"PRAGMA wal_autocheckpoint = {pages}")
            if self._pace_of is not raw:
                self._arrivals.count(raw)
            self._pace, self._pace_of = pace, raw


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


def _grow_log(raw: sqlite3.Connection) -> None:
    """Have the log take its place on the disk now: on a busy machine commits that made it longer took 3.3 ms, not 2.2.

    Pages that do not fit into the cache go there before their transaction ends, which then never was.
    """
    (cached,) = raw.execute("PRAGMA cache_size").fetchone()
    raw.execute("PRAGMA cache_size = 10")
    try:
        with suppress(_NeverWasError), _transaction(raw):
            raw.execute("CREATE TABLE log_grows (pages BLOB)")
            raw.execute("INSERT INTO log_grows VALUES (zeroblob(?))", (LOG_PAGES * PAGE * 11 // 10,))
            raise _NeverWasError
    finally:
        raw.execute(f"PRAGMA cache_size = {cached}")


class _NeverWasError(Exception):
    """Takes a transaction back."""


@contextmanager
def _transaction(raw: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing."""
    raw.execute("BEGIN IMMEDIATE")
    try:
        yield
        raw.execute("COMMIT")
    except BaseException:
        if raw.in_transaction:
            raw.execute("ROLLBACK")
        raise

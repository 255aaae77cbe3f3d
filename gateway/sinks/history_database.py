"""The history's database: one SQLite file in WAL mode, so that reading never waits for writing. Blocks; for threads."""

import logging
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from sqlalchemy import (
    URL,
    Connection,
    Engine,
    NullPool,
    Select,
    StaticPool,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.exc import DBAPIError

from gateway.core.errors import SinkError
from gateway.ports import ResultQuery, StoredResult
from gateway.sinks.history_file import DamagedError, fault, look_at, move_aside
from gateway.sinks.history_query import selected
from gateway.sinks.history_schema import is_current, prepare
from gateway.sinks.history_stations import STATIONS, Remembered, remembered
from gateway.sinks.history_table import RESULTS, microseconds, result_of, text
from gateway.worker import Courtesy

log = logging.getLogger(__name__)

BUSY_S = 0.5
"""How long somebody else may hold the file: a backup, a person with an SQL tool."""
QUERY_S = 5.0
"""The longest query; one by part id or time takes milliseconds, one that has to look at every row a second."""
DROPPED_AT_ONCE = 500
"""Rows of one clean-up step: it keeps new results waiting for some milliseconds."""
_BEGIN = "how a transaction begins"
_STEPS = 10_000
"""SQLite's own machine steps between two looks at the clock: less than a millisecond."""
_DIALECT = sqlite.dialect(paramstyle="named")
_OF_RESULT = RESULTS.c.station == bindparam("station"), RESULTS.c.result_id == bindparam("result_id")
_WORDS: dict[str, Any] = {
    one.name: bindparam(one.name) for one in RESULTS.c if one.name not in {"number", "station", "result_id"}
}
_COLUMNS = [one.name for one in RESULTS.c if one.name != "number"]
_INSERT = str(insert(RESULTS).compile(dialect=_DIALECT, column_keys=_COLUMNS))
_AMEND = str(update(RESULTS).where(*_OF_RESULT).values(_WORDS).compile(dialect=_DIALECT))
_NOTE = str(insert(STATIONS).prefix_with("OR REPLACE").compile(dialect=_DIALECT))
"""Written by SQLAlchemy once, run by the driver itself: a commit is on the way of every answer, and half as long so."""
_ROWS = 20
"""Rows that the driver fetches in one go."""


class Database:
    """One connection. `file` None: in memory, for who shares this very object. Raises SinkError throughout."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._engine = _engine(file)
        self._alone: AbstractContextManager[Any] = nullcontext() if file is not None else threading.Lock()
        self._connection: Connection | None = None
        self._durable = False
        self._durable_of: sqlite3.Connection | None = None

    @classmethod
    def made(cls, file: Path | None) -> Self:
        """Open the database, with its tables as this version has them. A damaged file is moved aside first.

        Raises ForeignError for a file that is not ours or too new, SinkError for one that cannot be taken over: it is
        left as it is.
        """
        try:
            return cls._opened(file)
        except DamagedError as error:
            assert file is not None  # memory has no damage
            log.error("history: %s; moved to %s, and a new one begins", error, move_aside(file))
            return cls._opened(file)

    @classmethod
    def _opened(cls, file: Path | None) -> Self:
        if file is not None:
            look_at(file)
        database = cls(file)
        try:
            with database._using() as connection:
                _prepare(connection, file)
        except SinkError:
            database.close()
            raise
        return database

    def insert(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep these rows, all or none; they outlive this process when this returns."""
        self.write(rows)

    def write(
        self,
        rows: Sequence[dict[str, Any]],
        *,
        amended: Sequence[bool] = (),
        stations: Sequence[dict[str, Any]] = (),
        durable: bool = False,
    ) -> None:
        """Keep results' rows and stations' rows: all of it or nothing. `amended`: which may be there with other words.

        It outlives this process when this returns; where it has to be `durable`, a loss of power as well.
        """
        with self._using() as connection:
            raw = _raw(connection)
            self._synchronise(raw, durable)
            with _transaction(raw):
                if any(amended):
                    for row, again in zip(rows, amended, strict=True):
                        if not (again and raw.execute(_AMEND, row).rowcount):
                            raw.execute(_INSERT, row)
                else:
                    raw.executemany(_INSERT, rows)
                raw.executemany(_NOTE, stations)

    def station(self, station: str) -> Remembered | None:
        """What was noted of this station; None where it is new."""
        with self._using() as connection, connection.begin():
            row = connection.execute(select(STATIONS).where(STATIONS.c.station == text(station))).first()
        return remembered(row) if row is not None else None

    def read(self, query: ResultQuery) -> list[StoredResult]:
        """See ports.ResultStore."""
        return self._select(selected(query))

    def find(self, station: str, result_id: str) -> StoredResult | None:
        """See ports.ResultStore. Should a clock have given an id twice, the newest."""
        wanted = select(RESULTS).where(RESULTS.c.station == text(station), RESULTS.c.result_id == text(result_id))
        found = self._select(wanted.order_by(RESULTS.c.number.desc()).limit(1))
        return found[0] if found else None

    def drop(self, *, before: datetime | None, keep: int) -> int:
        """Drop some of the rows that were answered `before`, or that are not among the `keep` newest; how many.

        `keep` goes by the rows' numbers, so it may keep fewer where age has made gaps between them. 0: no limit.
        """
        dropped = 0
        with self._using() as connection, connection.begin():
            newest = connection.execute(select(func.max(RESULTS.c.number))).scalar()
            wanted: list[Select[Any]] = []
            if keep and newest is not None:
                wanted.append(select(RESULTS.c.number).where(RESULTS.c.number <= newest - keep))
            if before is not None:
                wanted.append(select(RESULTS.c.number).where(RESULTS.c.answered < microseconds(before)))
            for numbers in wanted:
                some = delete(RESULTS).where(RESULTS.c.number.in_(numbers.limit(DROPPED_AT_ONCE)))
                dropped += connection.execute(some).rowcount
        return dropped

    def close(self) -> None:
        """Idempotent; by the thread that used it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._engine.dispose()

    def _select(self, wanted: Select[Any]) -> list[StoredResult]:
        found: list[StoredResult] = []
        courtesy = Courtesy()
        with self._using() as connection, _limited(connection), connection.begin():
            for row in connection.execute(wanted.execution_options(yield_per=_ROWS)):
                found.append(result_of(row))
                courtesy.step_aside()
        return found

    @contextmanager
    def _using(self) -> Iterator[Connection]:
        """The connection, made where there is none; the database's errors as ours."""
        try:
            with self._alone:
                if self._connection is None:
                    self._connection = self._engine.connect()
                yield self._connection
        except (DBAPIError, sqlite3.Error, OSError) as error:
            self._forget()
            raise fault(error, self._file) from error

    def _synchronise(self, raw: sqlite3.Connection, durable: bool) -> None:
        """FULL waits for the disk at each commit."""
        if durable is not self._durable or self._durable_of is not raw:
            raw.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")
            self._durable, self._durable_of = durable, raw

    def _forget(self) -> None:
        """A connection that failed is not used again; in memory there is only the one."""
        if self._file is not None and (connection := self._connection) is not None:
            self._connection = None
            connection.invalidate()
            connection.close()


def _prepare(connection: Connection, file: Path | None) -> None:
    """This version's tables, in one step. Two gateways that do it at once do it one after the other."""
    with connection.begin():
        done = is_current(connection, file)
    if not done:
        connection.execution_options(**{_BEGIN: "BEGIN IMMEDIATE"})
        with connection.begin():
            prepare(connection, file)
        connection.execution_options(**{_BEGIN: "BEGIN"})
    _raw(connection).execute("PRAGMA journal_mode = WAL")


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


@contextmanager
def _limited(connection: Connection) -> Iterator[None]:
    """End a query that takes too long, as one without an index over all rows."""
    deadline = time.monotonic() + QUERY_S
    raw = _raw(connection)
    raw.set_progress_handler(lambda: time.monotonic() > deadline, _STEPS)
    try:
        yield
    finally:
        raw.set_progress_handler(None, 0)

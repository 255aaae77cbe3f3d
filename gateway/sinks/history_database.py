"""The history's database: one connection to it, and what the history asks of it. Blocks; for threads."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Connection, Select, delete, func, select, update

from gateway.core.errors import SinkError
from gateway.ports import ResultQuery, StoredResult, microseconds
from gateway.sinks.history_backend import Backend, Written
from gateway.sinks.history_file import DamagedError, move_aside
from gateway.sinks.history_later import Learnt
from gateway.sinks.history_learnt import row_learnt
from gateway.sinks.history_notes import Remembered, remembered
from gateway.sinks.history_place import Place, Server, needs_psycopg
from gateway.sinks.history_query import selected, together, with_id
from gateway.sinks.history_sqlite import SqliteBackend
from gateway.sinks.history_stations import IDENTITY, STATIONS
from gateway.sinks.history_table import RESULTS, Row, result_of
from gateway.sinks.history_words import text
from gateway.worker import Courtesy

log = logging.getLogger(__name__)

DROPPED_AT_ONCE = 500
"""Rows of one clean-up step: it keeps new results waiting for some milliseconds."""


class Database:
    """One connection. A `place` in memory is for who shares this very object. Raises SinkError throughout."""

    def __init__(self, place: Place) -> None:
        self._backend = _backend(place)
        self._connection: Connection | None = None
        self.identity = ""
        """Its own name, given when its tables were made: copies of it have the same one. Known where it was `made`."""

    @classmethod
    def made(cls, place: Place) -> Self:
        """Open the database, with its tables as this version has them. A damaged file is moved aside first.

        Raises ForeignError for a file that is not ours or too new, SinkError for one that cannot be taken over: it is
        left as it is.
        """
        try:
            return cls._opened(place)
        except DamagedError as error:
            assert isinstance(place, Path)  # nothing else has such damage
            log.error("history: %s; moved to %s, and a new one begins", error, move_aside(place))
            return cls._opened(place)

    @classmethod
    def _opened(cls, place: Place) -> Self:
        database = cls(place)
        try:
            database._backend.look()
            with database._using() as connection:
                database._backend.prepare(connection)
                with connection.begin():
                    database.identity = str(connection.execute(select(IDENTITY.c.identity)).scalar() or "")
        except SinkError:
            database.close()
            raise
        return database

    def insert(self, rows: Sequence[Row]) -> None:
        """Keep these rows, all or none; they outlive this process when this returns."""
        self.write(rows)

    def write(
        self,
        rows: Sequence[Row],
        *,
        amended: Sequence[bool] = (),
        notes: Sequence[bytes] = (),
        durable: bool = False,
    ) -> None:
        """Keep results and notes of stations: all of it or nothing. `amended`: which may be there with other words.

        It outlives this process when this returns; where it has to be `durable`, a loss of power as well.
        """
        self.put(Written(rows, amended, notes, durable))

    def put(self, written: Written) -> None:
        """The same."""
        with self._using() as connection:
            self._backend.write(connection, written)

    def amend(self, learnt: Sequence[Learnt]) -> None:
        """Put what is learnt of results into their rows; where they are gone, nowhere. No wait for the disk."""
        with self._using() as connection:
            self._backend.amend(connection, [row_learnt(*one.key, one.values) for one in learnt])

    def hasten(self) -> None:
        """Somebody is going to wait for what is written: do now what would cost them time later.

        It is no fault where that cannot be done just now.
        """
        try:
            with self._using() as connection:
                self._backend.hasten(connection)
        except SinkError as error:
            log.info("history: the first answers take a little longer: %s", error)

    def catch_up(self, *, now: bool = False) -> None:
        """Do what `write` has left for later, if it is time, or `now`: for when nobody waits.

        A connection that nobody needs is left alone: a server that restarts between two parts is nobody's fault.
        """
        if self._backend.is_behind(now=now):
            with self._using() as connection:
                self._backend.catch_up(connection)

    def probe(self) -> None:
        """Write something that changes nothing. Raises SinkError where a result could not be written either."""
        with self._using() as connection, connection.begin():
            connection.execute(update(IDENTITY).values(identity=IDENTITY.c.identity))

    def station(self, station: str) -> Remembered | None:
        """What was noted of this station; None where it is new."""
        with self._using() as connection, connection.begin():
            row = connection.execute(select(STATIONS).where(STATIONS.c.station == text(station))).first()
        return remembered(row) if row is not None else None

    def read(self, query: ResultQuery) -> list[StoredResult]:
        """See ports.ResultStore."""
        found = self._select([selected(query, table=table) for table in self._backend.answers])
        return together(found, query)

    def find(self, station: str, result_id: str) -> StoredResult | None:
        """See ports.ResultStore. Should a clock have given an id twice, the newest."""
        found = self._select([with_id(result_id, station, table=table) for table in self._backend.answers])
        return max((one for some in found for one in some), key=lambda one: one.number, default=None)

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
        self._backend.engine.dispose()

    def _select(self, wanted: Sequence[Select[Any]]) -> list[list[StoredResult]]:
        """What each of these finds, in one state of the database."""
        found: list[list[StoredResult]] = [[] for _ in wanted]
        courtesy = Courtesy()
        with self._using() as connection, self._backend.limited(connection), connection.begin():
            for one, some in zip(wanted, found, strict=True):
                for row in chain.from_iterable(self._backend.rows(connection, one, courtesy)):
                    some.append(result_of(row))
                    courtesy.step_aside()
        return found

    @contextmanager
    def _using(self) -> Iterator[Connection]:
        """The connection, made where there is none; the database's errors as ours."""
        backend = self._backend
        try:
            with backend.alone:
                if self._connection is not None and not backend.alive(self._connection):
                    self._forget()
                if self._connection is None:
                    self._connection = backend.engine.connect()
                yield self._connection
        except backend.errors as error:
            self._forget()
            raise backend.fault(error) from error

    def _forget(self) -> None:
        """A connection that failed is not used again; in memory there is only the one."""
        if self._backend.replaceable and (connection := self._connection) is not None:
            self._connection = None
            connection.invalidate()
            connection.close()


def _backend(place: Place) -> Backend:
    if not isinstance(place, Server):
        return SqliteBackend(place)
    with needs_psycopg(place):
        from gateway.sinks.history_postgres import PostgresBackend
    return PostgresBackend(place)

"""The history in a PostgreSQL database, over psycopg 3."""

import selectors
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import psycopg
from sqlalchemy import Connection, Engine, NullPool, Select, Table, create_engine, event, inspect, make_url, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, ProgrammingError

from gateway.core.errors import SinkError
from gateway.sinks.history_backend import BUSY_S, QUERY_S, Written
from gateway.sinks.history_file import ForeignError
from gateway.sinks.history_learnt import LEARNT
from gateway.sinks.history_notes import row_of_note
from gateway.sinks.history_place import Server
from gateway.sinks.history_schema import VERSION_TABLE, VERSIONS, is_current, prepare
from gateway.sinks.history_stations import IDENTITY, STATIONS
from gateway.sinks.history_table import AMENDED, APPLICATION_ID, COLUMNS, RESULTS, named
from gateway.sinks.history_words import without_nul
from gateway.worker import Courtesy

CONNECT_S = 2
"""How long a server may take to accept a connection; the least that its client library knows."""
SILENT_S = 5
"""After that long without an answer from the other machine's network a connection is given up."""
_MILLISECONDS = 1000
_ROWS_AT_ONCE = 500
"""From the server, where all of them are waited for otherwise."""
_CONNECT = {
    "connect_timeout": CONNECT_S,
    "application_name": "pekat-plc-gateway",
    "tcp_user_timeout": SILENT_S * _MILLISECONDS,
    "keepalives_idle": SILENT_S,
    "keepalives_interval": 1,
    "keepalives_count": 3,
}
_DIALECT = make_url("postgresql+psycopg://").get_dialect()()
_NOTES = insert(STATIONS)
_INSERT = str(insert(RESULTS).inline().compile(dialect=_DIALECT, column_keys=COLUMNS)).encode()
_AMEND = str(AMENDED.compile(dialect=_DIALECT)).encode()
_LEARNT = str(LEARNT.compile(dialect=_DIALECT)).encode()
_NOTE = str(
    _NOTES.on_conflict_do_update(
        index_elements=["station"], set_={one.name: one for one in _NOTES.excluded if one.name != "station"}
    ).compile(dialect=_DIALECT)
).encode()
"""Written by SQLAlchemy once and run by the driver, which sends all of a transaction at once: a network's way there
and back is on the way of every answer."""
_DURABLE = b"SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'"
"""What waits for more than this disk, as a standby's, is the server's own affair and left as it is."""
_SOON = b"SET LOCAL synchronous_commit = off"
_HINTS = {
    "28": "see to the user, the password and pg_hba.conf",
    "3D": "make the database: createdb",
    "42501": "let the user make tables there, and write them",
    "25006": "that server only lets itself be read: name the one that writes",
    "53": "the server is out of disk, memory or connections",
    "55P03": "somebody else holds the tables",
    "57014": "the question takes too long: narrow it down",
    "57P": "the server stops or starts",
}
_UNREACHABLE = "does the server run, and can it be reached from here?"


class PostgresBackend:
    """See history_backend.Backend."""

    errors: tuple[type[Exception], ...] = (DBAPIError, psycopg.Error, OSError)
    replaceable = True
    tables: Sequence[Table] = (RESULTS, STATIONS, IDENTITY)
    answers: Sequence[Table] = (RESULTS,)

    def __init__(self, server: Server) -> None:
        self.name = str(server)
        self.engine = engine_of(server)
        self.alone: AbstractContextManager[Any] = nullcontext()
        self._doubtful: set[tuple[str, str]] = set()
        """Results of a commit that broke off: whether the database has them is not known."""
        event.listen(self.engine, "connect", _set_up)

    def look(self) -> None:
        """Nothing: it is not made, and the version is looked at over the connection."""

    def prepare(self, connection: Connection) -> None:
        with connection.begin():
            if connection.exec_driver_sql("SHOW server_encoding").scalar() != "UTF8":
                wrong = f"{self.name} cannot keep every character"
                raise SinkError(wrong, hint="make the database with ENCODING 'UTF8' TEMPLATE template0")
            done = is_current(connection, self)
        if done:
            return
        with connection.begin():
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql("SET LOCAL lock_timeout = 0")
            connection.execute(text("SELECT pg_advisory_xact_lock(:ours)"), {"ours": APPLICATION_ID})
            prepare(connection, self)

    def version(self, connection: Connection) -> int:
        return version_of(connection, self.name)

    def mark(self, connection: Connection) -> None:
        """The table of versions, which alembic keeps, says all."""

    def unfit(self, error: DBAPIError) -> bool:
        return isinstance(error, ProgrammingError) and sqlstate(error) != "42501"

    def alive(self, connection: Connection) -> bool:
        """A server that says something unasked says goodbye, as far as the next answer is concerned."""
        raw = _raw(connection)
        if raw.closed:
            return False
        with selectors.DefaultSelector() as selector:
            selector.register(raw.fileno(), selectors.EVENT_READ)
            return not selector.select(0)

    def write(self, connection: Connection, written: Written) -> None:
        rows = [_clean(named(row)) for row in written.rows]
        keys = [(str(row["station"]), str(row["result_id"])) for row in rows]
        amended = [again or key in self._doubtful for again, key in zip(_each(written), keys, strict=True)]
        try:
            _commit(_raw(connection), written, rows, amended)
        except psycopg.OperationalError:
            self._doubtful.update(keys)
            raise
        self._doubtful.difference_update(keys)

    def hasten(self, connection: Connection) -> None:
        """Nothing: the server has seen to it."""

    def amend(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        raw = _raw(connection)
        with raw.cursor() as cursor, raw.pipeline():
            cursor.execute(_SOON)
            cursor.executemany(_LEARNT, [_clean(row) for row in rows])
            cursor.execute(b"COMMIT")  # as in _commit

    def is_behind(self, *, now: bool) -> bool:
        return False

    def catch_up(self, connection: Connection) -> None:
        """Nothing is left to be done: a server's commit does all."""

    def rows(
        self, connection: Connection, wanted: Select[Any], courtesy: Courtesy
    ) -> Iterator[Sequence[Sequence[Any]]]:
        return connection.execute(wanted.execution_options(yield_per=_ROWS_AT_ONCE)).partitions()

    @contextmanager
    def limited(self, connection: Connection) -> Iterator[None]:
        """The connection's own limit, see _set_up."""
        yield

    def fault(self, error: Exception) -> Exception:
        return fault(error, self.name)


def engine_of(server: Server) -> Engine:
    """Connections to it; none is made yet."""
    url = make_url(server.url).set(drivername="postgresql+psycopg")
    given = {key: value for key, value in _CONNECT.items() if key not in url.query}
    return create_engine(url, poolclass=NullPool, connect_args=given)


def version_of(connection: Connection, name: str) -> int:
    """0 for a database without tables of ours. Raises ForeignError where another program has the names."""
    tables = set(inspect(connection).get_table_names())
    if VERSION_TABLE in tables:
        return int(connection.execute(VERSIONS.select()).scalar_one())
    if taken := sorted(tables & {RESULTS.name, STATIONS.name}):
        wrong = f"{name} has a table {taken[0]!r} of another program"
        raise ForeignError(
            wrong, hint="give the gateway a database of its own, or a schema: ?options=-csearch_path=NAME"
        )
    return 0


def sqlstate(error: Exception) -> str:
    """PostgreSQL's own code; empty where there is none, as for a connection that broke."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    return str(getattr(cause, "sqlstate", None) or "")


def fault(error: Exception, name: str) -> Exception:
    """What went wrong, in words for the person at the line; a ValueError for a row that no table takes."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    words = " ".join(str(cause).split())
    if isinstance(cause, psycopg.DataError):
        return ValueError(words)
    state = sqlstate(error)
    hints = (hint for start, hint in _HINTS.items() if state.startswith(start))
    return SinkError(f"{name}: {words}", hint=next(hints, _UNREACHABLE))


def _set_up(connection: psycopg.Connection[Any], _: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET statement_timeout = {int(QUERY_S * _MILLISECONDS)}".encode())
        cursor.execute(f"SET lock_timeout = {int(BUSY_S * _MILLISECONDS)}".encode())
    connection.commit()


def _each(written: Written) -> list[bool]:
    return list(written.amended) if written.amended else [False] * len(written.rows)


def _commit(raw: psycopg.Connection[Any], written: Written, rows: list[dict[str, Any]], amended: list[bool]) -> None:
    with raw.cursor() as cursor:
        if any(amended):  # before the pipeline: in it, nobody knows yet whether there was a row
            new = [row for row, again in zip(rows, amended, strict=True) if not (again and _amended(cursor, row))]
        else:
            new = rows
        with raw.pipeline():
            cursor.execute(_DURABLE if written.durable else _SOON)
            cursor.executemany(_INSERT, new)
            cursor.executemany(_NOTE, [_clean(row_of_note(note)) for note in written.notes])
            cursor.execute(b"COMMIT")  # leaving the pipeline waits for it; raw.commit() would be a second way there


def _amended(cursor: psycopg.Cursor[Any], row: dict[str, Any]) -> bool:
    return cursor.execute(_AMEND, row).rowcount > 0


def _clean(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: without_nul(value) if isinstance(value, str) else value for name, value in row.items()}


def _raw(connection: Connection) -> psycopg.Connection[Any]:
    raw = connection.connection.driver_connection
    assert isinstance(raw, psycopg.Connection)
    return raw

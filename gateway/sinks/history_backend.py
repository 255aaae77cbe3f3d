"""What a kind of database has to know how to do for the history: one class for SQLite, one for PostgreSQL."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, Select, Table
from sqlalchemy.exc import DBAPIError

from gateway.sinks.history_table import Row
from gateway.worker import Courtesy

BUSY_S = 0.5
"""How long somebody else may hold the tables: a backup, a person with an SQL tool."""
QUERY_S = 5.0
"""The longest query; one by part id or time takes milliseconds, one that has to look at every row a second."""


@dataclass(frozen=True, slots=True)
class Written:
    """What one transaction writes. `amended`: for each row, whether it may be there already with other words.

    `notes` are what is noted of stations, see history_notes.
    """

    rows: Sequence[Row]
    amended: Sequence[bool]
    notes: Sequence[bytes]
    durable: bool


class Marks(Protocol):
    """How a database says whose it is, and of which version."""

    name: str
    """The place, for people."""
    tables: Sequence[Table]
    """What it has, but for the table of versions."""

    def version(self, connection: Connection) -> int:
        """0 for an empty database. Raises ForeignError for one that is another program's."""
        ...

    def mark(self, connection: Connection) -> None:
        """It is ours, and of this gateway's version."""
        ...

    def unfit(self, error: DBAPIError) -> bool:
        """Whether this says that the tables are not what they should be, rather than out of reach for now."""
        ...


class Backend(Marks, Protocol):
    """One kind of database. Everything but `engine` is called by one thread at a time."""

    engine: Engine
    errors: tuple[type[Exception], ...]
    """What `fault` takes: SQLAlchemy's errors, the driver's own, the system's."""
    alone: AbstractContextManager[Any]
    """Held while the connection is used."""
    replaceable: bool
    """Whether another connection finds the same data: it does not in memory."""
    answers: Sequence[Table]
    """Where answers are: those that are still to be filed first, `RESULTS` last."""

    def look(self) -> None:
        """Before it is opened to write. Raises SinkError for what is no database of ours."""
        ...

    def prepare(self, connection: Connection) -> None:
        """This version's tables, in one step. Two gateways that do it at once do it one after the other."""
        ...

    def alive(self, connection: Connection) -> bool:
        """Whether a connection that nobody used for a while is still there, without asking the database."""
        ...

    def write(self, connection: Connection, written: Written) -> None:
        """All of it or nothing, committed; see history_database.Database.write."""
        ...

    def hasten(self, connection: Connection) -> None:
        """Somebody is going to wait for what is written: do now what would cost them time later."""
        ...

    def amend(self, connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
        """Run history_learnt.LEARNT with these, committed. It outlives the process, a loss of power maybe not."""
        ...

    def is_behind(self, *, now: bool) -> bool:
        """Whether `write` has left something to `catch_up` with, and it is time for that, or it has to be `now`."""
        ...

    def catch_up(self, connection: Connection) -> None:
        """Called when nobody waits: do what writing has left to be done later."""
        ...

    def rows(
        self, connection: Connection, wanted: Select[Any], courtesy: Courtesy
    ) -> Iterator[Sequence[Sequence[Any]]]:
        """What this finds, for history_table.result_of: some rows at a time, as they come from the database."""
        ...

    def limited(self, connection: Connection) -> AbstractContextManager[None]:
        """End a query after QUERY_S, as one without an index over all rows. Entered before the transaction begins."""
        ...

    def fault(self, error: Exception) -> Exception:
        """One of `errors` in words for the person at the line: a SinkError, or a ValueError for what no table takes."""
        ...

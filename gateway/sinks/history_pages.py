"""What somebody reads from a history without its gateway, page by page."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Self, TypeVar

from sqlalchemy import Connection, Select, Table, select

from gateway.ports import ResultQuery, StoredResult
from gateway.sinks.history_query import counted, selected, together, with_id
from gateway.sinks.history_table import RESULTS, VERSION, result_of

T = TypeVar("T")

PAGE = 1000
"""Results that are read at once. Between two pages the gateway can tidy up."""


class Pages(ABC):
    """Enter it to read. Blocks; for one thread. Raises SinkError throughout, also from `with`."""

    def __init__(self) -> None:
        self._version = VERSION
        """What the database's tables are like."""
        self._answers: Sequence[Table] = (RESULTS,)
        """Where answers are: those that are still to be filed first."""

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(self, *exc: object) -> None: ...

    @abstractmethod
    def _ask(self, question: Callable[[Connection], T]) -> T:
        """The answer, which comes from one state of the database."""

    def pages(self, query: ResultQuery, most: int | None = None) -> Iterator[list[StoredResult]]:
        """Everything that fits, page by page, in the query's order; the first `most` of it. `query.limit` is of no use.

        Results that are given meanwhile are among them where they come after what was read already.
        """
        while most is None or most > 0:
            limit = PAGE if most is None else min(PAGE, most)
            page = self._read(replace(query, limit=limit))
            if page:
                yield page
            if len(page) < limit:
                return
            query = replace(query, after=page[-1])
            most = None if most is None else most - limit

    def count(self, query: ResultQuery) -> int:
        """How many results fit now."""
        counts = [counted(query, self._version, table).scalar_subquery() for table in self._answers]
        return self._ask(lambda connection: sum(map(int, connection.execute(select(*counts)).one())))

    def with_id(self, result_id: str, station: str | None = None) -> list[StoredResult]:
        """Those with this id: one of each station that gave it, or of this one."""
        found = self._found([with_id(result_id, station, self._version, table) for table in self._answers])
        return [*{(one.number, one.station): one for some in reversed(found) for one in some}.values()]

    def _read(self, query: ResultQuery) -> list[StoredResult]:
        return together(self._found([selected(query, self._version, table) for table in self._answers]), query)

    def _found(self, wanted: Sequence[Select[Any]]) -> list[list[StoredResult]]:
        """What is filed while it is read is found twice rather than not at all."""
        return self._ask(lambda connection: [[result_of(row) for row in connection.execute(one)] for one in wanted])

"""What somebody reads from a history without its gateway, page by page."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Self, TypeVar

from sqlalchemy import Connection, select

from gateway.ports import ResultQuery, StoredResult
from gateway.sinks.history_query import counted, selected
from gateway.sinks.history_table import RESULTS, VERSION, columns, result_of, text

T = TypeVar("T")

PAGE = 1000
"""Results that are read at once. Between two pages the gateway can tidy up."""


class Pages(ABC):
    """Enter it to read. Blocks; for one thread. Raises SinkError throughout, also from `with`."""

    def __init__(self) -> None:
        self._version = VERSION
        """What the database's tables are like."""

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
        return self._ask(lambda connection: int(connection.execute(counted(query, self._version)).scalar_one()))

    def with_id(self, result_id: str, station: str | None = None) -> list[StoredResult]:
        """Those with this id: one of each station that gave it, or of this one."""
        wanted = (
            select(*columns(self._version)).where(RESULTS.c.result_id == text(result_id)).order_by(RESULTS.c.number)
        )
        if station is not None:
            wanted = wanted.where(RESULTS.c.station == text(station))
        return self._ask(lambda connection: [result_of(row) for row in connection.execute(wanted)])

    def _read(self, query: ResultQuery) -> list[StoredResult]:
        wanted = selected(query, self._version)
        return self._ask(lambda connection: [result_of(row) for row in connection.execute(wanted)])

"""A ports.ResultQuery as SQL."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, false, func, or_, select

from gateway.ports import ResultQuery, StoredResult, microseconds
from gateway.sinks.history_table import RESULTS, VERSION, columns
from gateway.sinks.history_words import text

LATE_SINCE = 4
"""Older databases have no late answers."""


def selected(query: ResultQuery, version: int = VERSION, table: Table = RESULTS) -> Select[Any]:
    """The rows that a query asks for, in its order, from this table of a database of this version."""
    column = table.c
    order = (column.answered.desc(), column.number.desc()) if query.newest_first else (column.answered, column.number)
    return (
        select(*columns(version, table)).where(*_conditions(query, version, table)).order_by(*order).limit(query.limit)
    )


def with_id(result_id: str, station: str | None, version: int = VERSION, table: Table = RESULTS) -> Select[Any]:
    """The rows with this id, of all stations or of one, the oldest first."""
    wanted = select(*columns(version, table)).where(table.c.result_id == text(result_id)).order_by(table.c.number)
    return wanted if station is None else wanted.where(table.c.station == text(station))


def together(found: Sequence[Sequence[StoredResult]], query: ResultQuery) -> list[StoredResult]:
    """What `selected` found in each table, as if it were one. An answer that was filed meanwhile is there once."""
    *others, filed = found
    if not any(others):
        return [*filed]
    known = {(one.number, one.station, one.result_id): one for some in found for one in some}
    ordered = sorted(known.values(), key=lambda one: (one.answered_us, one.number), reverse=query.newest_first)
    return ordered[: query.limit]


def counted(query: ResultQuery, version: int = VERSION, table: Table = RESULTS) -> Select[Any]:
    """How many rows of this table of a database of this version fit, on all pages together."""
    return select(func.count()).select_from(table).where(*_conditions(query, version, table))


def _conditions(query: ResultQuery, version: int, table: Table) -> Iterator[ColumnElement[bool]]:
    column = table.c
    equal = (
        (column.station, query.station),
        (column.presented, query.presented),
        (column.simulated, query.simulated),
        (column.recipe, query.recipe),
        (column.part_id, query.part_id),
        (column.result_seq, query.result_seq),
        (column.job_id, query.job_id),
        (column.meas_id, query.meas_id),
        (column.product_id, query.product_id),
    )
    for place, wanted in equal:
        if wanted is not None:
            yield place == (text(wanted) if isinstance(wanted, str) else wanted)
    if version >= LATE_SINCE:
        yield column.late.is_not(None) if query.late else column.late.is_(None)
    elif query.late:
        yield false()  # it could not say which these are
    if query.job_id:
        yield column.job_id != ""  # says that the index of jobs will do
    if query.verdicts:
        yield column.verdict.in_(sorted(query.verdicts))
    if query.start is not None:
        yield column.answered >= microseconds(query.start)
    if query.end is not None:
        yield column.answered < microseconds(query.end)
    if query.after is not None:
        yield from _beyond(table, query.after, newest_first=query.newest_first)


def _beyond(table: Table, last: StoredResult, *, newest_first: bool) -> Iterator[ColumnElement[bool]]:
    """What comes after `last`. The first condition is what the index goes by."""
    at, number = table.c.answered, table.c.number
    moment = last.answered_us
    if newest_first:
        yield at <= moment
        yield or_(at < moment, number < last.number)
    else:
        yield at >= moment
        yield or_(at > moment, number > last.number)

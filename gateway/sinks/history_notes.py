"""What is noted of a station, to go on with after a restart (H31): a note, and a row of its table.

Without SQLAlchemy: notes are made on the way of each trigger, and it takes 0.3 s to load. For the same reason a note is
JSON in one piece, as the page keeps it; it becomes a row when the database takes it, which is once a second or so.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from gateway.core.counts import Counts
from gateway.core.inspection import Inspection
from gateway.core.result import Origin
from gateway.core.resume import Memory
from gateway.sinks.history_json import NOTHING, as_json, json_bytes
from gateway.sinks.history_names import Names
from gateway.sinks.history_words import listed_counts, text

COLUMNS = (
    "station",
    "next_id",
    "result_seq",
    "shown_seq",
    "trigger_seq",
    "error_count",
    "counts",
    "buffered",
    "owed",
    "flight",
    "revision",
)
"""A row's, and what a note has in this order."""
_listed_origin = attrgetter(*Origin.__slots__)


@dataclass(frozen=True, slots=True)
class Accepted:
    """A trigger without an answer, and when it was accepted, in microseconds since 1970 (UTC)."""

    inspection: Inspection
    result_id: str
    accepted_us: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """A station's row. `memory` has no results yet: `owed` are their ids. A greater `revision` is newer."""

    memory: Memory
    owed: tuple[str, ...]
    flight: tuple[Accepted, ...]
    revision: int = 0


def note_of(station: str, memory: Memory, names: Names, revision: int = 0) -> bytes:
    """What is to be remembered of it."""
    owed = names.owed(station, memory)
    flight = memory.flight and [_accepted(station, one, names) for one in memory.flight]
    return json_bytes(
        (
            text(station), memory.next_id, memory.result_seq, memory.shown_seq, memory.trigger_seq, memory.error_count,
            listed_counts(memory.counts), memory.buffered, owed, flight, revision,
        )
    )  # fmt: skip


def _accepted(station: str, one: Inspection, names: Names) -> tuple[Any, ...]:
    return (
        one.id, one.trigger_seq, one.part_id, one.recipe, one.accepted_at, one.exposed_at, _listed_origin(one.origin),
        names.unix_us(one.accepted_at), names.result_id(station, one.id),
    )  # fmt: skip


def row_of_note(note: bytes) -> dict[str, Any]:
    """The same as a row of the table."""
    return row_of_values(json.loads(note))


def row_of_values(values: Sequence[Any]) -> dict[str, Any]:
    """The same, of the values in a note."""
    row = dict(zip(COLUMNS, values, strict=True))
    return row | {name: as_json(row[name]) if row[name] else NOTHING for name in ("counts", "owed", "flight")}


def remembered(row: Sequence[Any]) -> Remembered:
    """What a row or a note says, in the order of the columns. In a row lists are JSON once more."""
    _, next_id, result_seq, shown_seq, trigger_seq, error_count, counts, buffered, owed, flight, revision = row
    numbers = Counts(*_list(counts))
    memory = Memory(next_id, result_seq, shown_seq, trigger_seq, numbers, error_count, bool(buffered))
    flying = tuple(_flying(one) for one in _list(flight))
    return Remembered(memory, tuple(_list(owed)), flying, revision or 0)


def _list(told: str | list[Any]) -> list[Any]:
    return list(json.loads(told)) if isinstance(told, str) else told


def _flying(kept: list[Any]) -> Accepted:
    number, trigger_seq, part_id, recipe, accepted_at, exposed_at, origin, accepted, result_id = kept
    inspection = Inspection(
        number, trigger_seq, part_id, recipe, accepted_at, accepted_at, exposed_at, origin=Origin(*origin)
    )
    return Accepted(inspection, result_id, accepted)

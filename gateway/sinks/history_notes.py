"""What is noted of a station, to go on with after a restart (H31), as a row of its table.

Without SQLAlchemy: notes are made on the way of each trigger, and it takes 0.3 s to load.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from gateway.core.counts import Counts
from gateway.core.inspection import Inspection
from gateway.core.result import Origin
from gateway.core.resume import Memory
from gateway.sinks.history_json import NOTHING, as_json
from gateway.sinks.history_names import Names
from gateway.sinks.history_words import listed_counts, moment, text


@dataclass(frozen=True, slots=True)
class Accepted:
    """A trigger without an answer, and when it was accepted (UTC)."""

    inspection: Inspection
    result_id: str
    accepted: datetime


@dataclass(frozen=True, slots=True)
class Remembered:
    """A station's row. `memory` has no results yet: `owed` are their ids. A greater `revision` is newer."""

    memory: Memory
    owed: tuple[str, ...]
    flight: tuple[Accepted, ...]
    revision: int = 0


def row_of_station(station: str, memory: Memory, names: Names, revision: int = 0) -> dict[str, Any]:
    """What is to be remembered of it."""
    owed = [names.result_id(station, result.inspection_id) for result in memory.owed]
    flight = [_accepted(station, one, names) for one in memory.flight]
    return {
        "station": text(station),
        "next_id": memory.next_id,
        "result_seq": memory.result_seq,
        "shown_seq": memory.shown_seq,
        "trigger_seq": memory.trigger_seq,
        "error_count": memory.error_count,
        "counts": as_json(listed_counts(memory.counts)),
        "buffered": memory.buffered,
        "owed": as_json(owed) if owed else NOTHING,
        "flight": as_json(flight) if flight else NOTHING,
        "revision": revision,
    }


def _accepted(station: str, one: Inspection, names: Names) -> list[Any]:
    origin = [one.origin.by, one.origin.job_id, one.origin.meas_id, one.origin.product_id, False, one.origin.client]
    accepted = names.unix_us(one.accepted_at)
    result_id = names.result_id(station, one.id)
    return [
        one.id,
        one.trigger_seq,
        one.part_id,
        one.recipe,
        one.accepted_at,
        one.exposed_at,
        origin,
        accepted,
        result_id,
    ]


def remembered(row: Sequence[Any]) -> Remembered:
    """What `row_of_station` wrote, in the order of the columns."""
    _, next_id, result_seq, shown_seq, trigger_seq, error_count, counts, buffered, owed, flight, revision = row
    numbers = Counts(*json.loads(counts))
    memory = Memory(next_id, result_seq, shown_seq, trigger_seq, numbers, error_count, bool(buffered))
    flying = tuple(_flying(one) for one in json.loads(flight))
    return Remembered(memory, tuple(json.loads(owed)), flying, revision or 0)


def _flying(kept: list[Any]) -> Accepted:
    number, trigger_seq, part_id, recipe, accepted_at, exposed_at, origin, accepted, result_id = kept
    inspection = Inspection(
        number, trigger_seq, part_id, recipe, accepted_at, accepted_at, exposed_at, origin=Origin(*origin)
    )
    return Accepted(inspection, result_id, moment(accepted))

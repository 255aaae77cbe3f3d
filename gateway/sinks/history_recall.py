"""What a station was about when the gateway ended, put together from its row and its results (H31)."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from gateway.core.counts import Counts
from gateway.core.result import Reason, Result, Verdict, no_decision
from gateway.core.resume import Memory
from gateway.core.state import next_seq
from gateway.ports import StoredResult
from gateway.records import Registrar
from gateway.sinks.history_database import Database
from gateway.sinks.history_stations import Accepted

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Recalled:
    """`interrupted` answers are still to be written. `names` are the ids of the results that are owed."""

    memory: Memory
    interrupted: tuple[StoredResult, ...]
    names: dict[int, str]


def recalled(database: Database, station: str, registrar: Registrar) -> Recalled | None:
    """None for a station that is new. Raises SinkError."""
    noted = database.station(station)
    if noted is None:
        return None
    owed = [one for result_id in noted.owed if (one := database.find(station, result_id)) is not None]
    seq, shown, counts = noted.memory.result_seq, noted.memory.shown_seq, noted.memory.counts
    interrupted: list[StoredResult] = []
    for accepted in noted.flight:
        found = database.find(station, accepted.result_id)
        if found is None:
            seq, counts = next_seq(seq), counts.with_answer(Verdict.NO_DECISION)
            found = _interrupted(station, accepted, seq, counts, registrar)
            interrupted.append(found)
        else:  # it was written, and the gateway ended before it noted that it was shown, or before that
            seq, counts = found.result.result_seq, found.counts
            shown = seq if found.presented else shown
        if found.presented:
            owed.append(found)
    results = tuple(one.result for one in owed)
    memory = replace(noted.memory, result_seq=seq, shown_seq=shown, counts=counts, owed=results)
    return Recalled(memory, tuple(interrupted), {one.result.inspection_id: one.result_id for one in owed})


def _interrupted(station: str, accepted: Accepted, seq: int, counts: Counts, registrar: Registrar) -> StoredResult:
    """Its answer, given now. The monotonic clock may have begun anew, the wall clock may have been set back."""
    one, now = accepted.inspection, datetime.now(UTC)
    took = max(0, (now - accepted.accepted) // _MICROSECOND)
    result = Result(
        one.id, seq, one.trigger_seq, one.part_id, one.recipe, no_decision(Reason.INTERRUPTED),
        one.accepted_at, one.exposed_at, one.accepted_at + took, one.origin,
    )  # fmt: skip
    exposed = accepted.accepted + (one.exposed_at - one.accepted_at) * _MICROSECOND if one.exposed_at else None
    name = registrar.recipe_name(station, one.recipe)
    return StoredResult(accepted.result_id, station, result, accepted.accepted, exposed, now, counts, name)

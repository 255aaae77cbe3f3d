"""What a station was about when the gateway ended, put together from its page, its row and its results (H31)."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from gateway.core.counts import Counts
from gateway.core.result import Reason, Result, Verdict, no_decision
from gateway.core.resume import Memory
from gateway.core.state import next_seq
from gateway.ports import StoredResult, microseconds
from gateway.records import Registrar
from gateway.sinks.acceptance import Paged
from gateway.sinks.history_database import Database
from gateway.sinks.history_notes import Accepted

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Recalled:
    """`answers` are still to be written: the database has them not, or otherwise.

    `owed` are those that the PLC has not taken. A greater `revision` is newer.
    """

    memory: Memory
    answers: tuple[StoredResult, ...]
    owed: tuple[StoredResult, ...]
    revision: int


def recalled(
    database: Database, identity: str, station: str, registrar: Registrar, paged: Paged | None
) -> Recalled | None:
    """From what is newer, the database or the page; None for a station that is new. Raises SinkError.

    `identity` is the database's.

    After a kill that is the page; after a loss of power it may be the database.
    """
    noted = database.station(station)
    if paged is not None and paged.identity not in ("", identity):
        log.warning("%s: the acceptance page belongs to another database: it is ignored", station)
        paged = None
    if paged is not None and noted is not None and paged.noted.revision < noted.revision:
        log.warning("%s: the acceptance page is older than the database: it is ignored", station)
        paged = None
    if paged is not None:
        return _put_together(station, registrar, paged, lambda result_id: database.find(station, result_id))
    if noted is None:
        return None
    return _put_together(
        station, registrar, Paged(identity, noted), lambda result_id: database.find(station, result_id)
    )


def recalled_alone(station: str, registrar: Registrar, paged: Paged) -> Recalled:
    """Where the database cannot be read: what it alone has, of the last moment, is not offered to the PLC again."""
    return _put_together(station, registrar, paged, lambda _: None)


def _put_together(
    station: str, registrar: Registrar, paged: Paged, find: Callable[[str], StoredResult | None]
) -> Recalled:
    if paged.left_out:
        log.error("%s: %d answers that the PLC was shown are in no journal", station, paged.left_out)
    noted, shown_last = paged.noted, {one.result_id: one for one in paged.answers}
    not_taken = {one.result_id: one for one in paged.owed}

    def found_one(result_id: str) -> StoredResult | None:
        return shown_last.get(result_id) or find(result_id) or not_taken.get(result_id)

    owed = [one for result_id in noted.owed if (one := found_one(result_id)) is not None]
    seq, shown, counts = noted.memory.result_seq, noted.memory.shown_seq, noted.memory.counts
    answers = [one for one in paged.answers if (kept := find(one.result_id)) is None or not one.says_the_same(kept)]
    for accepted in noted.flight:
        found = found_one(accepted.result_id)
        if found is None:
            seq, counts = next_seq(seq), counts.with_answer(Verdict.NO_DECISION)
            found = _interrupted(station, accepted, seq, counts, registrar)
            answers.append(found)
        else:  # it was written, and the gateway ended before it noted that it was shown, or before that
            seq, counts = found.result.result_seq, found.counts
            shown = seq if found.presented else shown
        if found.presented:
            owed.append(found)
    results = tuple(one.result for one in owed)
    memory = noted.memory._replace(result_seq=seq, shown_seq=shown, counts=counts, owed=results)
    return Recalled(memory, tuple(answers), tuple(owed), noted.revision)


def _interrupted(station: str, accepted: Accepted, seq: int, counts: Counts, registrar: Registrar) -> StoredResult:
    """Its answer, given now. The monotonic clock may have begun anew, the wall clock may have been set back."""
    one, now_us = accepted.inspection, microseconds(datetime.now(UTC))
    took = max(0, now_us - accepted.accepted_us)
    result = Result(
        one.id, seq, one.trigger_seq, one.part_id, one.recipe, no_decision(Reason.INTERRUPTED),
        one.accepted_at, one.exposed_at, one.accepted_at + took, one.origin,
    )  # fmt: skip
    exposed_us = accepted.accepted_us + one.exposed_at - one.accepted_at if one.exposed_at else None
    name = registrar.recipe_name(station, one.recipe)
    return StoredResult(accepted.result_id, station, result, accepted.accepted_us, exposed_us, now_us, counts, name)

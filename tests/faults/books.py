"""What both sides have to agree on: the parts on the line, what the PLC was shown, and the journal's rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from gateway.core.result import Reason, Verdict
from gateway.core.tags import TagValue
from gateway.ports import StoredResult
from tests.faults.plc import Seen

COUNTED = {Verdict.OK: "ok", Verdict.NOK: "nok", Verdict.NO_DECISION: "no_decision"}


@dataclass(slots=True)
class Part:
    """A part on the line. The pictures of good and bad ones differ, so another part's verdict shows."""

    part_id: str
    good: bool
    rejected: bool = False

    @property
    def deserved(self) -> Verdict:
        return Verdict.OK if self.good else Verdict.NOK


def check_row(part: Part, row: StoredResult, seen: Seen | None, allowed: frozenset[Reason]) -> None:
    """A part's row against what its PLC saw, if it saw anything, and against what the part deserves."""
    result, judgement = row.result, row.result.judgement
    if seen is not None:
        kept = Seen(
            result.part_id, result.result_seq, result.trigger_seq, result.verdict, judgement.reason, result.recipe,
            len(judgement.detections),
        )  # fmt: skip
        assert kept == seen, f"the journal has {kept}, the PLC saw {seen}"
    if result.verdict is not Verdict.NO_DECISION:
        assert result.verdict is part.deserved, f"{part} got {result.verdict.name}: another part's verdict"
        assert dict(judgement.user_values)["part_seen"] == part.part_id
        return
    assert judgement.reason in allowed, f"{part}: {judgement}"


def check_books(rows: list[StoredResult], before: StoredResult | None = None) -> None:
    """The journal in itself: numbers without gap or repetition, times and counters that only rise.

    `before`: the last row of an earlier look, which these follow.
    """
    first = before.result.result_seq + 1 if before else 1
    numbers = [row.result.result_seq for row in rows]
    assert numbers == list(range(first, first + len(rows))), f"result numbers {numbers} instead of from {first} on"
    ids = [row.result_id for row in rows]
    assert len(set(ids)) == len(ids)
    for earlier, later in pairwise([before, *rows] if before else rows):
        assert earlier.answered < later.answered, f"{later.result_id} is not after {earlier.result_id}"
        assert _answers(earlier) <= _answers(later), f"the counters fall: {earlier.counts}, {later.counts}"
        assert later.result.result_seq <= _answers(later) <= numbers[-1], (later.result_id, later.counts)
    if rows:
        assert _answers(rows[-1]) == numbers[-1], rows[-1].counts
        given = Counter(row.result.verdict for row in rows)
        for verdict, name in COUNTED.items():
            counted = getattr(rows[-1].counts, name) - (getattr(before.counts, name) if before else 0)
            assert counted == given[verdict], f"{counted} more in count_{name}, and {given[verdict]} rows"


def _answers(row: StoredResult) -> int:
    """All that had been given when it was; what one `reset` answers together has the counts of the last of it."""
    return row.counts.ok + row.counts.nok + row.counts.no_decision


def check_counters(last: StoredResult, tags: Mapping[str, TagValue]) -> None:
    """The PLC's counters while nothing is under way: the journal's, and as many triggers as answers."""
    kept = (last.counts.triggers, last.counts.ok, last.counts.nok, last.counts.no_decision)
    told = tuple(tags[name] for name in ("count_triggers", "count_ok", "count_nok", "count_no_decision"))
    assert kept == told, f"the journal counts {kept}, the PLC reads {told}"
    assert kept[0] == sum(kept[1:]), f"triggers, and ok, nok, no decision: {kept}"

"""An operator is asked about a part whose score lies between good and bad (H38)."""

from dataclasses import replace

from gateway.core.calls import ReviewDecided
from gateway.core.errors import OfflineReason
from gateway.core.inspection import Inspection
from gateway.core.result import REASON_TEXTS, Judgement, Reason, Review, Verdict
from gateway.core.state import State

MOST_REVIEWS = 16
"""Parts of one station that operators are asked about at a time: each holds its picture in memory."""

_WORDS = {Verdict.OK: "OK", Verdict.NOK: "NOK", Verdict.NO_DECISION: "left undecided"}


def wanted(state: State, one: Inspection, judgement: Judgement) -> bool:
    """Only what PEKAT found wholly well but for its score is put to an operator. At the end nobody is asked (H33)."""
    if judgement.reason is not Reason.REVIEW or not state.options.review_wait_ms or one.origin.simulated:
        return False
    if OfflineReason.STOPPING in state.offline:
        return False
    return sum(other.reviewing for other in state.flight) < MOST_REVIEWS


def offered(state: State, one: Inspection, found: Judgement, now: int) -> Inspection:
    """The operator is asked from now on, and no longer than the part has time."""
    until = min(now + state.options.review_wait_ms * 1000, one.deadline)
    return replace(one, found=found, offered_at=now, review_by=until)


def asked_about(state: State, inspection_id: int) -> Inspection | None:
    """The inspection with this id, where an operator is asked about it."""
    return next((one for one in state.flight if one.reviewing and one.id == inspection_id), None)


def decided(one: Inspection, by: ReviewDecided) -> Inspection | None:
    """With the operator's decision as its answer; None for one that is none."""
    found, words = one.found, _WORDS.get(by.verdict)
    if found is None or words is None:
        return None
    reason = Reason.REVIEW if by.verdict is Verdict.NO_DECISION else Reason.BY_OPERATOR
    detail = "; ".join([*([found.detail] if found.detail else []), f"{words} by {by.operator}"])
    judgement = replace(found, verdict=by.verdict, reason=reason, detail=detail)
    return replace(one, judgement=judgement, review=Review(one.offered_at, 0, by.verdict, by.operator, by.over))


def not_decided(one: Inspection, cut_short: Reason | None = None) -> Inspection:
    """With the answer of a part that nobody has decided about in time, or that a command `cut_short`."""
    judgement = one.found
    if judgement is not None and cut_short is not None:
        judgement = replace(judgement, reason=cut_short, detail=REASON_TEXTS[cut_short])
    return replace(one, judgement=judgement, review=Review(one.offered_at, 0))

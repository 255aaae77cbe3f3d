"""What holds of operators' decisions over every step (H38), written from the rule and from nothing else."""

from collections.abc import Iterator, Sequence

from gateway.core import actions as act
from gateway.core import calls
from gateway.core import events as ev
from gateway.core.result import Judgement, Reason, Verdict
from gateway.core.review import MOST_REVIEWS
from gateway.core.state import State


def check_review(before: State, event: ev.Event, after: State, actions: Sequence[act.Action]) -> None:
    """Who is asked, about what, until when; and that nobody but he makes a part good that PEKAT left open."""
    asked = {one.id: one for one in before.flight if one.reviewing}
    asking = {one.id: one for one in after.flight if one.reviewing}
    assert len(asking) <= MOST_REVIEWS, "H38: pictures without bounds"
    for number, one in asking.items():
        assert one.found is not None
        assert one.found.reason is Reason.REVIEW, "H38: an operator is asked about a fault"
        assert one.offered_at < one.review_by <= one.deadline, "H38: asked past the deadline"
        assert one.review_by <= one.offered_at + after.options.review_wait_ms * 1000, "H38: asked for too long"
        assert not one.origin.simulated, "H38: asked about a simulated part"
        assert number not in asked or asked[number] == one, "H38: the question changed"
    assert _ids(actions, act.OfferReview) == [*asking.keys() - asked.keys()], "H38: a question is told once"
    assert sorted(_ids(actions, act.EndReview)) == sorted(asked.keys() - asking.keys()), "H38: its end is told once"
    for number, judgement in _answered(before, after, actions):
        _check_answer(event, number, judgement, number in asked)


def _check_answer(event: ev.Event, number: int, judgement: Judgement, asked: bool) -> None:
    decides = isinstance(event, calls.ReviewDecided) and event.inspection_id == number and asked
    if judgement.reason is Reason.BY_OPERATOR:
        assert decides, "H38: an operator's decision that he did not make"
        assert isinstance(event, calls.ReviewDecided)
        assert judgement.verdict is event.verdict, "H38: another decision than he made"
    elif asked:
        assert judgement.verdict is Verdict.NO_DECISION, "H38: decided, but by nobody"


def _answered(before: State, after: State, actions: Sequence[act.Action]) -> Iterator[tuple[int, Judgement]]:
    """The answers that this step gave to inspections that were in flight before it."""
    was_open = {one.id for one in before.flight if one.open}
    for one in after.flight:
        if one.judgement is not None and one.id in was_open:
            yield one.id, one.judgement
    for action in actions:
        if isinstance(action, act.Record) and action.result.inspection_id in was_open:
            yield action.result.inspection_id, action.result.judgement


def _ids(actions: Sequence[act.Action], kind: type[act.OfferReview] | type[act.EndReview]) -> list[int]:
    return [action.inspection_id for action in actions if isinstance(action, kind)]

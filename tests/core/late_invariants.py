"""What holds of the decision deadline and of late work over every step (H36), written from the rule alone."""

from collections.abc import Sequence

from gateway.core import actions as act
from gateway.core import calls
from gateway.core import events as ev
from gateway.core.inspection import Inspection
from gateway.core.result import Judgement, Reason, Verdict
from gateway.core.state import State


def check_late(before: State, event: ev.Event, after: State, actions: Sequence[act.Action], now: int) -> None:
    """Who is answered at the deadline, what of it is worked on, for how long, and that nobody is shown what comes."""
    was, late = ({one.id: one for one in state.overdue} for state in (before, after))
    ended = [action.inspection_id for action in actions if isinstance(action, act.Cancel)]
    answered = [action for action in actions if isinstance(action, act.LateAnswer)]
    _check_begun(before, after, now)
    for one in _timed_out(before, after, actions, now):
        goes_on = bool(one.exposed_at) and one.work_by > now
        started = any(isinstance(action, act.Start) for action in actions)
        assert goes_on or one.id not in late, "H36: work goes on that has no picture, or no time"
        assert not goes_on or one.id in late or started, "H36: late work is cut off"
        assert one.id in late or one.id in ended, "H36: nobody waits for it, and it is not stopped"
    fresh = late.keys() - was.keys()
    assert fresh <= {one.id for one in before.flight if one.open and one.deadline <= now}, "H36: late before its time"
    told = [one.inspection_id for one in answered if one.result is not None]
    assert set(told) <= was.keys(), "H36: late, but nobody worked on it"
    assert was.keys() - late.keys() <= {*told, *ended}, "H36: late work ended without a word"
    assert not late.keys() & {*ended}, "H36: worked on, and stopped"
    assert all(one.result is None or one.result.late for one in answered), "H36: a late answer that looks fresh"
    if any(isinstance(action, act.Start) for action in actions):
        assert len(late) + len(after.flight) <= max(after.options.max_in_flight, len(after.flight)), "H36: in the way"
    if _cancels(before, event):
        assert not late, "H36: late work outlives what cancels"


def _check_begun(before: State, after: State, now: int) -> None:
    """An inspection that begins has its answer at the decision deadline, or with an older one of longer options."""
    limit = after.options.decision_deadline_ms * 1000
    for one in after.flight:
        if limit and one.id >= before.next_id:
            assert one.deadline <= max([now + limit, *(older.deadline for older in before.flight)]), "H36: deadline"


def _timed_out(before: State, after: State, actions: Sequence[act.Action], now: int) -> list[Inspection]:
    """Those that this step answered because their time was over; and whether it says so."""
    said: dict[int, Judgement] = {one.id: one.judgement for one in after.flight if one.judgement is not None}
    said |= {one.result.inspection_id: one.result.judgement for one in actions if isinstance(one, act.Record)}
    reason, verdict = Reason.TIMEOUT, Verdict.NO_DECISION
    if before.options.late_is_nok:
        reason, verdict = Reason.TOO_LATE, Verdict.NOK
    over = [one for one in before.flight if one.open and not one.reviewing and one.deadline <= now and one.id in said]
    over = [one for one in over if said[one.id].reason not in (Reason.RESET, Reason.CANCELLED, Reason.SHUTDOWN)]
    over = [one for one in over if not (said[one.id].reason is Reason.JOURNAL and one.keep_by <= now)]  # H30, as late
    for one in (one for one in over if not one.answers):  # what several views say together: H32
        if one.keep_by <= now and said[one.id].reason is Reason.JOURNAL:  # H30: the journal's time was over too
            continue
        assert (said[one.id].reason, said[one.id].verdict) == (reason, verdict), "H36: not what a time-out is"
    return over


def _cancels(before: State, event: ev.Event) -> bool:
    if isinstance(event, ev.PlcWrote):
        old, new = before.commands, event.commands
        return (new.reset and not old.reset) or (old.enable and not new.enable and not before.automatic)
    return isinstance(event, calls.HaltAsked | calls.AbortAsked | calls.ResetAsked)

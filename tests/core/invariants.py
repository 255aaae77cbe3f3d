"""What holds in every state and over every step, written from the rules and from nothing else."""

from collections.abc import Sequence

from gateway.core import actions as act
from gateway.core import calls
from gateway.core import events as ev
from gateway.core.deadlines import next_wake
from gateway.core.errors import Cause, ErrorCode, Fault, OfflineReason, RejectReason
from gateway.core.image import Projection, query_values, result_values, shows_the_same, status
from gateway.core.inspection import Keeping
from gateway.core.query import QueryStatus
from gateway.core.result import Result, Verdict
from gateway.core.state import State, StationState
from tests.core.late_invariants import check_late
from tests.core.review_invariants import check_review

ROW = Fault(ErrorCode.NOK_IN_A_ROW, Cause.INSPECTION)
BITS_OF_VERDICT = {Verdict.OK: "ok", Verdict.NOK: "nok", Verdict.NO_DECISION: "no_decision"}


def check_image(state: State) -> None:
    """The tags of one state agree with it and with each other."""
    tags = status(state)
    assert tags["result_seq"] == tags["result_seq_end"] == tags["user_result_seq"], "H24: the image is torn"
    _check_verdict_bits(state, tags)
    _check_ready(state, tags)
    assert tags["busy"] == (len(state.flight) > 0)
    assert tags["results_pending"] == len(state.waiting)
    assert tags["online"] == (tags["offline_reason"] == 0)
    assert tags["error"] == (tags["error_code"] != 0)
    assert tags["trigger_rejected"] == (tags["reject_reason"] != 0)
    assert not (tags["recipe_ack"] and tags["recipe_error"])
    assert tags["stop_line"] == (ROW in (state.error, *state.standing)), "H34: stop_line"
    assert not state.nok_row or state.nok_row < state.options.stop_after_nok, "H34: a row without its alarm"
    assert not (tags["overrun"] and not tags["trigger_rejected"]), "H4: overrun is a rejection"
    assert all(0 < result.result_seq <= 65535 for result in state.waiting), "H9: numbers are 1..65535"
    _check_query_tags(state)
    if state.valid:
        assert state.presented is not None
        assert tags["result_seq"] == state.presented.result_seq


def _check_query_tags(state: State) -> None:
    """H37: a number is echoed with its answer only, and what was not found shows nothing."""
    tags = query_values(state.query)
    seq, outcome = tags.pop("query_result_seq"), QueryStatus(int(tags.pop("query_status")))
    assert seq in (0, state.commands.result_query), "H37: an answer to another question"
    assert (seq != 0) == (outcome not in (QueryStatus.NONE, QueryStatus.LOOKING)), "H37: echoed without its answer"
    if outcome is QueryStatus.FOUND:
        assert state.query.result is not None
        assert (state.query.result.result_seq, tags["query_verdict"]) == (seq, state.query.result.verdict), "H37: torn"
    else:
        assert not any(tags.values()), "H37: an old result beside a question without an answer"


def _check_verdict_bits(state: State, tags: dict[str, bool | int | float | str]) -> None:
    """H10: at most one verdict bit, only while a presented result is valid, and only its own."""
    lit = [verdict for verdict, bit in BITS_OF_VERDICT.items() if tags[bit]]
    assert len(lit) == (1 if tags["result_valid"] else 0), "H10: verdict bits without a valid result"
    if lit:
        assert result_values(state.presented)["verdict"] == lit[0], "H10: the verdict bit is not the result's"


def _check_ready(state: State, tags: dict[str, bool | int | float | str]) -> None:
    """H2, spelled out again from its text."""
    options = state.options
    exposing = any(one.open and not one.reviewing and one.exposed_at == 0 for one in state.flight)
    queueing = state.commands.buffer_results or len(state.waiting) > 0
    places = len(state.flight) + len(state.waiting) + (1 if state.valid else 0)
    allowed = (
        not state.offline
        and (state.commands.enable or state.automatic)
        and state.continuous is None
        and state.changing is None
        and not state.unprepared
        and not state.trigger_ack
        and not exposing
        and len(state.flight) < options.max_in_flight
        and not (queueing and places >= options.result_depth)
    )
    assert tags["ready"] == allowed, "H2: ready"
    assert (tags["state"] == StationState.READY) == tags["ready"], "the state for displays contradicts ready"


def check_step(before: State, event: ev.Event, after: State, actions: Sequence[act.Action], now: int) -> None:
    """What one step may and may not do."""
    _check_answers(before, after, actions, now)
    _check_counts(before, after, actions)
    _check_keeping(before, event, after, actions)
    _check_frozen(before, event, after)
    _check_run(before, event, after, actions)
    _check_row(before, event, after, actions)
    check_review(before, event, after, actions)
    check_late(before, event, after, actions, now)
    _check_simulation(after, actions)
    _check_what_only_ends_with_reset(before, event, after)
    _check_the_end(before, event, after, actions)
    _check_query(before, event, after, actions, now)
    if shows_the_same(before, after):
        assert Projection().image(before).values == Projection().image(after).values, "an image that is never shown"
    assert next_wake(after) > now, "time alone would change this state at once: the station would spin"
    if after.presented is not before.presented and after.presented is not None:
        assert after.toggle != before.toggle, "H11: a new result without a change of result_toggle"
    else:
        assert after.toggle == before.toggle, "H11: result_toggle changed without a new result"


def _check_answers(before: State, after: State, actions: Sequence[act.Action], now: int) -> None:
    """H7, H9: whoever leaves the flight has left with a Record, oldest first; nobody stays past its deadline."""
    started = [action.inspection_id for action in actions if isinstance(action, act.Start)]
    recorded = [action.result for action in actions if isinstance(action, act.Record)]
    queue = [one.id for one in before.flight] + started
    assert [result.inspection_id for result in recorded] == queue[: len(recorded)], "H9: out of order"
    assert [one.id for one in after.flight] == queue[len(recorded) :], "H7: an inspection got lost"
    assert all(min(one.deadline, one.answer_by) > now for one in after.flight if one.open), "H7: past its deadline"
    assert all(one.work_by > now for one in after.overdue), "H36: worked on past its time"
    assert len(after.overdue) <= after.options.max_in_flight, "H36: late work without bounds"
    assert not {one.id for one in after.overdue} & {one.id for one in after.flight if one.open}, "H36: late, and open"
    assert all(one.keep_by > now for one in after.flight if one.keeping is Keeping.ASKED), "H30: past its deadline"
    for number, result in enumerate((result for result in recorded if not result.origin.simulated), 1):
        assert result.result_seq == (before.result_seq + number - 1) % 65535 + 1, "H9: result_seq"
    for result in recorded:
        latched = {one.id: (one.part_id, one.trigger_seq, one.recipe) for one in before.flight}
        echoed = (result.part_id, result.trigger_seq, result.recipe)
        assert latched.get(result.inspection_id, echoed) == echoed, "H9: a result for another trigger"


def _check_keeping(before: State, event: ev.Event, after: State, actions: Sequence[act.Action]) -> None:
    """H30: no decision is shown before the journal has it, each answer is put into it once, as it is then shown."""
    keeps = [action for action in actions if isinstance(action, act.Keep)]
    if not before.options.keep_ms:
        assert not keeps, "H30: nobody asked for a journal"
        return
    asked = {one.id for one in before.flight if one.keeping is not Keeping.NOT_YET}
    assert not asked & {keep.result.inspection_id for keep in keeps}, "H30: an answer is put into the journal twice"
    shown = [action.result for action in actions if isinstance(action, act.Record) and action.presented]
    over = {one.id for one in before.flight if one.keeping is Keeping.OVER}
    if isinstance(event, ev.Kept) and event.ok:
        over |= {event.inspection_id} & asked
    for result in shown:
        kept = result.inspection_id in over or before.options.show_unkept
        assert kept or result.verdict is Verdict.NO_DECISION, "H30: a decision is shown that is not kept"
    waits = [one for one in after.flight if one.judgement is not None and not one.origin.simulated]
    for one in waits:
        older = [other for other in after.flight if other.id < one.id and other.judgement is None]
        assert older or one.keeping is not Keeping.NOT_YET, "H30: an answer waits for nothing"
    seq = before.result_seq + sum(not r.origin.simulated for r in recorded_of(actions))
    numbers = {one.id: (seq + place) % 65535 + 1 for place, one in enumerate(waits)}
    for keep in keeps:
        number = numbers.get(keep.result.inspection_id, keep.result.result_seq)
        assert keep.result.result_seq == number, "H30: kept under another number"


def recorded_of(actions: Sequence[act.Action]) -> list[Result]:
    """The answers of one step."""
    return [action.result for action in actions if isinstance(action, act.Record)]


def _check_counts(before: State, after: State, actions: Sequence[act.Action]) -> None:
    recorded = [
        action.result.verdict
        for action in actions
        if isinstance(action, act.Record) and not action.result.origin.simulated
    ]
    for verdict, name in BITS_OF_VERDICT.items():
        counted = getattr(after.counts, name) - getattr(before.counts, name)
        assert counted == recorded.count(verdict), f"count_{name} is wrong"
    started = sum(isinstance(action, act.Start) and not action.origin.simulated for action in actions)
    assert after.counts.triggers - before.counts.triggers == started, "H3: count_triggers"
    late = sum(isinstance(action, act.LateAnswer) for action in actions)
    assert after.counts.late - before.counts.late == late, "H8: late answers are counted"
    assert after.error_count >= before.error_count, "H20: errors are only ever counted up"


def _check_frozen(before: State, event: ev.Event, after: State) -> None:
    """H12: buffered and not acknowledged, the presented result stays, whatever happens but ack and reset."""
    if not (before.valid and before.commands.buffer_results and after.commands.buffer_results):
        return
    if _resets(before, event):
        return
    if isinstance(event, ev.PlcWrote):
        old, new = before.commands, event.commands
        by_bit = new.result_ack and not old.result_ack
        by_seq = new.result_ack_seq != old.result_ack_seq and new.result_ack_seq == before.shown_seq
        if by_bit or by_seq:
            return
    assert after.presented is before.presented, "H12: the frozen result was replaced"
    assert after.valid, "H12: the frozen result fell without an acknowledgement"


def _check_row(before: State, event: ev.Event, after: State, actions: Sequence[act.Action]) -> None:
    """H34: NOK alone raises the alarm, and only an acknowledgement or a reset ends it."""
    was, now = (ROW in (state.error, *state.standing) for state in (before, after))
    if now and not was:
        assert any(result.verdict is Verdict.NOK for result in recorded_of(actions)), "H34: an alarm out of nothing"
    if was and not now:
        acked = isinstance(event, ev.PlcWrote) and event.commands.error_ack and not before.commands.error_ack
        assert acked or _resets(before, event), "H34: an alarm that went by itself"


def _resets(before: State, event: ev.Event) -> bool:
    by_bit = isinstance(event, ev.PlcWrote) and event.commands.reset and not before.commands.reset
    return by_bit or isinstance(event, calls.ResetAsked)


def _check_run(before: State, event: ev.Event, after: State, actions: Sequence[act.Action]) -> None:
    """H28: what a run needs, who triggers in it, and how it ends."""
    run, was = after.continuous, before.continuous
    if run is not None:
        assert after.offline <= {OfflineReason.SIMULATION}, "H28: a run that is offline"
        assert after.commands.enable or after.automatic, "H28: a run that is not enabled"
        assert after.changing is None, "H28: a run beside a recipe change"
        assert not after.unprepared, "H28: a run without a recipe"
        assert run.awaiting or after.reject_picture is not RejectReason.NONE, "H28: the run waits for nothing"
    begun = [action for action in actions if isinstance(action, act.Start)]
    if isinstance(event, ev.PictureCame):
        assert after.counts.missed == before.counts.missed, "H28: waiting for a picture is no trigger"
    if was is None:
        return
    assert all(start.pictures_from == was.since for start in begun), "H28: another trigger in a run"
    assert not begun or isinstance(event, ev.PictureCame), "H28: a trigger without a picture"
    ended = [action.run_id for action in actions if isinstance(action, act.EndRun)]
    assert ended == ([] if run is not None and run.id == was.id else [was.id]), "H28: its end is told once"
    if run is None and not isinstance(event, calls.StopAsked | ev.Draining):
        assert not any(one.open for one in after.flight), "H28: what was in flight is not cancelled"


def _check_query(before: State, event: ev.Event, after: State, actions: Sequence[act.Action], now: int) -> None:
    """H37: asked once for each change, answered by the newest answer alone, and in time."""
    asked = isinstance(event, ev.PlcWrote) and event.commands.result_query != before.commands.result_query
    wanted = [after.commands.result_query] if asked and after.commands.result_query else []
    if _resets(before, event):
        asked, wanted = True, []
    assert [action.result_seq for action in actions if isinstance(action, act.LookUp)] == wanted, "H37: not asked once"
    assert not after.query.deadline or now < after.query.deadline, "H37: past its time"
    if asked:
        assert after.query.status is (QueryStatus.LOOKING if wanted else QueryStatus.NONE), "H37: an old answer stays"
    elif after.query.status is QueryStatus.FOUND and after.query is not before.query:
        assert isinstance(event, ev.LookedUp), "H37: found by nobody"
        assert event.query_id == before.query.id, "H37: the answer to an older question"
        assert event.result is after.query.result
        flight = [one.id for one in before.flight]
        assert after.query.result is not None
        assert after.query.result.inspection_id not in flight, "H37: told before it is shown"


def _check_simulation(after: State, actions: Sequence[act.Action]) -> None:
    """H29: nothing simulated comes near the tags."""
    shown = [*after.waiting, *([after.presented] if after.presented is not None else [])]
    assert not any(result.origin.simulated for result in shown), "H29: a simulated result is shown"
    for action in actions:
        if isinstance(action, act.Record) and action.result.origin.simulated:
            assert not action.presented, "H29: a simulated result is presented"
    if after.simulating:
        assert not status(after)["ready"], "H29: ready in simulation mode"


def _check_the_end(before: State, event: ev.Event, after: State, actions: Sequence[act.Action]) -> None:
    """H33: nothing begins any more, and nothing takes that back; draining alone ends no inspection."""
    if OfflineReason.STOPPING in after.offline:
        begun = (act.Start, act.PrepareRecipe, act.AwaitPicture)
        assert not any(isinstance(action, begun) for action in actions), "H33: something begins at the end"
        assert after.changing is None, "H33: a recipe change at the end"
    assert OfflineReason.STOPPING in after.offline or OfflineReason.STOPPING not in before.offline, "H33: it came back"
    if isinstance(event, ev.Draining):
        open_before = {one.id for one in before.flight if one.open}
        over = (act.Cancel, act.EndReview)
        cancelled = {action.inspection_id for action in actions if isinstance(action, over)}
        timed_out = {one.id for one in before.flight if one.open and one.id in cancelled}
        still = {one.id for one in after.flight if one.open}
        assert open_before - still == timed_out, "H33: draining answered an inspection"


def _check_what_only_ends_with_reset(before: State, event: ev.Event, after: State) -> None:
    """H26, H27."""
    if _resets(before, event):
        left = [after.halted, after.simulating, after.unprepared, after.automatic, after.continuous]
        assert not any(left), "H16: a reset left a mode on"
        return
    assert after.halted or not before.halted, "H26: a halt ended without a reset"
    prepared = isinstance(event, ev.RecipePrepared) and before.changing is not None and after.changing is None
    assert after.unprepared or not before.unprepared or prepared, "H27: a recipe came by itself"

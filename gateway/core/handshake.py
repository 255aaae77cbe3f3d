"""The handshake: `step(state, event, now) -> (state, actions)`. What affects a transition begins here.

Pure: no clock, no socket, no thread. `now` is monotonic microseconds. Time passes before the event happens, so
that a deadline before the event has its effect first: an answer after its deadline is always a late one.
"""

from dataclasses import replace

from gateway.core import actions as act
from gateway.core import calls, fault_latch, heartbeat, modes, nok_row, presenting, queries, recipes, review
from gateway.core import events as ev
from gateway.core.actions import Action
from gateway.core.commands import Commands
from gateway.core.counts import ImagesLost
from gateway.core.deadlines import acknowledgement_overdue, trigger_held_too_long
from gateway.core.errors import Cause, ErrorCode, OfflineReason, RejectReason
from gateway.core.events import Event
from gateway.core.recipe_change import RecipeOutcome
from gateway.core.result import Reason
from gateway.core.state import State, next_seq
from gateway.core.turn import Turn


def step(state: State, event: Event, now: int) -> tuple[State, tuple[Action, ...]]:
    """The state after `event` at `now`, and what the world has to do. `state` itself is left as it was."""
    turn = Turn(state.copy(), now)
    _pass_time(turn)
    _handle(turn, event)
    if turn.s.continuous is not None:
        modes.tend_run(turn)
    presenting.flip_toggle(turn.s, state)
    return turn.s, tuple(turn.actions)


def _pass_time(turn: Turn) -> None:
    s, now = turn.s, turn.now
    heartbeat.beat(s, now)
    for inspection in s.flight:
        if inspection.open and inspection.answer_by <= now:
            turn.time_out(inspection)
    if s.overdue:
        turn.end_late_work(until=now, most=s.options.max_in_flight)
    turn.release()
    if s.options.keep_ms:
        turn.wait_no_longer(now)
    if s.changing is not None and s.changing.deadline <= now:
        recipes.abandon(turn, ErrorCode.RECIPE_TIMEOUT)
    if heartbeat.trip(s, now):
        modes.end_run(turn)
        turn.cancel_all(Reason.CANCELLED)
    queries.give_up(s, now)
    held, overdue = trigger_held_too_long(s), acknowledgement_overdue(s)
    if held is not None and held <= now:
        s.ack_overdue = True
        turn.error(ErrorCode.TRIGGER_HELD, Cause.TRIGGER)
    if overdue is not None and overdue <= now:
        s.result_overdue = True
        turn.error(ErrorCode.ACK_OVERDUE, Cause.RESULT_ACK)


def _handle(turn: Turn, event: Event) -> None:
    match event:
        case ev.PlcWrote(commands, client):
            turn.client = client
            _plc_wrote(turn, commands)
        case ev.Exposed(inspection_id):
            turn.expose(inspection_id)
        case ev.Answered(inspection_id, judgement):
            if not turn.judge(inspection_id, judgement):
                turn.late(inspection_id, judgement)
            turn.release()
        case ev.Kept(inspection_id, ok):
            turn.kept(inspection_id, ok)
        case ev.ViewAnswered(inspection_id, view, judgement):
            if not turn.judge_view(inspection_id, view, judgement):
                turn.late(inspection_id, judgement)
            turn.release()
        case ev.TriggerAsked():
            turn.trigger_by_call(event)
        case ev.PictureCame(run_id):
            modes.take_picture(turn, run_id)
        case ev.RecipeAsked(token, recipe):
            recipes.begin(turn, recipe, token)
        case ev.RecipePrepared(change_id, error):
            recipes.prepared(turn, change_id, error)
        case ev.LookedUp():
            queries.settle(turn.s, event)
        case ev.PartFailed(fault, offline):
            fault_latch.stand(turn.s, fault)
            turn.offline(offline, True)
        case ev.PartRecovered(fault, offline):
            fault_latch.clear(turn.s, fault)
            turn.offline(offline, False)
        case ImagesLost(count):
            turn.s.images_lost += count
        case ev.WentOffline(reason):
            turn.offline(reason, True)
        case ev.CameOnline(reason):
            turn.offline(reason, False)
        case ev.Reconfigured():
            _reconfigure(turn, event)
        case ev.Draining():
            _drain(turn)
        case ev.Stopped():
            _stop(turn)
        case ev.Tick():
            pass
        case _:
            _called(turn, event)


def _called(turn: Turn, call: calls.Call) -> None:
    """What has no command tag."""
    match call:
        case calls.AutomaticAsked():
            turn.s.automatic = True  # H25
        case calls.UnprepareAsked(token):
            recipes.unprepare(turn, token)
        case calls.HaltAsked():
            modes.halt(turn)
        case calls.ResetAsked():
            _reset(turn)
        case calls.AbortAsked():
            _abort(turn)
        case calls.RunAsked(token, part_id, origin):
            modes.begin_run(turn, token, part_id, origin)
        case calls.StopAsked():
            modes.end_run(turn)
        case calls.SimulationAsked(token, on):
            modes.simulate(turn, token, on)
        case calls.ReviewDecided():
            _decide(turn, call)


def _decide(turn: Turn, by: calls.ReviewDecided) -> None:
    """Take an operator's decision: once, for that very inspection, and while he is asked (H38)."""
    one = review.asked_about(turn.s, by.inspection_id)
    if one is None or (decided := review.decided(one, by)) is None:
        turn.actions.append(act.Refused(by.token, RejectReason.NO_REVIEW))
        return
    turn.end_review(decided)
    turn.release()


def _reconfigure(turn: Turn, new: ev.Reconfigured) -> None:
    """What is in flight keeps the deadline that it began with (H35)."""
    turn.s.recipes = new.recipes
    turn.s.options = new.options
    nok_row.relimit(turn.s)
    _pass_time(turn)  # a shorter time may be over by now


def _drain(turn: Turn) -> None:
    """Nothing new begins, and a recipe change is something new; what is in flight goes on (H33)."""
    modes.end_run(turn)
    turn.offline(OfflineReason.STOPPING, True)
    recipes.abandon(turn, ErrorCode.RECIPE_FAILED)


def _stop(turn: Turn) -> None:
    """The gateway goes down: nothing stays without its answer (H7). Said again, the journal is not waited for (H30)."""
    again, turn.s.stopped = turn.s.stopped, True
    _drain(turn)
    turn.cancel_all(Reason.SHUTDOWN)
    if again and turn.s.flight:
        turn.wait_no_longer(turn.s.flight[-1].keep_by)


# ---- what the PLC wrote ----------------------------------------------------------------------------------------


def _plc_wrote(turn: Turn, new: Commands) -> None:
    """One request: first all its values, then its edges (H19). Acknowledgements come before all else."""
    s, old, first, seq_known = turn.s, turn.s.commands, not turn.s.plc_seen, turn.s.seq_known
    heartbeat.hear(s, new, turn.now)
    s.commands, s.plc_seen = new, True
    s.seq_known = seq_known or not new.enable or new.trigger_seq != 0  # H6
    turn.offline(OfflineReason.PLC, new.set_offline)  # H17
    if old.enable and not new.enable:  # H25
        s.automatic = False
    if new.reset and not old.reset:  # H16, H19
        _reset(turn)
        return
    if new.error_ack and not old.error_ack:  # H20, H4
        fault_latch.acknowledge(s)
        turn.forget_rejection()
    if not first and (slip := presenting.acknowledge(s, old, new)):
        turn.error(slip, Cause.RESULT_ACK)
    if new.result_query != old.result_query:  # H37
        queries.ask(turn, new.result_query)
    presenting.change_mode(s, old, new, turn.now)
    presenting.present_next(s, turn.now)
    _levels(turn, old, new)
    fresh = first or (new.enable and not old.enable)  # H6: a bit that is already 1 is no edge
    _commands(
        turn,
        bit=new.trigger and not old.trigger and not fresh,
        seq=seq_known and new.trigger_seq not in (0, old.trigger_seq),
        abort=new.abort and not old.abort,
        flush=new.flush_results and not old.flush_results,
        change=new.change_recipe and not old.change_recipe,
    )


def _levels(turn: Turn, old: Commands, new: Commands) -> None:
    """What falling bits take back."""
    s = turn.s
    if old.enable and not new.enable:  # H15
        _abort(turn)
    if not new.trigger:  # H5
        turn.lower_trigger_ack()
    if not new.change_recipe:  # H18
        s.recipe_outcome = RecipeOutcome.NONE
        if s.changing is not None:
            s.changing = replace(s.changing, heard=False)


def _commands(turn: Turn, *, bit: bool, seq: bool, abort: bool, flush: bool, change: bool) -> None:
    s = turn.s
    if bit + seq + abort + flush + change > 1:  # H19
        turn.error(ErrorCode.SEVERAL_COMMANDS, Cause.COMMANDS)
        if bit or seq:
            turn.reject(RejectReason.SEVERAL_COMMANDS)
    elif bit:
        if turn.trigger_by_tags(next_seq(s.trigger_seq_accepted)):
            s.trigger_ack, s.ack_since = True, turn.now
    elif seq:
        turn.trigger_by_tags(s.commands.trigger_seq)
    elif abort:  # H15
        _abort(turn)
    elif flush:
        s.waiting = ()  # H14
    elif change:
        recipes.begin(turn, s.commands.recipe_request)


def _abort(turn: Turn) -> None:
    """Cancel what is in flight; the station stays as it is (H15, H28)."""
    modes.end_run(turn)
    turn.cancel_all(Reason.CANCELLED)
    turn.lower_trigger_ack()


def _reset(turn: Turn) -> None:
    """Back to a known idle state, from anywhere, in this one step (H16)."""
    s = turn.s
    modes.leave_all(turn)
    turn.cancel_all(Reason.RESET, present=False)
    presenting.drop_all(s)
    recipes.abandon(turn, ErrorCode.RECIPE_FAILED)
    s.recipe_outcome, s.exposure_done = RecipeOutcome.NONE, False
    turn.lower_trigger_ack()
    turn.forget_rejection()
    nok_row.begin_anew(s)
    queries.clear(s)
    fault_latch.acknowledge(s)

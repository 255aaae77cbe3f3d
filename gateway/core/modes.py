"""Halt (H26), continuous runs (H28), simulation (H29): each ends with a reset. Works on the step under way."""

from dataclasses import replace

from gateway.core import actions as act
from gateway.core import recipes
from gateway.core.errors import ErrorCode, OfflineReason, RejectReason
from gateway.core.result import Origin, Reason
from gateway.core.state import ContinuousRun, State, next_seq
from gateway.core.turn import Turn


def halt(turn: Turn) -> None:
    """Cancel everything that is under way, and be offline until a reset (H26)."""
    end_run(turn)
    turn.s.automatic = False
    turn.cancel_all(Reason.CANCELLED)
    recipes.abandon(turn, ErrorCode.RECIPE_FAILED)
    turn.lower_trigger_ack()
    turn.offline(OfflineReason.HALTED, True)


def leave_all(turn: Turn) -> None:
    """Back to the plain handshake: what a reset does about the modes."""
    end_run(turn)
    turn.s.automatic, turn.s.unprepared = False, False
    turn.offline(OfflineReason.HALTED, False)
    turn.offline(OfflineReason.SIMULATION, False)


# ---- continuous run -------------------------------------------------------------------------------------------


def begin_run(turn: Turn, token: int, part_id: str, origin: Origin) -> None:
    """From now on each picture is a trigger, if a trigger would be accepted now."""
    s = turn.s
    if s.reject_call is not RejectReason.NONE:
        turn.actions.append(act.Refused(token, s.reject_call))
        return
    s.continuous = ContinuousRun(s.next_run_id, part_id, replace(origin, simulated=s.simulating), turn.now)
    s.next_run_id += 1


def end_run(turn: Turn) -> None:
    """No further picture is taken; what is in flight is not touched."""
    if turn.s.continuous is not None:
        turn.actions.append(act.EndRun(turn.s.continuous.id))
        turn.s.continuous = None


def take_picture(turn: Turn, run_id: int) -> None:
    """The awaited picture is there. Where the station could not take it any more, it stays where it is."""
    s, run = turn.s, turn.s.continuous
    if run is None or run.id != run_id or not run.awaiting:
        return
    s.continuous = replace(run, awaiting=False)
    if _may_run(s) and s.reject_picture is RejectReason.NONE:
        turn.accept(next_seq(s.trigger_seq_accepted), run.part_id, run.origin, pictures_from=run.since)


def tend_run(turn: Turn) -> None:
    """At the end of each step: a run ends with what it needs, and awaits a picture whenever it could take one."""
    s, run = turn.s, turn.s.continuous
    if run is None:
        return
    if not _may_run(s):
        end_run(turn)
        turn.cancel_all(Reason.CANCELLED)
    elif not run.awaiting and s.reject_picture is RejectReason.NONE:
        s.continuous = replace(run, awaiting=True)
        turn.actions.append(act.AwaitPicture(run.id, run.since, run.origin.simulated))


def _may_run(state: State) -> bool:
    return state.enabled and not state.offline - {OfflineReason.SIMULATION}


# ---- simulation -----------------------------------------------------------------------------------------------


def simulate(turn: Turn, token: int, on: bool) -> None:
    """Simulation mode on or off; not while anything is under way, so that no inspection is half simulated."""
    if on == turn.s.simulating:
        return
    if turn.s.idle:
        turn.offline(OfflineReason.SIMULATION, on)
    else:
        turn.actions.append(act.Refused(token, RejectReason.BUSY))

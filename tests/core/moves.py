"""What a walk of the handshake covers, and every event of it that can happen in a state."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from gateway.core import calls
from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.deadlines import acknowledgement_overdue, trigger_held_too_long
from gateway.core.errors import Cause, ErrorCode, Fault, OfflineReason
from gateway.core.inspection import Keeping
from gateway.core.result import Result, Verdict
from gateway.core.state import Options, State
from tests.core.driver import NOK, OK, REVIEW

NOW = 1_000_000_000
PEKAT_DOWN = Fault(ErrorCode.INSPECTOR_DOWN, Cause.INSPECTOR)
Move = tuple[str, int, ev.Event]
"""A name, how long after the state it happens (microseconds), and the event."""


@dataclass(frozen=True)
class Scope:
    """What a walk covers. `also` names extra moves; `latches` keeps errors and rejections as part of the state."""

    bits: bool
    buffered: bool
    max_in_flight: int = 1
    depth: int = 1
    ack_timeout_ms: int = 0
    also: frozenset[str] = frozenset()
    latches: bool = False

    @property
    def options(self) -> Options:
        keep_ms, row = 300 * ("journal" in self.also), 2 * ("row" in self.also)
        times = (1_000, self.ack_timeout_ms, 1_000)
        return Options(
            self.max_in_flight, self.depth, *times, keep_ms=keep_ms, stop_after_nok=row,
            review_wait_ms=400 * ("review" in self.also),
            decision_deadline_ms=400 * ("late" in self.also), late_is_nok="nok" in self.also,
        )  # fmt: skip

    def __str__(self) -> str:
        style, mode = "bits" if self.bits else "seq", "buffered" if self.buffered else "free"
        return "-".join([style, mode, f"f{self.max_in_flight}", f"d{self.depth}", *sorted(self.also)])


def moves(state: State, scope: Scope) -> Iterator[Move]:
    """Every event of the scope's alphabet that can happen in this state."""
    yield from _plc_moves(state, scope)
    yield from _world_moves(state, scope)
    times = [one.answer_by for one in state.flight if one.open]
    times += [one.keep_by for one in state.flight if one.keeping is Keeping.ASKED]
    times += [one.work_by for one in state.overdue]
    times += [at for at in (trigger_held_too_long(state), acknowledgement_overdue(state)) if at is not None]
    if state.changing is not None:
        times.append(state.changing.deadline)
    if state.query.deadline:
        yield "until the journal had its time", state.query.deadline - NOW, ev.Tick()
    if times:
        yield "until the next deadline", min(times) - NOW, ev.Tick()
        if min(times) - NOW > 600_000:
            yield "half a second", 500_000, ev.Tick()


@lru_cache(10_000)
def written(commands: Commands, **tags: object) -> Commands:
    """These commands with some tags as they are written now. A walk does the same few thousand times each."""
    return replace(commands, **tags)  # type: ignore[arg-type]  # tags by name


def _plc_moves(state: State, scope: Scope) -> Iterator[Move]:
    c = state.commands

    def write(**tags: object) -> Move:
        return f"write {tags}", 0, ev.PlcWrote(written(c, **tags))

    new_seq, foreign = c.trigger_seq % 2 + 1, state.result_seq + 7
    yield write(enable=not c.enable)
    yield write(abort=True)
    yield write(reset=True)
    yield write(reset=True, enable=False, trigger=False, result_ack=False, change_recipe=False, set_offline=False)
    if scope.bits:
        yield write(trigger=not c.trigger)
        yield write(result_ack=not c.result_ack)
        yield write(trigger=not c.trigger, result_ack=not c.result_ack)
        yield write(enable=not c.enable, result_ack=not c.result_ack)
        yield write(trigger=True, abort=True)
    else:
        yield write(trigger_seq=new_seq)
        yield write(trigger_seq=0)
        yield write(trigger_seq=new_seq, result_ack_seq=state.shown_seq)
        yield write(result_ack_seq=state.shown_seq)
        yield write(result_ack_seq=foreign)
        yield write(trigger_seq=new_seq, abort=True)
    if scope.buffered:
        yield write(flush_results=True)
    if scope.latches or "row" in scope.also:
        yield write(error_ack=True)
    if "modes" in scope.also:
        yield write(buffer_results=not c.buffer_results)
    if "recipes" in scope.also:
        yield write(change_recipe=not c.change_recipe, recipe_request=2)
        yield write(change_recipe=not c.change_recipe, recipe_request=3)
    if "offline" in scope.also:
        yield write(set_offline=not c.set_offline)
    if "query" in scope.also:
        asked = 1 - c.result_query
        yield write(result_query=asked)
        yield write(result_query=asked, **({"trigger": not c.trigger} if scope.bits else {"trigger_seq": new_seq}))


def old_result(seq: int, inspection_id: int = 0) -> Result:
    """One from the journal."""
    return Result(inspection_id, seq, 1, "", 1, OK, 0, 0, 0)


def _world_moves(state: State, scope: Scope) -> Iterator[Move]:
    for one in state.flight:
        if one.exposing:
            yield f"exposed {one.id}", 0, ev.Exposed(one.id)
        yield f"answered {one.id}", 0, ev.Answered(one.id, OK)
        if "row" in scope.also:
            yield f"bad {one.id}", 0, ev.Answered(one.id, NOK)
            yield f"undecided {one.id}", 0, ev.Answered(one.id, REVIEW)
        if "review" in scope.also:
            yield f"in doubt {one.id}", 0, ev.Answered(one.id, REVIEW)
            for verdict in (Verdict.OK, Verdict.NOK, Verdict.NO_DECISION):
                yield f"{verdict.name} by operator {one.id}", 0, calls.ReviewDecided(1, one.id, verdict, "anna")
        if "journal" in scope.also and not one.open:
            yield f"kept {one.id}", 0, ev.Kept(one.id, True)
            yield f"not kept {one.id}", 0, ev.Kept(one.id, False)
    for one in state.overdue:
        yield f"answered late {one.id}", 0, ev.Answered(one.id, NOK)
    yield "answer for nobody", 0, ev.Answered(99, OK)
    yield from _call_moves(state, scope)
    if "recipes" in scope.also:
        yield "recipe asked", 0, ev.RecipeAsked(1, 2)
        yield "prepared", 0, ev.RecipePrepared(1)
        yield "not prepared", 0, ev.RecipePrepared(1, ErrorCode.RECIPE_FAILED)
    if "offline" in scope.also:
        yield "operator takes it", 0, ev.WentOffline(OfflineReason.OPERATOR)
        yield "operator gives it back", 0, ev.CameOnline(OfflineReason.OPERATOR)
        yield "PEKAT down", 0, ev.PartFailed(PEKAT_DOWN, OfflineReason.INSPECTOR)
        yield "PEKAT back", 0, ev.PartRecovered(PEKAT_DOWN, OfflineReason.INSPECTOR)
    if "query" in scope.also:
        newest, asked = state.query.id, state.query.result_seq
        yield "found", 0, ev.LookedUp(newest, True, old_result(asked), 1)
        yield "found, and in flight", 0, ev.LookedUp(newest, True, old_result(asked, inspection_id=1), 1)
        yield "not found", 0, ev.LookedUp(newest, True)
        yield "no journal", 0, ev.LookedUp(newest, False)
        yield "found too late", 0, ev.LookedUp(newest - 1, True, old_result(asked), 1)
    if "end" in scope.also:
        yield "drain", 0, ev.Draining()
        yield "stop", 0, ev.Stopped()


def _call_moves(state: State, scope: Scope) -> Iterator[Move]:
    if "calls" in scope.also:
        yield "Inspect", 0, ev.TriggerAsked(1)
    if "halt" in scope.also:
        yield "automatic", 0, calls.AutomaticAsked()
        yield "halt", 0, calls.HaltAsked()
        yield "abort by call", 0, calls.AbortAsked()
        yield "'reset' by call", 0, calls.ResetAsked()
    if "unprepare" in scope.also:
        yield "unprepare", 0, calls.UnprepareAsked(1)
    if "run" in scope.also:
        yield "run", 0, calls.RunAsked(1)
        yield "stop", 0, calls.StopAsked()
        yield "picture", 0, ev.PictureCame(1 if state.continuous is not None else 7)
    if "simulation" in scope.also:
        yield "simulate", 0, calls.SimulationAsked(1, True)
        yield "simulate no more", 0, calls.SimulationAsked(1, False)

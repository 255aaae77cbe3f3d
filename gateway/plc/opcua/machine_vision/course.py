"""What one step of the handshake is in OPC 40100-1: transitions, jobs begun, images taken, results."""

from collections.abc import Iterator
from dataclasses import dataclass

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.calls import AbortAsked, AutomaticAsked, HaltAsked, ResetAsked, RunAsked, StopAsked, UnprepareAsked
from gateway.core.inspection import Inspection
from gateway.core.result import Origin
from gateway.core.state import State
from gateway.plc.opcua.machine_vision.states import Move, VisionState, path, reset_path, vision_state
from gateway.ports import Step

_METHODS: dict[type, str] = {
    AutomaticAsked: "SelectModeAutomatic",
    HaltAsked: "Halt",
    ResetAsked: "Reset",
    AbortAsked: "Abort",
    StopAsked: "Stop",
    RunAsked: "StartContinuous",
}
"""Events that only a method makes. Unpreparing is by recipe or by product, which the method itself has to tell."""

_EXECUTING = frozenset({VisionState.SINGLE_EXECUTION, VisionState.CONTINUOUS_EXECUTION})


@dataclass(frozen=True, slots=True)
class Note:
    """One step as it was noted, with the methods that were at work."""

    step: Step
    causes: frozenset[str]


class Course:
    """Follows a station step by step. It keeps nothing but what a method asked for whose effect comes later."""

    def __init__(self) -> None:
        self._ending = ""
        self._known: tuple[State, VisionState] | None = None

    def state(self, state: State) -> VisionState:
        """`vision_state`; a step's state after it is mostly the one before the next, and is asked for three times."""
        if self._known is None or self._known[0] is not state:
            self._known = state, vision_state(state)
        return self._known[1]

    def moves(self, note: Note) -> tuple[Move, ...]:
        """The transitions of this step, in order."""
        step = note.step
        before, after = self.state(step.before), self.state(step.after)
        method = _method(step.event)
        if method in ("Stop", "Abort") and before in _EXECUTING:
            self._ending = method
        if _is_reset_bit(step):
            made = reset_path(before, after)
        elif before is after and method != "Reset":
            return ()
        else:
            made = path(before, after, note.causes | {method, self._ending})
        if after not in _EXECUTING:
            self._ending = ""
        return made


def _method(event: ev.Event) -> str:
    if isinstance(event, ev.TriggerAsked):
        return "StartSingleJob" if event.origin.by == "job" else ""
    if isinstance(event, UnprepareAsked):
        return ""
    return _METHODS.get(type(event), "")


def _is_reset_bit(step: Step) -> bool:
    return isinstance(step.event, ev.PlcWrote) and step.after.commands.reset and not step.before.commands.reset


def jobs_begun(step: Step) -> Iterator[tuple[Origin, int]]:
    """The jobs that begin with this step: whose, and the inspection's id (0 for a continuous run, one job)."""
    run, had = step.after.continuous, step.before.continuous
    if run is not None and (had is None or had.id != run.id):
        yield run.origin, 0
    for action in step.actions:
        if isinstance(action, act.Start) and action.origin.by != "continuous":
            yield action.origin, action.inspection_id


def images_taken(step: Step) -> Iterator[Inspection]:
    """The inspections whose image was taken with this step."""
    if isinstance(step.event, ev.Exposed):
        wanted = step.event.inspection_id
        exposing = any(one.id == wanted and one.exposing for one in step.before.flight)
        taken = (one for one in step.after.flight if one.id == wanted and one.exposed_at)
        yield from taken if exposing else ()


def records(step: Step) -> Iterator[act.Record]:
    """The results of this step."""
    return (action for action in step.actions if isinstance(action, act.Record))

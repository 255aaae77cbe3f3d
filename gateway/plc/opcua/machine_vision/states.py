"""The state machines of OPC 40100-1 as a function of the station's state: which state, and by which transitions.

Nothing is kept here that the handshake does not know. A step of the handshake may be several transitions of the
specification; it asks for one StateChanged event each, and for the path through the states in between.
"""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from types import MappingProxyType

from gateway.core.errors import OfflineReason, RejectReason
from gateway.core.state import State


class VisionState(IntEnum):
    """Where a vision system stands, by state numbers. From 5 on it is Operational, and the number is the sub-state."""

    PREOPERATIONAL = 1
    HALTED = 2
    ERROR = 3
    INITIALIZED = 5
    READY = 6
    SINGLE_EXECUTION = 7
    CONTINUOUS_EXECUTION = 8

    @property
    def operational(self) -> bool:
        """In this state the automatic mode state machine is the active one."""
        return self >= VisionState.INITIALIZED


OPERATIONAL = 4
"""The number of the state whose sub-states are 5 to 8."""

STATE_NODES: Mapping[int, tuple[str, int]] = MappingProxyType(
    {
        1: ("Preoperational", 5028),
        2: ("Halted", 5029),
        3: ("Error", 5030),
        4: ("Operational", 5031),
        5: ("Initialized", 5056),
        6: ("Ready", 5057),
        7: ("SingleExecution", 5058),
        8: ("ContinuousExecution", 5059),
    }
)
"""Name and node of each state number, on the state machine types."""

_HALTED = frozenset({OfflineReason.HALTED, OfflineReason.STOPPING})
_ERROR = frozenset({OfflineReason.SOURCE, OfflineReason.INSPECTOR, OfflineReason.WATCHDOG})


def vision_state(state: State) -> VisionState:
    """What a client of the companion specification sees of this state of the handshake."""
    offline = state.offline - {OfflineReason.SIMULATION}
    if offline & _HALTED:
        return VisionState.HALTED
    if offline & _ERROR:
        return VisionState.ERROR
    if offline or not state.enabled:
        return VisionState.PREOPERATIONAL
    if state.continuous is not None or any(one.origin.by == "continuous" for one in state.flight):
        return VisionState.CONTINUOUS_EXECUTION
    if state.unprepared or state.changing is not None:
        return VisionState.INITIALIZED
    if state.reject_call is RejectReason.NONE:
        return VisionState.READY
    return VisionState.SINGLE_EXECUTION


@dataclass(frozen=True, slots=True)
class Transition:
    """One transition of the specification. `cause` is the method that leads to it; "" where it is automatic."""

    number: int
    name: str
    node: int
    cause: str = ""

    @property
    def before(self) -> int:
        """The number of the state that it leaves; 4 is Operational as a whole."""
        return self.number // 100

    @property
    def after(self) -> int:
        """The number of the state that it enters."""
        return self.number // 10 % 10

    @property
    def automatic_mode(self) -> bool:
        """It belongs to the automatic mode state machine, not to the one above it."""
        return self.before > OPERATIONAL


TRANSITIONS: Sequence[Transition] = (
    Transition(120, "PreoperationalToHaltedAuto", 5033),
    Transition(121, "PreoperationalToHalted", 5032, "Halt"),
    Transition(130, "PreoperationalToErrorAuto", 5034),
    Transition(150, "PreoperationalToInitializedAuto", 5036),
    Transition(151, "PreoperationalToInitialized", 5035, "SelectModeAutomatic"),
    Transition(210, "HaltedToPreoperationalAuto", 5038),
    Transition(211, "HaltedToPreoperational", 5037, "Reset"),
    Transition(310, "ErrorToPreoperationalAuto", 5040),
    Transition(311, "ErrorToPreoperational", 5039, "Reset"),
    Transition(320, "ErrorToHaltedAuto", 5042),
    Transition(321, "ErrorToHalted", 5041, "Halt"),
    Transition(340, "ErrorToOperationalAuto", 5255),
    Transition(410, "OperationalToPreoperationalAuto", 5048),
    Transition(411, "OperationalToPreoperational", 5047, "Reset"),
    Transition(420, "OperationalToHaltedAuto", 5050),
    Transition(421, "OperationalToHalted", 5049, "Halt"),
    Transition(430, "OperationalToErrorAuto", 5051),
    Transition(560, "InitializedToReadyAuto", 5061),
    Transition(561, "InitializedToReadyRecipe", 5060, "PrepareRecipe"),
    Transition(562, "InitializedToReadyProduct", 5045, "PrepareProduct"),
    Transition(650, "ReadyToInitializedAuto", 5063),
    Transition(651, "ReadyToInitializedRecipe", 5062, "UnprepareRecipe"),
    Transition(652, "ReadyToInitializedProduct", 5044, "UnprepareProduct"),
    Transition(670, "ReadyToSingleExecutionAuto", 5065),
    Transition(671, "ReadyToSingleExecution", 5064, "StartSingleJob"),
    Transition(680, "ReadyToContinuousExecutionAuto", 5067),
    Transition(681, "ReadyToContinuousExecution", 5066, "StartContinuous"),
    Transition(760, "SingleExecutionToReadyAuto", 5070),
    Transition(761, "SingleExecutionToReadyStop", 5068, "Stop"),
    Transition(762, "SingleExecutionToReadyAbort", 5069, "Abort"),
    Transition(860, "ContinuousExecutionToReadyAuto", 5073),
    Transition(861, "ContinuousExecutionToReadyStop", 5071, "Stop"),
    Transition(862, "ContinuousExecutionToReadyAbort", 5072, "Abort"),
)
"""What a vision system with an automatic mode does. Preoperational to Operational (140, 141) is for those without: it
does not say where in Operational, as 150 and 151 do."""


@dataclass(frozen=True, slots=True)
class Move:
    """One transition that was made, and the states on both sides of it."""

    transition: Transition
    before: VisionState
    after: VisionState


def path(before: VisionState, after: VisionState, causes: Iterable[str] = ()) -> tuple[Move, ...]:
    """The shortest legal way, rather within Operational than out of it and back. `causes` are the methods at work.

    Reset leads through Preoperational, also where the station is as ready as before when it is over.
    """
    methods = frozenset(causes) - {""}
    if "Reset" in methods and VisionState.PREOPERATIONAL not in (before, after):
        down = path(before, VisionState.PREOPERATIONAL, methods)
        return down + path(VisionState.PREOPERATIONAL, after, methods - {"Reset"})
    states = _WAYS[before, after]
    return tuple(Move(_chosen(a, b, methods), a, b) for a, b in pairwise(states))


def reset_path(before: VisionState, after: VisionState) -> tuple[Move, ...]:
    """The way of a reset by the PLC's bit: as by the method, and automatic all the same."""
    return path(before, VisionState.PREOPERATIONAL) + path(VisionState.PREOPERATIONAL, after)


def transitions_from(state: VisionState, *, automatic_mode: bool) -> tuple[Transition, ...]:
    """What the state machine could do next."""
    wanted = state if automatic_mode or not state.operational else OPERATIONAL
    return tuple(one for one in TRANSITIONS if one.before == wanted and one.automatic_mode == automatic_mode)


def _entered(transition: Transition) -> VisionState:
    """Operational begins with its initial sub-state."""
    return VisionState.INITIALIZED if transition.after == OPERATIONAL else VisionState(transition.after)


def _edges() -> dict[VisionState, dict[VisionState, list[Transition]]]:
    """For each state its neighbours and the transitions to them, those within Operational first."""
    edges: dict[VisionState, dict[VisionState, list[Transition]]] = {state: {} for state in VisionState}
    for transition in sorted(TRANSITIONS, key=lambda one: not one.automatic_mode):
        for source in VisionState:
            if transition.before in (source, OPERATIONAL if source.operational else source):
                edges[source].setdefault(_entered(transition), []).append(transition)
    return edges


_EDGES = _edges()


def _ways_from(start: VisionState) -> dict[VisionState, tuple[VisionState, ...]]:
    found: dict[VisionState, tuple[VisionState, ...]] = {start: (start,)}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for there in _EDGES[here]:
            if there not in found:
                found[there] = (*found[here], there)
                waiting.append(there)
    return found


_WAYS = {(start, end): way for start in VisionState for end, way in _ways_from(start).items()}


def _chosen(before: VisionState, after: VisionState, methods: frozenset[str]) -> Transition:
    """The transition whose method is at work, or the automatic one."""
    candidates = _EDGES[before][after]
    return next((one for one in candidates if one.cause in methods), candidates[0])

"""Every step that the bounded handshake can make is a legal way in the specification's state machines."""

from collections import deque

import pytest

from gateway.core import calls
from gateway.core import events as ev
from gateway.core.errors import OfflineReason
from gateway.core.handshake import step
from gateway.core.result import Origin
from gateway.core.state import State
from gateway.plc.opcua.machine_vision.course import Course, Note
from gateway.plc.opcua.machine_vision.states import TRANSITIONS, VisionState, vision_state
from gateway.ports import Step
from tests.core.driver import OK
from tests.core.moves import NOW, Scope, moves
from tests.core.walk import canonical, first_state, key

MOST_STATES = 1500
RUN = Origin("continuous", "run")
SCOPES = [
    Scope(True, False, 2, 1, also=frozenset({"modes", "calls"})),
    Scope(True, True, 1, 1, also=frozenset({"halt", "calls"})),
    Scope(False, False, 2, 1, also=frozenset({"run", "offline"})),
    Scope(True, False, 1, 1, also=frozenset({"unprepare", "recipes", "run"})),
    Scope(True, False, 1, 1, also=frozenset({"simulation", "calls", "halt"})),
]


def _steps(scope: Scope) -> list[Step]:
    """Each step from each state that is found first."""
    first = first_state(scope)
    known, waiting, found = {key(first)}, deque([first]), list[Step]()
    while waiting and len(known) < MOST_STATES:
        here = waiting.popleft()
        for _, later, event in moves(here, scope):
            after, actions = step(here, event, NOW + later)
            found.append(Step(event, here, after, actions, NOW + later))
            there = canonical(after, NOW + later, scope)
            if key(there) not in known:
                known.add(key(there))
                waiting.append(there)
    return found


def _check(one: Step) -> tuple[int, ...]:
    """The numbers of the transitions; they lead from one state to the other, each from where the last one ended."""
    made = Course().moves(Note(one, frozenset()))
    here = vision_state(one.before)
    for move in made:
        assert move.before is here, one.event
        assert move.transition in TRANSITIONS
        here = move.after
    assert here is vision_state(one.after), one.event
    return tuple(move.transition.number for move in made)


@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_every_step_is_a_legal_way(scope: Scope) -> None:
    steps = _steps(scope)
    numbers = {number for one in steps for number in _check(one)}
    assert len(steps) > 500
    assert numbers >= {150, 560, 670, 760}


def test_the_scopes_together_reach_every_state_and_nearly_every_transition() -> None:
    steps = [one for scope in SCOPES for one in _steps(scope)]
    assert {vision_state(one.after) for one in steps} == set(VisionState)
    numbers = {number for one in steps for number in _check(one)}
    by_method_alone = {561, 562, 651, 652}  # a recipe's and a product's: the method itself says so
    missing = {one.number for one in TRANSITIONS} - numbers - by_method_alone
    assert missing <= {120, 210, 311, 320, 321, 420, 671, 680, 761, 862}, missing


def _state(**fields: object) -> State:
    made = first_state(SCOPES[0])
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("offline", "expected"),
    [
        ({OfflineReason.STARTING}, VisionState.PREOPERATIONAL),
        ({OfflineReason.PLC, OfflineReason.OPERATOR}, VisionState.PREOPERATIONAL),
        ({OfflineReason.OPERATOR, OfflineReason.SOURCE}, VisionState.ERROR),
        ({OfflineReason.INSPECTOR}, VisionState.ERROR),
        ({OfflineReason.WATCHDOG}, VisionState.ERROR),
        ({OfflineReason.HALTED, OfflineReason.SOURCE}, VisionState.HALTED),
        ({OfflineReason.STOPPING}, VisionState.HALTED),
        ({OfflineReason.SIMULATION}, VisionState.READY),
        (set(), VisionState.READY),
    ],
)
def test_why_it_is_offline_decides_the_state(offline: set[OfflineReason], expected: VisionState) -> None:
    assert vision_state(_state(offline=frozenset(offline), automatic=True)) is expected


def test_a_stop_is_the_cause_of_what_comes_of_it_later() -> None:
    """The last inspection of the run is finished first; only then the run is over, by Stop."""
    course, state = Course(), _state(automatic=True)
    made: list[list[int]] = []

    def happen(event: ev.Event) -> None:
        nonlocal state
        after, actions = step(state, event, NOW)
        moved = course.moves(Note(Step(event, state, after, actions, NOW), frozenset()))
        made.append([move.transition.number for move in moved])
        state = after

    happen(calls.RunAsked(1, "p", RUN))
    assert state.continuous is not None
    happen(ev.PictureCame(state.continuous.id))
    (inspection,) = state.flight
    happen(calls.StopAsked())
    happen(ev.Exposed(inspection.id))
    happen(ev.Answered(inspection.id, OK))
    assert made == [[681], [], [], [], [861]]

"""The state machines: the graph against the nodeset, and every way between two states."""

import itertools

import pytest

from gateway.plc.opcua.machine_vision.states import (
    STATE_NODES,
    TRANSITIONS,
    Move,
    Transition,
    VisionState,
    path,
    reset_path,
    transitions_from,
)
from tests.opcua.machine_vision.nodeset import BY_ID, references

MODE_LESS = {140, 141}
"""Transitions to Operational as a whole: for systems without an automatic mode."""


def _node(number: int) -> str:
    return f"ns=1;i={number}"


def _text(node: str) -> str:
    return "".join(BY_ID[node].itertext())


def _declared() -> dict[int, str]:
    """Each transition of the two state machine types, by its number."""
    found = {}
    for node_id, node in BY_ID.items():
        if ("HasTypeDefinition", "i=2310") in references(node):
            number = next(target for kind, target in references(node) if kind == "HasProperty")
            found[int(_text(number).strip().split()[-1])] = node_id
    return {number: node for number, node in found.items() if number < 1000}  # the step model has greater ones


def test_every_transition_of_the_specification_is_known_and_has_its_node_its_name_and_its_cause() -> None:
    declared = _declared()
    assert sorted(declared) == sorted([one.number for one in TRANSITIONS] + list(MODE_LESS))
    for transition in TRANSITIONS:
        node = BY_ID[declared[transition.number]]
        assert declared[transition.number] == _node(transition.node), transition
        assert node.get("BrowseName") == f"1:{transition.name}"
        causes = [str(BY_ID[target].get("BrowseName"))[2:] for kind, target in references(node) if kind == "HasCause"]
        assert causes == ([transition.cause] if transition.cause else [])


def test_every_transition_goes_from_and_to_the_states_of_the_nodeset() -> None:
    declared = _declared()
    for transition in TRANSITIONS:
        ends = dict(references(BY_ID[declared[transition.number]]))
        assert ends["FromState"] == _node(STATE_NODES[transition.before][1]), transition
        assert ends["ToState"] == _node(STATE_NODES[transition.after][1]), transition


def _legal(moves: tuple[Move, ...], before: VisionState, after: VisionState) -> None:
    here = before
    for move in moves:
        assert move.before is here
        assert move.transition in TRANSITIONS
        whole = 4 if here.operational else int(here)
        assert move.transition.before in (int(here), whole)
        assert move.transition.after in (int(move.after), 4 if move.after is VisionState.INITIALIZED else 0)
        here = move.after
    assert here is after


@pytest.mark.parametrize(("before", "after"), list(itertools.product(VisionState, VisionState)))
def test_there_is_a_legal_way_between_any_two_states(before: VisionState, after: VisionState) -> None:
    moves = path(before, after)
    _legal(moves, before, after)
    assert len(moves) <= 4
    assert all(not move.transition.cause for move in moves)
    if before.operational and after.operational:
        assert all(move.after.operational for move in moves)
    _legal(reset_path(before, after), before, after)


@pytest.mark.parametrize(
    ("before", "after", "cause", "numbers"),
    [
        (VisionState.PREOPERATIONAL, VisionState.READY, "", [150, 560]),
        (VisionState.PREOPERATIONAL, VisionState.READY, "SelectModeAutomatic", [151, 560]),
        (VisionState.READY, VisionState.SINGLE_EXECUTION, "", [670]),
        (VisionState.READY, VisionState.SINGLE_EXECUTION, "StartSingleJob", [671]),
        (VisionState.READY, VisionState.CONTINUOUS_EXECUTION, "StartContinuous", [681]),
        (VisionState.SINGLE_EXECUTION, VisionState.READY, "Stop", [761]),
        (VisionState.SINGLE_EXECUTION, VisionState.READY, "Abort", [762]),
        (VisionState.CONTINUOUS_EXECUTION, VisionState.READY, "Stop", [861]),
        (VisionState.CONTINUOUS_EXECUTION, VisionState.READY, "Abort", [862]),
        (VisionState.INITIALIZED, VisionState.READY, "PrepareRecipe", [561]),
        (VisionState.INITIALIZED, VisionState.READY, "PrepareProduct", [562]),
        (VisionState.READY, VisionState.INITIALIZED, "UnprepareRecipe", [651]),
        (VisionState.READY, VisionState.INITIALIZED, "UnprepareProduct", [652]),
        (VisionState.SINGLE_EXECUTION, VisionState.INITIALIZED, "", [760, 650]),
        (VisionState.SINGLE_EXECUTION, VisionState.HALTED, "Halt", [421]),
        (VisionState.PREOPERATIONAL, VisionState.HALTED, "Halt", [121]),
        (VisionState.ERROR, VisionState.HALTED, "Halt", [321]),
        (VisionState.ERROR, VisionState.READY, "", [340, 560]),
        (VisionState.HALTED, VisionState.PREOPERATIONAL, "Reset", [211]),
        (VisionState.HALTED, VisionState.READY, "Reset", [211, 150, 560]),
        (VisionState.ERROR, VisionState.PREOPERATIONAL, "Reset", [311]),
        (VisionState.READY, VisionState.PREOPERATIONAL, "Reset", [411]),
        (VisionState.READY, VisionState.READY, "Reset", [411, 150, 560]),
        (VisionState.ERROR, VisionState.ERROR, "Reset", [311, 130]),
        (VisionState.READY, VisionState.SINGLE_EXECUTION, "Halt", [670]),
    ],
)
def test_the_method_at_work_decides_which_transition_it_was(
    before: VisionState, after: VisionState, cause: str, numbers: list[int]
) -> None:
    assert [move.transition.number for move in path(before, after, {cause} - {""})] == numbers


def test_a_reset_by_the_bit_goes_through_preoperational_by_itself() -> None:
    moves = reset_path(VisionState.READY, VisionState.READY)
    assert [move.transition.number for move in moves] == [410, 150, 560]


def test_the_next_transitions_are_those_that_leave_the_state() -> None:
    def numbers(made: tuple[Transition, ...]) -> list[int]:
        return [one.number for one in made]

    assert numbers(transitions_from(VisionState.READY, automatic_mode=True)) == [650, 651, 652, 670, 671, 680, 681]
    assert numbers(transitions_from(VisionState.READY, automatic_mode=False)) == [410, 411, 420, 421, 430]
    assert numbers(transitions_from(VisionState.HALTED, automatic_mode=False)) == [210, 211]

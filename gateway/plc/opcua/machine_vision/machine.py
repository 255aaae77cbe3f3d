"""The variables of one state machine: where it stands, how it came there, and where it could go."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.machine_vision.data_types import model_id
from gateway.plc.opcua.machine_vision.live import Live
from gateway.plc.opcua.machine_vision.states import OPERATIONAL, STATE_NODES, Transition, VisionState, transitions_from
from gateway.plc.opcua.machine_vision.values import utc
from gateway.plc.opcua.nodes import node_id
from gateway.plc.opcua.traffic.shown import Shown

_STATE = ("CurrentState", "CurrentState.Id", "CurrentState.Number", "AvailableTransitions")
_TRANSITION = ("LastTransition", "LastTransition.Id", "LastTransition.Number", "LastTransition.TransitionTime")
VARIABLES = frozenset({*_STATE, *_TRANSITION, "AvailableStates"}) - {"CurrentState", "CurrentState.Id"}
"""Optional variables of a state machine that are there."""

_GOOD = ua.StatusCode()
_INACTIVE = ua.StatusCode(ua.UInt32(StatusCodes.BadStateNotActive))
_NOTHING_YET = ua.StatusCode(ua.UInt32(StatusCodes.BadNoData))
_KINDS = ua.VariantType
_NULL = ua.Variant()


class MachineNodes:
    """The variables of the state machine at `here`. `automatic_mode`: it is the one below Operational."""

    def __init__(self, aspace: AddressSpace, here: str, at: datetime, *, automatic_mode: bool) -> None:
        self._automatic_mode = automatic_mode
        self._state: VisionState | None = None
        self._number: int | None = None
        self._entered = self._moved = self._begun = utc(at)
        self._last: Transition | None = None
        makers: Mapping[str, Callable[[], Shown]] = {
            "CurrentState": lambda: self._shown_state(_name_of),
            "CurrentState.Id": lambda: self._shown_state(_id_of),
            "CurrentState.Number": lambda: self._shown_state(_number_of),
            "AvailableTransitions": lambda: self._shown_state(self._next_transitions),
            "LastTransition": lambda: self._shown_transition(_transition_name),
            "LastTransition.Id": lambda: self._shown_transition(_transition_id),
            "LastTransition.Number": lambda: self._shown_transition(_transition_number),
            "LastTransition.TransitionTime": lambda: self._shown_transition(self._transition_time),
            "AvailableStates": self._states,
        }
        live = {name: Live(aspace, node_id(here, name), make) for name, make in makers.items()}
        self._of_state = [live[name] for name in _STATE]
        self._of_transition = [live[name] for name in _TRANSITION]

    def show(self, state: VisionState, at: datetime) -> None:
        """Where it stands now. The machine below Operational has no state in any other one."""
        number = self._number_in(state)
        self._state = state
        if number != self._number:
            self._number, self._entered = number, utc(at)
            for one in self._of_state:
                one.changed()

    def show_transition(self, transition: Transition, at: datetime) -> None:
        """How it came there."""
        self._last, self._moved = transition, utc(at)
        for one in self._of_transition:
            one.changed()

    def _number_in(self, state: VisionState) -> int | None:
        if self._automatic_mode:
            return int(state) if state.operational else None
        return OPERATIONAL if state.operational else int(state)

    # ---- values --------------------------------------------------------------------------------------------

    def _shown_state(self, make: Callable[[int], ua.Variant]) -> Shown:
        if self._number is None:
            return Shown(_NULL, _INACTIVE, self._entered, self._entered)
        return Shown(make(self._number), _GOOD, self._entered, self._entered)

    def _shown_transition(self, make: Callable[[Transition], ua.Variant]) -> Shown:
        """None before the first one. While the machine is not active, nor is its last transition (Part 16)."""
        if self._number is None:
            return Shown(_NULL, _INACTIVE, self._entered, self._entered)
        if self._last is None:
            return Shown(_NULL, _NOTHING_YET, self._moved, self._moved)
        return Shown(make(self._last), _GOOD, self._moved, self._moved)

    def _states(self) -> Shown:
        numbers = [number for number in STATE_NODES if (number > OPERATIONAL) == self._automatic_mode]
        nodes = _node_ids([STATE_NODES[number][1] for number in numbers])
        return Shown(nodes, _GOOD, self._begun, self._begun)

    def _next_transitions(self, _: int) -> ua.Variant:
        if self._state is None:
            return _node_ids([])
        going = transitions_from(self._state, automatic_mode=self._automatic_mode)
        return _node_ids([one.node for one in going])

    def _transition_time(self, _: Transition) -> ua.Variant:
        return ua.Variant(self._moved, _KINDS.DateTime)


def _name_of(number: int) -> ua.Variant:
    return ua.Variant(ua.LocalizedText(STATE_NODES[number][0]), _KINDS.LocalizedText)


def _id_of(number: int) -> ua.Variant:
    return ua.Variant(model_id(STATE_NODES[number][1]), _KINDS.NodeId)


def _number_of(number: int) -> ua.Variant:
    return ua.Variant(number, _KINDS.UInt32)


def _transition_name(transition: Transition) -> ua.Variant:
    return ua.Variant(ua.LocalizedText(transition.name), _KINDS.LocalizedText)


def _transition_id(transition: Transition) -> ua.Variant:
    return ua.Variant(model_id(transition.node), _KINDS.NodeId)


def _transition_number(transition: Transition) -> ua.Variant:
    return ua.Variant(transition.number, _KINDS.UInt32)


def _node_ids(numbers: Sequence[int]) -> ua.Variant:
    return ua.Variant([model_id(number) for number in numbers], _KINDS.NodeId, is_array=True)

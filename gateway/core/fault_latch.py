"""The latched error (H20): the first is shown until it is acknowledged, later ones only count."""

from gateway.core.errors import Fault
from gateway.core.state import State


def latch(state: State, fault: Fault) -> None:
    """A passing fault: shown if nothing else is, counted always."""
    state.error_count += 1
    if state.error is None:
        state.error = fault


def stand(state: State, fault: Fault) -> None:
    """A fault that lasts until `clear`: shown now, or once those before it are acknowledged."""
    if fault == state.error or fault in state.standing:
        return
    if state.error is not None:
        state.standing = (*state.standing, fault)
    latch(state, fault)


def clear(state: State, fault: Fault) -> None:
    """The condition is over. What is latched stays latched until the PLC has acknowledged it."""
    state.standing = tuple(other for other in state.standing if other != fault)


def acknowledge(state: State) -> None:
    """The PLC has seen the latched error; the next one that still stands takes its place."""
    state.error = state.standing[0] if state.standing else None
    state.standing = state.standing[1:]

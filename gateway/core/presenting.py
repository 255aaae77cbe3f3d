"""Which result the PLC sees, and when the next takes its place (H11..H14). Works on the state that `step` owns."""

from gateway.core.commands import Commands
from gateway.core.errors import ErrorCode
from gateway.core.result import Result
from gateway.core.state import State


def offer(state: State, result: Result, now: int) -> None:
    """A new answer: it replaces the presented one (free running, H11) or queues behind it (buffered, H12)."""
    if state.buffered:
        state.waiting = (*state.waiting, result)
        present_next(state, now)
    else:
        _present(state, result, now)


def present_next(state: State, now: int) -> None:
    """Present the oldest waiting result, if the place is free and the last acknowledgement is withdrawn."""
    if state.waiting and not state.valid and not state.ack_must_fall:
        result, state.waiting = state.waiting[0], state.waiting[1:]
        _present(state, result, now)


def _present(state: State, result: Result, now: int) -> None:
    state.presented, state.shown_seq = result, result.result_seq
    state.valid, state.valid_since, state.result_overdue = True, now, False


def flip_toggle(state: State, before: State) -> None:
    """`result_toggle` flips once in a step that presented, however many results came free in it (H11)."""
    if state.presented is not None and state.presented is not before.presented:
        state.toggle = not before.toggle


def change_mode(state: State, old: Commands, new: Commands, now: int) -> None:
    """Buffering begins: the result on show is to be acknowledged from now on, and only now its time runs (H13)."""
    if new.buffer_results and not old.buffer_results:
        state.valid_since, state.result_overdue = now, False


def acknowledge(state: State, old: Commands, new: Commands) -> ErrorCode:
    """Take the PLC's acknowledgement, by the bit or by the number. Says what was wrong with it (H13)."""
    if not new.result_ack:
        state.ack_must_fall = False
    by_bit = new.result_ack and not old.result_ack
    by_seq = new.result_ack_seq not in (0, old.result_ack_seq)
    if not (by_bit or by_seq):
        return ErrorCode.NONE
    if not state.valid:
        return ErrorCode.ACK_WITHOUT_RESULT
    if by_seq and new.result_ack_seq != state.shown_seq:
        return ErrorCode.ACK_WRONG_RESULT
    state.valid, state.result_overdue = False, False
    state.ack_must_fall = by_bit and not by_seq
    return ErrorCode.NONE


def drop_all(state: State) -> None:
    """Forget the presented and the waiting results (H16); numbers and counters go on."""
    state.waiting, state.presented, state.valid = (), None, False
    state.result_overdue, state.ack_must_fall = False, False

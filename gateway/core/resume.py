"""What a station goes on with after a restart of the gateway (H31)."""

from typing import NamedTuple

from gateway.core.counts import NO_COUNTS, Counts
from gateway.core.inspection import Inspection
from gateway.core.result import Result
from gateway.core.state import State


class Memory(NamedTuple):
    """What outlives the gateway of one station. `owed` are the results that the PLC has not taken, the oldest first.

    `flight` are the accepted triggers that have no answer yet; those of a simulation are nobody's loss. A tuple, which
    is made in half of the time that a frozen dataclass takes: it is made of each trigger while the PLC waits.
    """

    next_id: int = 1
    result_seq: int = 0
    shown_seq: int = 0
    trigger_seq: int = 0
    counts: Counts = NO_COUNTS
    error_count: int = 0
    buffered: bool = False
    owed: tuple[Result, ...] = ()
    flight: tuple[Inspection, ...] = ()


def memory_of(state: State) -> Memory:
    """What is to be remembered of this state."""
    s = state
    flight = tuple(one for one in s.flight if not one.origin.simulated)
    return Memory(
        s.next_id,
        s.result_seq,
        s.shown_seq,
        s.trigger_seq_accepted,
        s.counts,
        s.error_count,
        s.buffered,
        owed(s),
        flight,
    )


def worth_noting(before: State, after: State) -> bool:
    """Whether a step changed what is to be remembered; asked after each."""
    return (
        after.counts is not before.counts
        or after.next_id != before.next_id
        or after.valid != before.valid
        or after.presented is not before.presented
        or after.waiting is not before.waiting
        or after.error_count != before.error_count
        or after.commands.buffer_results != before.commands.buffer_results
    )


def resumed(state: State, memory: Memory, now: int) -> State:
    """`state`, which has just begun, with the numbers of before; what the PLC has not taken is offered to it again.

    Free running, that is the newest result alone, as it would have been.
    """
    s = state.copy()
    s.next_id, s.result_seq, s.shown_seq = memory.next_id, memory.result_seq, memory.shown_seq
    s.trigger_seq_accepted, s.counts, s.error_count = memory.trigger_seq, memory.counts, memory.error_count
    owed = memory.owed if memory.buffered else memory.owed[-1:]
    if owed:
        s.presented, s.waiting = owed[0], owed[1:]
        s.shown_seq, s.valid, s.valid_since = owed[0].result_seq, True, now
    return s


def owed(state: State) -> tuple[Result, ...]:
    """What the PLC has not taken: the result on show, where that is so, and those that wait behind it."""
    return ((state.presented,) if state.valid and state.presented is not None else ()) + state.waiting

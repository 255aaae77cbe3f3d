"""When time alone changes a state. Monotonic microseconds; None where nothing is due."""

from gateway.core.heartbeat import BEAT_US, watchdog_deadline
from gateway.core.inspection import Keeping
from gateway.core.state import State


def next_wake(state: State) -> int:
    """When a `Tick` is due at the latest: the next deadline or the next beat of the heart."""
    times = [state.beat_at + BEAT_US]
    times += [inspection.answer_by for inspection in state.flight if inspection.open]
    times += [inspection.keep_by for inspection in state.flight if inspection.keeping is Keeping.ASKED]
    times += [inspection.work_by for inspection in state.overdue]
    if state.changing is not None:
        times.append(state.changing.deadline)
    if state.query.deadline:
        times.append(state.query.deadline)
    others = (watchdog_deadline(state), trigger_held_too_long(state), acknowledgement_overdue(state))
    return min(times + [at for at in others if at is not None])


def trigger_held_too_long(state: State) -> int | None:
    """When a trigger that is still held becomes an error (H5)."""
    if not state.trigger_ack or state.ack_overdue or not state.options.ack_timeout_ms:
        return None
    return state.ack_since + state.options.ack_timeout_ms * 1000


def acknowledgement_overdue(state: State) -> int | None:
    """When a missing acknowledgement of the presented result becomes an error (H13)."""
    waits = state.valid and state.buffered and not state.result_overdue
    if not waits or not state.options.ack_timeout_ms:
        return None
    return state.valid_since + state.options.ack_timeout_ms * 1000

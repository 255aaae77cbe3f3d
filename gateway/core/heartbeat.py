"""Life signs of both sides (H21, H22)."""

from gateway.core import fault_latch
from gateway.core.commands import Commands, all_but_heartbeat
from gateway.core.errors import Cause, ErrorCode, Fault, OfflineReason
from gateway.core.state import State, WatchdogAction

BEAT_US = 250_000
"""The heartbeat changes four times a second: twice what H21 asks, so that one late tick does no harm."""

SILENT_PLC = Fault(ErrorCode.WATCHDOG, Cause.PLC)


def only_heard(state: State, commands: Commands, now: int) -> State | None:
    """The state after a write that tells no more than that the PLC lives. None: it may be more, which `step` knows.

    Some PLCs count their heartbeat in each cycle. With nothing under way and nothing due, `step` would change no more
    than this does, in a fifth of the time; `test_walk.py` compares the two in every state.
    """
    s = state
    if s.flight or s.overdue or s.trigger_ack or s.watchdog_tripped or not s.plc_seen or (s.valid and s.buffered):
        return None
    if s.changing is not None or s.continuous is not None or s.query.deadline or now - s.beat_at >= BEAT_US:
        return None
    deadline = watchdog_deadline(s)
    if deadline is not None and now >= deadline:
        return None
    if commands.plc_heartbeat == s.commands.plc_heartbeat or all_but_heartbeat(commands) != all_but_heartbeat(
        s.commands
    ):
        return None
    heard = s.copy()
    heard.commands, heard.plc_beat_at = commands, now
    return heard


def beat(state: State, now: int) -> None:
    """Count the heartbeat on, if it is time."""
    if now - state.beat_at >= BEAT_US:
        state.heartbeat = (state.heartbeat + 1) & 0xFFFF
        state.beat_at = now


def hear(state: State, commands: Commands, now: int) -> None:
    """The PLC has written: note its heartbeat if that moved, and recover from a tripped watchdog."""
    if commands.plc_heartbeat == state.commands.plc_heartbeat:
        return
    state.plc_beat_at = now
    if state.watchdog_tripped:
        state.watchdog_tripped = False
        state.offline -= {OfflineReason.WATCHDOG}
        fault_latch.clear(state, SILENT_PLC)


def watchdog_deadline(state: State) -> int | None:
    """When a silent PLC trips the watchdog; None where it is off or has tripped already."""
    if not state.options.watchdog_ms or state.watchdog_tripped:
        return None
    return max(state.plc_beat_at, state.started_at) + state.options.watchdog_ms * 1000


def trip(state: State, now: int) -> bool:
    """Trip the watchdog if it is time. True where everything in flight is to be cancelled."""
    deadline = watchdog_deadline(state)
    if deadline is None or now < deadline:
        return False
    state.watchdog_tripped = True
    fault_latch.stand(state, SILENT_PLC)
    if state.options.watchdog_action is WatchdogAction.OFFLINE:
        state.offline |= {OfflineReason.WATCHDOG}
    return state.options.watchdog_action is WatchdogAction.CANCEL

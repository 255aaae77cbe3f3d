"""So many parts NOK in a row that the line should stop (H34). Works on the state that `step` owns."""

from gateway.core import fault_latch
from gateway.core.errors import Cause, ErrorCode, Fault
from gateway.core.result import Verdict
from gateway.core.state import State

NOK_IN_A_ROW = Fault(ErrorCode.NOK_IN_A_ROW, Cause.INSPECTION)


def count(state: State, verdict: Verdict) -> None:
    """One more answer. Only an OK ends the row: a part without a decision says nothing of the machine."""
    most = state.options.stop_after_nok
    if not most or raised(state):
        return
    if verdict is Verdict.OK:
        state.nok_row = 0
    elif verdict is Verdict.NOK:
        state.nok_row += 1
    if state.nok_row >= most:
        state.nok_row = 0
        fault_latch.stand(state, NOK_IN_A_ROW)


def relimit(state: State) -> None:
    """There may be another limit: a row that is as long raises the alarm with the next NOK, none is counted without."""
    state.nok_row = min(state.nok_row, max(state.options.stop_after_nok - 1, 0))


def raised(state: State) -> bool:
    """Whether the alarm is on: until the very error that it latched is acknowledged."""
    return state.error == NOK_IN_A_ROW or NOK_IN_A_ROW in state.standing


def begin_anew(state: State) -> None:
    """No row and no alarm, whatever was before; one that is latched ends with its acknowledgement."""
    state.nok_row = 0
    fault_latch.clear(state, NOK_IN_A_ROW)

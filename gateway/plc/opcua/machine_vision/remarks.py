"""What a vision system says beside its states, results and conditions: information, and diagnostics as they are wanted.

`DiagnosticLevel` is written by clients: 0 no diagnostics, 1 what was refused or dropped, 2 (and above) each step too.
"""

from collections.abc import Iterator

from gateway.core import actions as act
from gateway.core.errors import OfflineReason
from gateway.core.state import State
from gateway.ports import Step

REFUSALS = 1
STEPS = 2

_SAID = {
    OfflineReason.SIMULATION: ("simulation mode is on", "simulation mode is off"),
    OfflineReason.OPERATOR: ("taken offline by an operator", "given back by the operator"),
    OfflineReason.PLC: ("taken offline by the PLC", "given back by the PLC"),
}


def information(step: Step) -> Iterator[str]:
    """What an operator wants to know and need not act on."""
    before, after = step.before, step.after
    if after.recipe != before.recipe:
        yield f"recipe {after.recipe} is in force"
    for reason, (gone, back) in _SAID.items():
        if (reason in after.offline) != (reason in before.offline):
            yield gone if reason in after.offline else back
    if after.error is None and before.error is not None:
        yield f"the error {before.error.code.name.lower().replace('_', ' ')} was acknowledged"


def diagnostics(step: Step, level: int) -> Iterator[str]:
    """What a technician wants to know who looks for a fault."""
    if level >= REFUSALS:
        yield from _refusals(step)
    if level >= STEPS:
        yield f"step: {type(step.event).__name__}, {_words(step.after)}"


def _refusals(step: Step) -> Iterator[str]:
    reasons = [action.reason for action in step.actions if isinstance(action, act.Reject | act.Refused)]
    missed = step.after.counts.missed != step.before.counts.missed
    for reason in reasons or ([step.after.reject_reason] if missed else []):
        yield f"refused: {reason.name.lower().replace('_', ' ')}"
    for action in step.actions:
        if isinstance(action, act.LateAnswer):
            yield f"a late answer to inspection {action.inspection_id} was dropped"


def _words(state: State) -> str:
    return f"{state.station_state.name.lower().replace('_', ' ')}, {state.in_flight} in flight"

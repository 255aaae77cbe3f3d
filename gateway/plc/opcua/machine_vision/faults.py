"""Which faults stand, step by step, and the conditions that tell of them."""

from datetime import datetime

from gateway.core import events as ev
from gateway.core.errors import ErrorCode, Fault
from gateway.core.result import REASON_TEXTS, Reason
from gateway.core.state import State
from gateway.plc.opcua.machine_vision.condition_nodes import ConditionNodes
from gateway.plc.opcua.machine_vision.conditions import (
    ARCHIVE_DOWN,
    INSPECTOR_DOWN,
    JOURNAL_DOWN,
    LATCHED,
    SOURCE_DOWN,
    WATCHDOG,
    Condition,
    ConditionKind,
)
from gateway.plc.opcua.machine_vision.results_folder import MadeLater
from gateway.plc.opcua.machine_vision.telling import circumstances
from gateway.plc.opcua.machine_vision.values import Catalogue
from gateway.ports import Step

_OWN = {
    ErrorCode.SOURCE_DOWN: SOURCE_DOWN,
    ErrorCode.INSPECTOR_DOWN: INSPECTOR_DOWN,
    ErrorCode.WATCHDOG: WATCHDOG,
    ErrorCode.ARCHIVE_DOWN: ARCHIVE_DOWN,
    ErrorCode.JOURNAL_DOWN: JOURNAL_DOWN,
}
"""Faults with a condition of their own. All others are told by the latch."""

_TEXTS = {
    ErrorCode.SOURCE_DOWN: "the image source is down",
    ErrorCode.INSPECTOR_DOWN: "PEKAT is down",
    ErrorCode.ARCHIVE_DOWN: "the archive cannot keep its images",
    ErrorCode.LINK_DOWN: "no new client can connect over Modbus TCP, or over OPC UA",
    ErrorCode.JOURNAL_DOWN: "the journal cannot keep results",
    ErrorCode.WATCHDOG: "the PLC's heartbeat stood still",
    ErrorCode.NOK_IN_A_ROW: "so many parts in a row were NOK that the line should stop",
}


class Faults:
    """The faults of one station. `begin` once, then `follow` each step."""

    def __init__(self, nodes: ConditionNodes, catalogue: Catalogue) -> None:
        self._nodes, self._catalogue = nodes, catalogue
        self._ill: list[Fault] = []
        """Of sources and inspectors, one for each view, in the order in which they came up."""

    def begin(self, state: State, at: datetime) -> None:
        """How it stands when the server comes up."""
        known = [*state.standing, *([state.error] if state.error is not None else [])]
        for fault in known:
            if fault.code is not ErrorCode.WATCHDOG:
                self._ill.append(fault)
                self._come_up(self._kind(fault), fault, state, None, at)
        if state.watchdog_tripped:
            self._come_up(WATCHDOG, None, state, None, at)

    def follow(self, step: Step, result: MadeLater | None, at: datetime) -> None:
        """What this step did to the faults. `result` is the one that it made, if any."""
        before, after = step.before, step.after
        match step.event:
            case ev.PartFailed(fault, _):
                self._ill.append(fault)
                self._come_up(self._kind(fault), fault, after, None, at)
            case ev.PartRecovered(fault, _):
                self._recover(fault, after, at)
        if after.watchdog_tripped != before.watchdog_tripped:
            if after.watchdog_tripped:
                self._come_up(WATCHDOG, None, after, None, at)
            else:
                self._go(WATCHDOG, at)
        if after.error != before.error:
            self._follow_latch(after, result, at)

    def _recover(self, fault: Fault, state: State, at: datetime) -> None:
        """The condition goes, and comes up again for another view whose part is still ill."""
        self._ill = [other for other in self._ill if other != fault]
        self._go(self._kind(fault), at)
        still = next((other for other in self._ill if other.code is fault.code), None)
        if still is not None:
            self._come_up(self._kind(still), still, state, None, at)

    def _follow_latch(self, state: State, result: MadeLater | None, at: datetime) -> None:
        if state.error is not None and state.error.code not in _OWN:
            self._come_up(LATCHED, state.error, state, result, at)
        else:
            self._go(LATCHED, at)

    def _kind(self, fault: Fault) -> ConditionKind:
        return _OWN.get(fault.code, LATCHED)

    def _come_up(
        self, kind: ConditionKind, fault: Fault | None, state: State, result: MadeLater | None, at: datetime
    ) -> None:
        condition = self._condition(kind)
        code = fault.code if fault is not None else ErrorCode.WATCHDOG
        if condition.standing and condition.code == code:
            return
        condition.extra = circumstances(self._catalogue, state.recipe, result.data if result is not None else None)
        names = state.options.views
        whose = f" (view {names[fault.view - 1]})" if fault is not None and 0 < fault.view <= len(names) else ""
        condition.come_up(code, fault_text(code) + whose, at)
        self._nodes.show(condition)

    def _go(self, kind: ConditionKind, at: datetime) -> None:
        condition = self._condition(kind)
        if condition.standing:
            condition.go(at)
            self._nodes.show(condition)

    def _condition(self, kind: ConditionKind) -> Condition:
        return self._nodes.conditions[kind]


def fault_text(code: ErrorCode) -> str:
    """An error code in words."""
    if code > 100:
        return f"no decision: {REASON_TEXTS[Reason(code - 100)]}"
    return _TEXTS.get(code, code.name.lower().replace("_", " "))

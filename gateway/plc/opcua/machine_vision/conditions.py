"""The Vision conditions of one station: a fault that stands, and whether somebody has taken note of it.

A condition of OPC UA Part 9 lives on beside the handshake's error latch: acknowledging it here tells other clients
that somebody knows; the PLC's `error_ack` is the PLC's own. It is retained as long as its fault stands or as it waits
for an acknowledgement (and, where somebody had to go there and mend something, for a confirmation).
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.machine_vision import events as ev
from gateway.plc.opcua.machine_vision.events import Path, Source, VisionEvent, base_path, model_path
from gateway.plc.opcua.nodes import standard_id

_KINDS = ua.VariantType
_CLASS = standard_id(ObjectIds.SystemConditionClassType)
KNOWN_EVENTS = 16
"""How many of a condition's last events can be acknowledged by their ids."""


@dataclass(frozen=True, slots=True)
class ConditionKind:
    """What a condition is about. `confirmed`: it wants a confirmation beside the acknowledgement."""

    name: str
    type: ua.NodeId
    severity: int
    stops: bool
    """The vision system stops working because of it."""
    blocks: bool
    """It needs somebody who does something about it."""
    confirmed: bool = False


SOURCE_DOWN = ConditionKind("SourceDown", ev.PERSISTENT_CONDITION, ev.PERSISTENT_SEVERITY, True, True, True)
INSPECTOR_DOWN = ConditionKind("InspectorDown", ev.PERSISTENT_CONDITION, ev.PERSISTENT_SEVERITY, True, True, True)
WATCHDOG = ConditionKind("WatchdogTripped", ev.ERROR_CONDITION, ev.ERROR_SEVERITY, True, False)
LATCHED = ConditionKind("ErrorLatched", ev.ERROR_CONDITION, ev.ERROR_SEVERITY - 50, False, False)
ARCHIVE_DOWN = ConditionKind("ArchiveDown", ev.ERROR_CONDITION, ev.ERROR_SEVERITY - 50, False, False)
JOURNAL_DOWN = ConditionKind("JournalDown", ev.ERROR_CONDITION, ev.ERROR_SEVERITY - 50, False, False)
WARNING = ConditionKind("MethodFailed", ev.WARNING_CONDITION, ev.WARNING_SEVERITY, False, False)

ALL_KINDS = (SOURCE_DOWN, INSPECTOR_DOWN, WATCHDOG, LATCHED, ARCHIVE_DOWN, JOURNAL_DOWN, WARNING)


@dataclass(slots=True)
class Condition:
    """One condition. The methods that change it return a status; `event` tells how it stands now."""

    kind: ConditionKind
    node: ua.NodeId
    source: Source
    extra: Mapping[Path, ua.Variant] = field(default_factory=dict)
    """Which recipe, job and so on it was; of the last time that it came up."""
    standing: bool = False
    acked: bool = True
    done: bool = True
    """Confirmed, or nobody needs to confirm it."""
    enabled: bool = True
    code: int = 0
    text: str = ""
    at: datetime = field(default_factory=ev.utc_now)
    comment: str = ""
    comment_at: datetime = field(default_factory=ev.utc_now)
    user: str = ""
    _known: deque[bytes] = field(default_factory=lambda: deque(maxlen=KNOWN_EVENTS))

    @property
    def retained(self) -> bool:
        """A client that asks for the conditions as they are now is told of it."""
        return self.enabled and (self.standing or not self.acked or not self.done)

    def come_up(self, code: int, text: str, at: datetime, *, momentary: bool = False) -> None:
        """The fault is there; `momentary`: and gone again, but somebody should know of it."""
        self.standing, self.code, self.text, self.at = not momentary, code, text, at
        self.acked, self.done = False, not self.kind.confirmed
        self._known.clear()

    def go(self, at: datetime) -> None:
        """The fault is over."""
        self.standing, self.at = False, at

    def acknowledge(self, event_id: bytes | None, comment: str | None, user: str, at: datetime) -> int:
        """Somebody has taken note of the event with this id."""
        if event_id not in self._known:
            return StatusCodes.BadEventIdUnknown
        if self.acked:
            return StatusCodes.BadConditionBranchAlreadyAcked
        self.acked = True
        self._remark(comment, user, at)
        return StatusCodes.Good

    def confirm(self, event_id: bytes | None, comment: str | None, user: str, at: datetime) -> int:
        """Somebody has done what had to be done."""
        if event_id not in self._known:
            return StatusCodes.BadEventIdUnknown
        if self.done:
            return StatusCodes.BadConditionBranchAlreadyConfirmed
        self.done = True
        self._remark(comment, user, at)
        return StatusCodes.Good

    def confirm_anyhow(self, comment: str | None, user: str, at: datetime) -> bool:
        """Acknowledge and confirm whatever waits for it; True where something did."""
        if self.acked and self.done:
            return False
        self.acked = self.done = True
        self._remark(comment, user, at)
        return True

    def add_comment(self, event_id: bytes | None, comment: str | None, user: str, at: datetime) -> int:
        """Somebody says something about it."""
        if event_id not in self._known:
            return StatusCodes.BadEventIdUnknown
        self._remark(comment or "", user, at)
        return StatusCodes.Good

    def enable(self, on: bool, at: datetime) -> int:
        """A disabled condition tells nobody anything."""
        if on == self.enabled:
            return StatusCodes.BadConditionAlreadyEnabled if on else StatusCodes.BadConditionAlreadyDisabled
        self.enabled, self.at = on, at
        return StatusCodes.Good

    def _remark(self, comment: str | None, user: str, at: datetime) -> None:
        """A null comment leaves the last one as it is (OPC UA Part 9)."""
        if comment is not None:
            self.comment, self.comment_at = comment, at
        self.user, self.at = user, at

    def event(self) -> VisionEvent:
        """The condition as it stands now. Its id can be acknowledged from then on."""
        made = VisionEvent(
            self.kind.type, self.source, self.kind.severity, self.message, self.at, self._fields(), self.node
        )
        self._known.append(made.event_id)
        return made

    @property
    def message(self) -> str:
        """One sentence for an alarm list."""
        return self.text if self.standing or self.kind is WARNING else f"{self.text}: over" if self.text else ""

    def _fields(self) -> dict[Path, ua.Variant]:
        fields = {
            **self.extra,
            model_path("ErrorCode"): ua.Variant(self.code, _KINDS.UInt64),
            model_path("ErrorString"): ua.Variant(self.text, _KINDS.String),
            model_path("StopReaction"): ua.Variant(self.kind.stops and self.standing, _KINDS.Boolean),
            model_path("BlockReaction"): ua.Variant(self.kind.blocks and self.standing, _KINDS.Boolean),
            base_path("ConditionClassId"): ua.Variant(_CLASS, _KINDS.NodeId),
            base_path("ConditionClassName"): ev.text(ua.LocalizedText("SystemConditionClassType")),
            base_path("ConditionName"): ua.Variant(self.kind.name, _KINDS.String),
            base_path("BranchId"): ua.Variant(ua.NodeId(), _KINDS.NodeId),
            base_path("Retain"): ua.Variant(self.retained, _KINDS.Boolean),
            base_path("Quality"): ua.Variant(ua.StatusCode(), _KINDS.StatusCode),
            base_path("Quality", "SourceTimestamp"): ua.Variant(self.at, _KINDS.DateTime),
            base_path("LastSeverity"): ua.Variant(self.kind.severity, _KINDS.UInt16),
            base_path("LastSeverity", "SourceTimestamp"): ua.Variant(self.at, _KINDS.DateTime),
            base_path("Comment"): ev.text(ua.LocalizedText(self.comment)),
            base_path("Comment", "SourceTimestamp"): ua.Variant(self.comment_at, _KINDS.DateTime),
            base_path("ClientUserId"): ua.Variant(self.user, _KINDS.String),
            **two_states("EnabledState", self.enabled, "Enabled", "Disabled"),
            **two_states("AckedState", self.acked, "Acknowledged", "Unacknowledged"),
        }
        if self.kind.confirmed:
            fields |= two_states("ConfirmedState", self.done, "Confirmed", "Unconfirmed")
        return fields


def two_states(name: str, on: bool, yes: str, no: str) -> dict[Path, ua.Variant]:
    """A TwoStateVariable: its words, and its Id that is true or false."""
    return {
        base_path(name): ev.text(ua.LocalizedText(yes if on else no)),
        base_path(name, "Id"): ua.Variant(on, _KINDS.Boolean),
    }

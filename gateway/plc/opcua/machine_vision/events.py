"""Events as the clients' filters see them: a type, where it comes from, and fields by their browse paths."""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds

from gateway.plc.opcua.machine_vision.data_types import NAMESPACE, model_id
from gateway.plc.opcua.nodes import standard_id

Path = tuple[tuple[int, str], ...]
"""A browse path: namespace index and name of each step."""

STATE_CHANGED, ERROR, ERROR_RESOLVED = model_id(1018), model_id(1019), model_id(1020)
RECIPE_PREPARED, READY, RESULT_READY = model_id(1022), model_id(1023), model_id(1024)
ACQUISITION_DONE, JOB_STARTED = model_id(1025), model_id(1013)
DIAGNOSTIC, INFORMATION = model_id(1037), model_id(1038)
WARNING_CONDITION, ERROR_CONDITION, PERSISTENT_CONDITION = model_id(1034), model_id(1035), model_id(1036)
REFRESH_START, REFRESH_END = standard_id(ObjectIds.RefreshStartEventType), standard_id(ObjectIds.RefreshEndEventType)

SERVER = standard_id(ObjectIds.Server)

STATE_SEVERITY = 250
"""Information in the specification's scale (201 to 400)."""
DIAGNOSTIC_SEVERITY = 100
ERROR_SEVERITY = 700
PERSISTENT_SEVERITY = 850
WARNING_SEVERITY = 500


def base_path(*names: str) -> Path:
    """A path of names of OPC UA itself."""
    return tuple((0, name) for name in names)


def model_path(name: str) -> Path:
    """A field of the companion specification."""
    return ((NAMESPACE, name),)


text = partial(ua.Variant, VariantType=ua.VariantType.LocalizedText)
structure = partial(ua.Variant, VariantType=ua.VariantType.ExtensionObject)


@dataclass(frozen=True, slots=True)
class Source:
    """Whose event it is, and the objects at which it can be subscribed to (beside the Server object)."""

    node: ua.NodeId
    name: str
    notifier: ua.NodeId


@dataclass(frozen=True, slots=True)
class VisionEvent:
    """One event. `fields` are those that its type has beyond BaseEventType."""

    kind: ua.NodeId
    source: Source
    severity: int
    message: str
    at: datetime
    fields: Mapping[Path, ua.Variant] = field(default_factory=dict)
    condition: ua.NodeId | None = None
    event_id: bytes = field(default_factory=partial(secrets.token_bytes, 16))

    @property
    def notifiers(self) -> tuple[ua.NodeId, ...]:
        """The objects that it is emitted at."""
        return (SERVER, self.source.notifier)

    def value(self, path: Path) -> ua.Variant | None:
        """The field at this path; None where the event has none."""
        found = self.fields.get(path)
        if found is not None or len(path) != 1 or path[0][0] != 0:
            return found
        return self._base(path[0][1])

    def _base(self, name: str) -> ua.Variant | None:
        kinds = ua.VariantType
        match name:
            case "EventId":
                return ua.Variant(self.event_id, kinds.ByteString)
            case "EventType":
                return ua.Variant(self.kind, kinds.NodeId)
            case "SourceNode":
                return ua.Variant(self.source.node, kinds.NodeId)
            case "SourceName":
                return ua.Variant(self.source.name, kinds.String)
            case "Time" | "ReceiveTime":
                return ua.Variant(self.at, kinds.DateTime)
            case "LocalTime":
                return ua.Variant(local_time(self.at), kinds.ExtensionObject)
            case "Message":
                return ua.Variant(ua.LocalizedText(self.message), kinds.LocalizedText)
            case "Severity":
                return ua.Variant(self.severity, kinds.UInt16)
        return None


def local_time(at: datetime) -> ua.TimeZoneDataType:
    """The offset of this machine's time zone at that moment, in minutes."""
    local = time.localtime(at.timestamp())
    return ua.TimeZoneDataType(ua.Int16(local.tm_gmtoff // 60), local.tm_isdst > 0)


def utc_now() -> datetime:
    return datetime.now(UTC)

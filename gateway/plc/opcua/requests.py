"""What a client may write, read a part of, and filter by: checked item by item, with the status of OPC UA Part 4.

asyncua checks the access level alone: it ignores an IndexRange and takes an array for a scalar.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from asyncua import ua
from asyncua.server.address_space import AddressSpace, AttributeValue
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaprotocol_auto import DataChangeFilter

from gateway.core.tags import Direction, Tag, TagType, TagValue
from gateway.plc.opcua.face import StationFace
from gateway.plc.opcua.machine_vision import event_filter
from gateway.plc.opcua.methods import MethodTable
from gateway.plc.opcua.nodes import VARIANT_TYPES
from gateway.plc.opcua.security.rights import LEAST_ROLE, READ_HISTORY, Role

_OF_THE_USER = (AttributeIds.UserAccessLevel, AttributeIds.UserExecutable)
_RANGE = re.compile(r"(\d{1,9})(?::(\d{1,9}))?")
_NUMBERS = frozenset(
    {
        ua.VariantType.SByte, ua.VariantType.Byte, ua.VariantType.Int16, ua.VariantType.UInt16, ua.VariantType.Int32,
        ua.VariantType.UInt32, ua.VariantType.Int64, ua.VariantType.UInt64, ua.VariantType.Float, ua.VariantType.Double,
    }
)  # fmt: skip

_READ_ONLY = ua.AccessLevel.CurrentRead.mask | ua.AccessLevel.HistoryRead.mask

_NOT_THERE = (StatusCodes.BadNodeIdUnknown, StatusCodes.BadAttributeIdInvalid)
"""What is told of a node or an attribute that there is not; any other bad status is that of a value that there is."""

GOOD = StatusCodes.Good


def bad(code: int) -> ua.StatusCode:
    """A fresh status: asyncua hands them on to be filled in."""
    return ua.StatusCode(ua.UInt32(code))


@dataclass(slots=True)
class _Accepted:
    """What one Write request brings one station."""

    values: dict[str, TagValue] = field(default_factory=dict)
    stamps: dict[str, ua.DateTime] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Setting:
    """A variable beside the tags that clients may write; `take` is what happens then."""

    tag: Tag
    least_role: Role
    take: Callable[[TagValue], None]

    def write(self, item: ua.WriteValue, role: Role) -> int:
        """Take what is written, or the status of the refusal."""
        code = refusal(item, self.tag) if role >= self.least_role else StatusCodes.BadUserAccessDenied
        if code == GOOD:
            self.take(item.Value.Value.Value)
        return code


class Gate:
    """Between the clients' requests and the stations' faces."""

    def __init__(self, aspace: AddressSpace, faces: Sequence[StationFace], methods: MethodTable) -> None:
        self.methods = methods
        self._aspace = aspace
        self._faces = tuple(faces)
        self._owners: Mapping[ua.NodeId, tuple[StationFace, Tag]] = {
            node.node_id: (face, node.tag) for face in faces for node in face.nodes.values()
        }
        self.settings: dict[ua.NodeId, Setting] = {}

    def refresh(self) -> int:
        """Show every station's newest image; whoever reads next sees the present.

        The number is another one after each change of any tag's value or time.
        """
        for face in self._faces:
            face.flush()
        return sum([face.version for face in self._faces])

    def write(self, items: Sequence[ua.WriteValue], role: Role, client: str) -> list[ua.StatusCode]:
        """One Write request: its good items are one event for each station, nothing of a refused item is written."""
        accepted: dict[int, _Accepted] = {}
        statuses = [bad(self._check(item, role, accepted)) for item in items]
        for number, writes in accepted.items():
            self._faces[number].write(writes.values, writes.stamps, client)
        return statuses

    def read(self, item: ua.ReadValueId, role: Role) -> ua.DataValue:
        """One item of a Read request, cut to its IndexRange. What the user may do is told for this very user."""
        value = self._aspace.read_attribute_value(item.NodeId, item.AttributeId)
        if item.AttributeId in _OF_THE_USER:
            value = self._for_user(item, value, role)
        return cut(value, item.IndexRange) if item.IndexRange else value

    def _for_user(self, item: ua.ReadValueId, value: ua.DataValue, role: Role) -> ua.DataValue:
        if item.AttributeId == AttributeIds.UserExecutable:
            if value.Value is None or value.Value.Value is None:
                return value  # no method
            may_call = self.methods.right(item.NodeId, role) == GOOD
            return ua.DataValue(ua.Variant(may_call, ua.VariantType.Boolean))
        setting = self.settings.get(item.NodeId)
        if setting is not None and item.AttributeId == AttributeIds.UserAccessLevel and role < setting.least_role:
            return ua.DataValue(ua.Variant(ua.AccessLevel.CurrentRead.mask, ua.VariantType.Byte))
        owner = self._owners.get(item.NodeId)
        if owner is None or item.AttributeId != AttributeIds.UserAccessLevel:
            return value
        level = value.Value.Value if value.Value is not None else 0
        if owner[1].name not in LEAST_ROLE or role < LEAST_ROLE[owner[1].name]:
            level &= _READ_ONLY
        if role < READ_HISTORY:
            level &= ~ua.AccessLevel.HistoryRead.mask
        return ua.DataValue(ua.Variant(level, ua.VariantType.Byte))

    def place(self, item: ua.ReadValueId) -> AttributeValue | None:
        """Where the value stands that this item asks for, where it is a whole tag, which everybody may read."""
        owner = self._owners.get(item.NodeId)
        if owner is None or item.AttributeId != AttributeIds.Value or item.IndexRange:
            return None
        face, tag = owner
        return face.nodes[tag.name].place

    def filter_status(self, item: ua.ReadValueId, wanted: object) -> int:
        """Whether a monitored item may have this filter: deadbands are for numbers, and absolute; events need one."""
        is_events = isinstance(wanted, ua.EventFilter)
        if is_events != (item.AttributeId == AttributeIds.EventNotifier):
            return StatusCodes.BadFilterNotAllowed
        if isinstance(wanted, ua.EventFilter):
            return event_filter.filter_status(wanted)
        if not has_deadband(wanted):
            return GOOD
        if isinstance(wanted, DataChangeFilter) and wanted.DeadbandType != ua.DeadbandType.Absolute:
            return StatusCodes.BadMonitoredItemFilterUnsupported
        value = self._aspace.read_attribute_value(item.NodeId, item.AttributeId).Value
        number = value is not None and value.VariantType in _NUMBERS and not value.is_array
        return GOOD if number else StatusCodes.BadFilterNotAllowed

    def change_status(self, wanted: object) -> int:
        """Whether a monitored item may be given this filter later on; None leaves it the one that it has."""
        if isinstance(wanted, ua.EventFilter):
            return event_filter.filter_status(wanted)
        return StatusCodes.BadMonitoredItemFilterUnsupported if has_deadband(wanted) else GOOD

    def _check(self, item: ua.WriteValue, role: Role, accepted: dict[int, _Accepted]) -> int:
        owner = self._owners.get(item.NodeId)
        current = self._aspace.read_attribute_value(item.NodeId, item.AttributeId)
        if current.StatusCode is not None and current.StatusCode.value in _NOT_THERE:
            return current.StatusCode.value
        setting = self.settings.get(item.NodeId) if item.AttributeId == AttributeIds.Value else None
        if setting is not None:
            return setting.write(item, role)
        if owner is None or item.AttributeId != AttributeIds.Value:
            return StatusCodes.BadNotWritable
        face, tag = owner
        if tag.direction is Direction.STATUS or not face.view.controls:
            return StatusCodes.BadNotWritable
        if role < LEAST_ROLE[tag.name]:
            return StatusCodes.BadUserAccessDenied
        code = refusal(item, tag)
        if code == GOOD:
            into = accepted.setdefault(self._faces.index(face), _Accepted())
            into.values[tag.name] = item.Value.Value.Value if item.Value.Value.Value is not None else ""
            into.stamps.pop(tag.name, None)
            if item.Value.SourceTimestamp is not None:
                into.stamps[tag.name] = item.Value.SourceTimestamp
        return code


def has_deadband(wanted: object) -> bool:
    """Does this filter have a deadband? What comes over the wire is of the generated class, not of `ua`'s own."""
    return isinstance(wanted, DataChangeFilter) and wanted.DeadbandType != ua.DeadbandType.None_


def refusal(item: ua.WriteValue, tag: Tag) -> int:
    """Why this value cannot be written to this control tag; Good where it can."""
    given = item.Value
    if item.IndexRange:
        valid = parse_range(item.IndexRange) is not None
        return StatusCodes.BadWriteNotSupported if valid else StatusCodes.BadIndexRangeInvalid
    if given.ServerTimestamp is not None or (given.StatusCode is not None and given.StatusCode.value != GOOD):
        return StatusCodes.BadWriteNotSupported
    return value_refusal(given.Value, tag.type, tag.length)


def value_refusal(value: ua.Variant | None, kind: TagType, length: int = 1) -> int:
    """Why a variant is no value of this type; Good where it is one. `length` limits a string's UTF-8 bytes."""
    if value is None or value.VariantType != VARIANT_TYPES[kind] or value.is_array or value.Dimensions:
        return StatusCodes.BadTypeMismatch
    if kind is TagType.STRING and len((value.Value or "").encode()) > length:
        return StatusCodes.BadOutOfRange
    return GOOD


def parse_range(text: str) -> slice | None:
    """An OPC UA NumericRange of one dimension, as `4` or `2:5` (both ends included); None where it is none."""
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    first = int(match[1])
    last = int(match[2]) if match[2] else first
    if match[2] and last <= first:  # Part 4, 7.27: the upper bound has to be the greater one
        return None
    return slice(first, last + 1)


def cut(value: ua.DataValue, index_range: str) -> ua.DataValue:
    """The part of an array, string or byte string that an IndexRange names."""
    part = parse_range(index_range)
    if part is None:
        return ua.DataValue(StatusCode=bad(StatusCodes.BadIndexRangeInvalid))
    whole = value.Value.Value if value.Value is not None else None
    pieces = whole[part] if isinstance(whole, list | str | bytes) else None
    if not pieces or value.Value is None:
        return ua.DataValue(StatusCode=bad(StatusCodes.BadIndexRangeNoData))
    return ua.DataValue(
        ua.Variant(pieces, value.Value.VariantType), value.StatusCode, value.SourceTimestamp, value.ServerTimestamp
    )

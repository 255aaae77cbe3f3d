"""The values of a history as bytes. Made in a thread: a thousand of them would hold the event loop for 5 ms."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_to_binary

from gateway.plc.opcua.history_read.domain import Entry
from gateway.plc.opcua.history_read.tags import TagHistory
from gateway.plc.opcua.nodes import VARIANT_TYPES, standard_id
from gateway.plc.opcua.requests import bad, cut
from gateway.worker import Courtesy

_DATA = standard_id(ObjectIds.HistoryData_Encoding_DefaultBinary)


@dataclass(frozen=True, slots=True)
class Form:
    """How the client wants the values of one tag."""

    history: TagHistory
    stamps: ua.TimestampsToReturn
    index_range: str | None


def history_data(entries: Sequence[Entry], form: Form) -> ua.ExtensionObject:
    """A HistoryData structure, encoded."""
    return packed(_DATA, (struct_to_binary(_value(entry, form)) for entry in entries), len(entries))


def packed(structure: ua.NodeId, pieces: Iterable[bytes], count: int) -> ua.ExtensionObject:
    """A structure that is nothing but a list, of its encoded pieces. Lets others work while it is made."""
    courtesy = Courtesy()
    body = [count.to_bytes(4, "little")]
    for piece in pieces:
        body.append(piece)
        courtesy.step_aside()
    return ua.ExtensionObject(structure, ua.ByteString(b"".join(body)))


def _value(entry: Entry, form: Form) -> ua.DataValue:
    if entry.stored is None:
        missing = ua.DataValue(ua.Variant(), bad(StatusCodes.BadBoundNotFound))
        return _stamped(missing, entry.at, form.stamps)
    kind = VARIANT_TYPES[form.history.tag.type]
    value = ua.DataValue(ua.Variant(form.history.value(entry.stored), kind, None, False), ua.StatusCode())
    return _stamped(cut(value, form.index_range) if form.index_range else value, entry.at, form.stamps)


def _stamped(value: ua.DataValue, at: datetime, stamps: ua.TimestampsToReturn) -> ua.DataValue:
    """This server is the source of its values: both times are that of the answer."""
    source = at if stamps != ua.TimestampsToReturn.Server else None
    server = at if stamps != ua.TimestampsToReturn.Source else None
    # asyncua wants a class of its own, which is nothing but a datetime.
    return ua.DataValue(value.Value, value.StatusCode, cast("ua.DateTime", source), cast("ua.DateTime", server))

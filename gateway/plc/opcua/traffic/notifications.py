"""What subscribers are told, packed so that a value's bytes are made once for all of them (see shown.py)."""

from typing import Any

from asyncua import ua
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import Primitives
from asyncua.ua.uaprotocol_auto import DataChangeNotification

from gateway.plc.opcua.nodes import standard_id
from gateway.plc.opcua.traffic.shown import encoded

_DATA_CHANGE = standard_id(ObjectIds.DataChangeNotification_Encoding_DefaultBinary)
_NO_DIAGNOSTICS = Primitives.Int32.pack(0)


def packed(notification: Any) -> Any:
    """Data changes as the ExtensionObject that they are sent as; events and changes of status as they are."""
    if not isinstance(notification, DataChangeNotification):
        return notification
    items = notification.MonitoredItems
    parts = [Primitives.Int32.pack(len(items))]
    for item in items:
        parts += (Primitives.UInt32.pack(item.ClientHandle), encoded(item.Value))
    return ua.ExtensionObject(TypeId=_DATA_CHANGE, Body=ua.ByteString(b"".join((*parts, _NO_DIAGNOSTICS))))

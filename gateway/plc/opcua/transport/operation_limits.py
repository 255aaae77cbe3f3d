"""How much one request may ask for: counted in the bytes of the request, before anything of it is decoded.

asyncua tells of 10 000 nodes in each request and enforces nothing: four megabytes of nodes to read would hold up all
others for seconds. What is told in ServerCapabilities.OperationLimits is what is enforced here. A request for nothing
is answered BadNothingToDo, as OPC 10000-4 wants it of every service that takes a list.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.history_read.service import MOST_NODES
from gateway.plc.opcua.nodes import standard_id

READ = 1_000
"""A station has some sixty tags and two hundred nodes of the companion model: five to sixteen stations at once."""

WRITE = 1_000
CALL = 100
BROWSE = 1_000
TRANSLATE = 1_000
REGISTER = 1_000
MONITORED_ITEMS = 1_000
SUBSCRIPTIONS = 1_000

TOLD: Mapping[str, int] = MappingProxyType(
    {
        "MaxNodesPerRead": READ,
        "MaxNodesPerWrite": WRITE,
        "MaxNodesPerMethodCall": CALL,
        "MaxNodesPerBrowse": BROWSE,
        "MaxNodesPerRegisterNodes": REGISTER,
        "MaxNodesPerTranslateBrowsePathsToNodeIds": TRANSLATE,
        "MaxMonitoredItemsPerCall": MONITORED_ITEMS,
    }
)
"""The properties of OperationLimits. How much history may be read at once, is told where it is read (history.py)."""


@dataclass(frozen=True, slots=True)
class _List:
    """Where a request has its list: after parts of a variable length (v: NodeId, x: ExtensionObject), and then after so
    many bytes."""

    most: int
    after: int = 0
    before: str = ""


_LISTS: Mapping[ua.NodeId, _List] = MappingProxyType(
    {
        standard_id(getattr(ObjectIds, f"{service}Request_Encoding_DefaultBinary")): where
        for service, where in {
            "Read": _List(READ, after=12),  # MaxAge, TimestampsToReturn
            "Write": _List(WRITE),
            "Call": _List(CALL),
            "Browse": _List(BROWSE, before="v", after=16),  # View: id, time, version; RequestedMaxReferencesPerNode
            "BrowseNext": _List(BROWSE, after=1),  # ReleaseContinuationPoints
            "TranslateBrowsePathsToNodeIds": _List(TRANSLATE),
            "RegisterNodes": _List(REGISTER),
            "UnregisterNodes": _List(REGISTER),
            "HistoryRead": _List(MOST_NODES, before="x", after=5),  # Details; TimestampsToReturn, Release..
            "CreateMonitoredItems": _List(MONITORED_ITEMS, after=8),  # SubscriptionId, TimestampsToReturn
            "ModifyMonitoredItems": _List(MONITORED_ITEMS, after=8),
            "SetMonitoringMode": _List(MONITORED_ITEMS, after=8),  # SubscriptionId, MonitoringMode
            "DeleteMonitoredItems": _List(MONITORED_ITEMS, after=4),  # SubscriptionId
            "DeleteSubscriptions": _List(SUBSCRIPTIONS),
            "SetPublishingMode": _List(SUBSCRIPTIONS, after=1),  # PublishingEnabled
            "TransferSubscriptions": _List(SUBSCRIPTIONS),
        }.items()
    }
)

_NODE_ID_BYTES = {0: 2, 1: 4, 2: 7, 4: 19}
"""Of those encodings (OPC 10000-6, 5.2.2.9) that have always as many."""


def excess(kind: ua.NodeId, parameters: Buffer) -> int:
    """Why a request of this kind asks for too much or for nothing; Good where it does not, or cannot be read so far.

    `parameters` is what follows its RequestHeader.
    """
    found = _LISTS.get(kind)
    if found is None:
        return StatusCodes.Good
    try:
        count = _count(bytes(parameters), found)
    except (struct.error, IndexError):  # cut off, or no such request: decoding it will tell
        return StatusCodes.Good
    if count <= 0:
        return StatusCodes.BadNothingToDo
    return StatusCodes.Good if count <= found.most else StatusCodes.BadTooManyOperations


def _count(parameters: bytes, where: _List) -> int:
    at = 0
    for part in where.before:
        at = _after_node_id(parameters, at) if part == "v" else _after_extension_object(parameters, at)
    count: int = struct.unpack_from("<i", parameters, at + where.after)[0]
    return count


def _after_node_id(request: bytes, at: int) -> int:
    encoding = request[at] & 0x3F
    return at + _NODE_ID_BYTES[encoding] if encoding in _NODE_ID_BYTES else _after_string(request, at + 3)


def _after_extension_object(request: bytes, at: int) -> int:
    at = _after_node_id(request, at)
    return at + 1 if request[at] == 0 else _after_string(request, at + 1)


def _after_string(request: bytes, at: int) -> int:
    length: int = struct.unpack_from("<i", request, at)[0]
    return at + 4 + max(length, 0)

"""The Server object: what the gateway says of itself, its limits as they are enforced, its redundant set, its end.

asyncua brings along all that the specification's Server object may have, most of it without a value or a function
behind it. What is not there really is taken out: a client that finds it would believe it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.plc.opcua.about.pruning import remove
from gateway.plc.opcua.continuation_points import MOST_POINTS
from gateway.plc.opcua.face import put
from gateway.plc.opcua.nodes import standard_id
from gateway.plc.opcua.security.shares import ITEMS_OF_ALL, ITEMS_OF_ONE, SUBSCRIPTIONS_OF_ONE
from gateway.plc.opcua.transport.operation_limits import TOLD

TRANSPORT = "http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary"

_CAPABILITIES = "Server_ServerCapabilities_"
_NOT_HERE = (
    "Server_EstimatedReturnTime",  # nobody knows when the gateway is started again
    "Server_LocalTime",
    "Server_UrisVersion",
    "Server_ResendData",
    "Server_SetSubscriptionDurable",
    "Server_RequestServerStateChange",
    "Server_ServerRedundancy_RedundantServerArray",  # see redundancy.py
    "Server_ServerRedundancy_ServerUriArray",
    "Server_ServerRedundancy_CurrentServerId",
    "Server_ServerRedundancy_ServerNetworkGroups",
    "Server_ServerCapabilities_RoleSet",  # the gateway has three roles of its own, which are not managed over OPC UA
    "Server_ServerCapabilities_ConformanceUnits",
    "Server_ServerCapabilities_MaxSelectClauseParameters",  # no other limit than the message's size
    "Server_ServerCapabilities_MaxWhereClauseParameters",
    "Server_ServerDiagnostics_ServerDiagnosticsSummary",  # OPC 10000-5, 6.3.3: without diagnostics there are no nodes
    "Server_ServerDiagnostics_SamplingIntervalDiagnosticsArray",
    "Server_ServerDiagnostics_SubscriptionDiagnosticsArray",
    "Server_ServerDiagnostics_SessionsDiagnosticsSummary",
    "Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryUpdateData",  # services that are not offered
    "Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryUpdateEvents",
    "Server_ServerCapabilities_OperationLimits_MaxNodesPerNodeManagement",
    "OPCUANamespaceMetadata_DefaultRolePermissions",  # rights are asked for node by node: see rights.py
    "OPCUANamespaceMetadata_DefaultUserRolePermissions",
    "OPCUANamespaceMetadata_DefaultAccessRestrictions",
    "ServerConfiguration",
    "PublishSubscribe",
    "Resources",
    "ServerLog",
)


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the server can bear."""

    sessions: int
    subscriptions: int
    queue: int
    message_bytes: int


class ServerObject:
    """Fills the Server object of one address space, before the server listens."""

    def __init__(self, aspace: AddressSpace) -> None:
        self._aspace = aspace

    def tell_capacity(self, capacity: Capacity, policies: Iterable[str]) -> None:
        """ServerCapabilities, and the profiles that hold: the transport and the security policies that are offered."""
        self._strings(f"{_CAPABILITIES}ServerProfileArray", [TRANSPORT, *policies])
        self._strings(f"{_CAPABILITIES}LocaleIdArray", ["en"])
        self._put(f"{_CAPABILITIES}MinSupportedSampleRate", ua.Variant(0.0, ua.VariantType.Double))
        self._put(f"{_CAPABILITIES}SoftwareCertificates", ua.Variant([], ua.VariantType.ExtensionObject, is_array=True))
        for name, value in _limits(capacity).items():
            self._put(f"{_CAPABILITIES}{name}", ua.Variant(ua.UInt32(value), ua.VariantType.UInt32))
        for name, value in TOLD.items():
            self._put(f"{_CAPABILITIES}OperationLimits_{name}", ua.Variant(ua.UInt32(value), ua.VariantType.UInt32))
        for name, most in (("MaxBrowseContinuationPoints", MOST_POINTS), ("MaxQueryContinuationPoints", 0)):
            self._put(f"{_CAPABILITIES}{name}", ua.Variant(ua.UInt16(most), ua.VariantType.UInt16))

    def tell_status(self) -> None:
        """What stands there as long as the server runs: it is not about to end, and keeps no diagnostics."""
        self._put("Server_ServerStatus_SecondsTillShutdown", ua.Variant(ua.UInt32(0), ua.VariantType.UInt32))
        self._put("Server_ServerStatus_ShutdownReason", _text(""))
        self._put("Server_ServerDiagnostics_EnabledFlag", ua.Variant(False, ua.VariantType.Boolean))
        self._put("OPCUANamespaceMetadata_StaticStringNodeIdPattern", ua.Variant("", ua.VariantType.String))
        self._put("Server_Auditing", ua.Variant(False, ua.VariantType.Boolean))

    def take_out_what_is_not_here(self) -> None:
        remove(self._aspace, [standard_id(getattr(ObjectIds, name)) for name in _NOT_HERE])

    def announce_end(self, seconds: int, reason: str) -> None:
        """Tell that the server ends in so many seconds."""
        status_id = standard_id(ObjectIds.Server_ServerStatus)
        status: Any = self._aspace.read_attribute_value(status_id, AttributeIds.Value).Value
        ending = ua.ServerStatusDataType()
        if status is not None and status.Value is not None:
            ending.StartTime, ending.BuildInfo = status.Value.StartTime, status.Value.BuildInfo
        ending.CurrentTime = ua.DateTime.now(UTC)
        ending.State = ua.ServerState.Shutdown
        ending.SecondsTillShutdown = ua.UInt32(seconds)
        ending.ShutdownReason = ua.LocalizedText(reason, "en")
        self._put("Server_ServerStatus", ua.Variant(ending, ua.VariantType.ExtensionObject))
        self._put("Server_ServerStatus_State", ua.Variant(ua.ServerState.Shutdown, ua.VariantType.Int32))
        self._put("Server_ServerStatus_SecondsTillShutdown", ua.Variant(ua.UInt32(seconds), ua.VariantType.UInt32))
        self._put("Server_ServerStatus_ShutdownReason", _text(reason))

    def _strings(self, name: str, values: Sequence[str]) -> None:
        self._put(name, ua.Variant([ua.String(one) for one in values], ua.VariantType.String, is_array=True))

    def _put(self, name: str, value: ua.Variant) -> None:
        now = ua.DateTime.now(UTC)
        put(self._aspace[standard_id(getattr(ObjectIds, name))].attributes[AttributeIds.Value], value, now, now)


def _limits(capacity: Capacity) -> Mapping[str, int]:
    """What is told of the capacity. Nothing longer than a message can come in at all."""
    return {
        "MaxSessions": capacity.sessions,
        "MaxSubscriptions": capacity.subscriptions,
        "MaxSubscriptionsPerSession": min(SUBSCRIPTIONS_OF_ONE, capacity.subscriptions),
        "MaxMonitoredItems": ITEMS_OF_ALL,
        "MaxMonitoredItemsPerSubscription": ITEMS_OF_ONE,
        "MaxMonitoredItemsQueueSize": capacity.queue,
        "MaxArrayLength": capacity.message_bytes,
        "MaxStringLength": capacity.message_bytes,
        "MaxByteStringLength": capacity.message_bytes,
    }


def _text(text: str) -> ua.Variant:
    return ua.Variant(ua.LocalizedText(text, "en"), ua.VariantType.LocalizedText)

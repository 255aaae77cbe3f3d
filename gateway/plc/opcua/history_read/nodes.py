"""What the address space says of the history: which nodes have one, how it is kept, and what a client may ask for."""

from collections.abc import Iterable, Mapping, Sequence

from asyncua import ua
from asyncua.server.internal_server import InternalServer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.plc.opcua.continuation_points import MOST_POINTS
from gateway.plc.opcua.face import StationFace
from gateway.plc.opcua.history_read.events import EventHistory, kept_events
from gateway.plc.opcua.history_read.service import (
    MOST_EVENT_NODES,
    MOST_EVENTS,
    MOST_NODES,
    MOST_VALUES,
    EventReads,
    HistorizedTag,
    HistoryService,
)
from gateway.plc.opcua.history_read.tags import history_of
from gateway.plc.opcua.machine_vision.event_filter import TypeTree
from gateway.plc.opcua.machine_vision.events import RESULT_READY, SERVER
from gateway.plc.opcua.machine_vision.vision import VisionSystem
from gateway.plc.opcua.nodes import NodeWriter, standard_id
from gateway.ports import ResultStore

_READ = ua.AccessLevel.HistoryRead.mask
_HEARD_AND_KEPT = ua.EventNotifier.SubscribeToEvents.mask | ua.EventNotifier.HistoryRead.mask


def history_for(
    server: InternalServer,
    faces: Iterable[StationFace],
    systems: Sequence[VisionSystem],
    store: ResultStore | None,
) -> HistoryService:
    """The history of these stations and vision systems, and all that the address space says of it."""
    if store is None:
        tell_capabilities(server, values=False, events=False)
        return HistoryService(server.aspace, None, {})
    tell_capabilities(server, values=True, events=bool(systems))
    return HistoryService(server.aspace, store, historize(server, faces), _event_reads(server, systems))


def _event_reads(server: InternalServer, systems: Sequence[VisionSystem]) -> EventReads | None:
    """The events' history; None where there are no vision systems."""
    if not systems:
        return None
    events = EventHistory(systems, TypeTree(server.aspace))
    writer = NodeWriter(server)
    for node in events.nodes:
        place = server.aspace[node].attributes[AttributeIds.EventNotifier]
        place.value = ua.DataValue(ua.Variant(_HEARD_AND_KEPT, ua.VariantType.Byte))
        path = "Server" if node == SERVER else str(node.Identifier)
        writer.standard_property(node, "HistoricalEventFilter", kept_events(), ObjectIds.EventFilter, path=path)
    kinds = standard_id(ObjectIds.DefaultHEConfiguration_EventTypes)
    _refer(server, kinds, ObjectIds.Organizes, RESULT_READY)
    return events.begin


def historize(server: InternalServer, faces: Iterable[StationFace]) -> Mapping[ua.NodeId, HistorizedTag]:
    """Mark the nodes of tags that have a history; which these are."""
    historized: dict[ua.NodeId, HistorizedTag] = {}
    for face in faces:
        for node in face.nodes.values():
            history = history_of(node.tag)
            if history is not None:
                _mark(server, node.node_id)
                historized[node.node_id] = HistorizedTag(face.station.name, history)
    return historized


def _mark(server: InternalServer, node: ua.NodeId) -> None:
    attributes = server.aspace[node].attributes
    for attribute in (AttributeIds.AccessLevel, AttributeIds.UserAccessLevel):
        level = server.aspace.read_attribute_value(node, attribute).Value
        mask = (level.Value if level is not None else 0) | _READ
        attributes[attribute].value = ua.DataValue(ua.Variant(mask, ua.VariantType.Byte))
    attributes[AttributeIds.Historizing].value = ua.DataValue(ua.Variant(True, ua.VariantType.Boolean))
    _refer(server, node, ObjectIds.HasHistoricalConfiguration, standard_id(ObjectIds.HAConfiguration))


def _refer(server: InternalServer, source: ua.NodeId, kind: int, target: ua.NodeId) -> None:
    """A reference, and its inverse."""
    for one, other, forward in ((source, target, True), (target, source, False)):
        reference = ua.AddReferencesItem()
        reference.SourceNodeId, reference.TargetNodeId, reference.IsForward = one, other, forward
        reference.ReferenceTypeId = standard_id(kind)
        server.node_mgt_service.add_references([reference])


def tell_capabilities(server: InternalServer, *, values: bool, events: bool) -> None:
    """Fill the standard nodes that say what a client may ask of the history."""
    for number, value, kind in _capabilities(values=values, events=events):
        place = server.aspace[standard_id(number)].attributes[AttributeIds.Value]
        place.value = ua.DataValue(ua.Variant(value, kind))


def _capabilities(*, values: bool, events: bool) -> Iterable[tuple[int, bool | int, ua.VariantType]]:
    yes_no, number, byte = ua.VariantType.Boolean, ua.VariantType.UInt32, ua.VariantType.Byte
    yield ObjectIds.HistoryServerCapabilities_AccessHistoryDataCapability, values, yes_no
    yield ObjectIds.HistoryServerCapabilities_AccessHistoryEventsCapability, events, yes_no
    yield ObjectIds.HistoryServerCapabilities_MaxReturnDataValues, MOST_VALUES if values else 0, number
    yield ObjectIds.HistoryServerCapabilities_MaxReturnEventValues, MOST_EVENTS if events else 0, number
    yield ObjectIds.HistoryServerCapabilities_ServerTimestampSupported, values, yes_no
    for never in _NOT_SUPPORTED:
        yield never, False, yes_no
    limits = "Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryRead"
    yield getattr(ObjectIds, f"{limits}Data"), MOST_NODES, number
    yield getattr(ObjectIds, f"{limits}Events"), MOST_EVENT_NODES, number
    yield ObjectIds.Server_ServerCapabilities_MaxHistoryContinuationPoints, MOST_POINTS, ua.VariantType.UInt16
    yield ObjectIds.HAConfiguration_Stepped, True, yes_no  # a result holds until the next one
    # OPC UA Part 13's own defaults: there are no aggregates here.
    aggregates = ObjectIds.HAConfiguration_AggregateConfiguration_TreatUncertainAsBad
    yield aggregates, True, yes_no
    yield ObjectIds.HAConfiguration_AggregateConfiguration_PercentDataBad, 100, byte
    yield ObjectIds.HAConfiguration_AggregateConfiguration_PercentDataGood, 100, byte
    yield ObjectIds.HAConfiguration_AggregateConfiguration_UseSlopedExtrapolation, False, yes_no


_NOT_SUPPORTED = (
    ObjectIds.HistoryServerCapabilities_InsertDataCapability,
    ObjectIds.HistoryServerCapabilities_ReplaceDataCapability,
    ObjectIds.HistoryServerCapabilities_UpdateDataCapability,
    ObjectIds.HistoryServerCapabilities_DeleteRawCapability,
    ObjectIds.HistoryServerCapabilities_DeleteAtTimeCapability,
    ObjectIds.HistoryServerCapabilities_InsertEventCapability,
    ObjectIds.HistoryServerCapabilities_ReplaceEventCapability,
    ObjectIds.HistoryServerCapabilities_UpdateEventCapability,
    ObjectIds.HistoryServerCapabilities_DeleteEventCapability,
    ObjectIds.HistoryServerCapabilities_InsertAnnotationCapability,
)

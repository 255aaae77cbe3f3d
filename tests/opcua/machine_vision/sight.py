"""What tests of the companion model share: ids, a subscription that keeps its events, and event filters."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.plc.opcua.machine_vision.data_types import NAMESPACE, model_id
from tests.opcua.desk import TIMEOUT_S

SERVER = ua.NodeId(ua.Int32(ObjectIds.Server))
BASE_EVENT = ua.NodeId(ua.Int32(ObjectIds.BaseEventType))
MAIN = "VisionStateMachine"
AUTOMATIC = f"{MAIN}.AutomaticModeStateMachine"


def vision_id(path: str = "", station: str = "station1") -> ua.NodeId:
    """A node of a station's vision system."""
    return ua.NodeId(ua.String(".".join(filter(None, (station, "vision", path)))), ua.Int16(2))


async def values(client: Client, *paths: str) -> list[Any]:
    """One Read request for nodes of the vision system: values, or the name of a bad status."""
    params = ua.ReadParameters()
    params.NodesToRead = [ua.ReadValueId(vision_id(path), AttributeIds.Value) for path in paths]
    read: list[ua.DataValue] = await client.uaclient.read(params)
    return [plain(one) for one in read]


def plain(value: ua.DataValue) -> Any:
    """A value without its wrappings, or the name of its bad status."""
    if value.StatusCode is not None and not value.StatusCode.is_good():
        return value.StatusCode.name
    found = value.Value.Value if value.Value is not None else None
    return found.Text if isinstance(found, ua.LocalizedText) else found


class Told:
    """The events that one monitored item was told of, each as a dictionary by the paths that were asked for."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._paths = paths
        self.events: list[dict[str, Any]] = []
        self._news = asyncio.Event()

    def event_notification(self, event: Any) -> None:
        fields = event.event_fields
        self.events.append({path: one.Value for path, one in zip(self._paths, fields, strict=True)})
        self._news.set()

    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        raise AssertionError("no data change was subscribed to")

    async def wait(self, count: int) -> list[dict[str, Any]]:
        """Until there are that many."""
        async with asyncio.timeout(TIMEOUT_S):
            while len(self.events) < count:
                self._news.clear()
                await self._news.wait()
        return self.events

    def of(self, kind: int) -> list[dict[str, Any]]:
        """Those of one type of the companion specification."""
        return [event for event in self.events if event["EventType"] == model_id(kind)]


def operand(path: str, kind: ua.NodeId = BASE_EVENT) -> ua.SimpleAttributeOperand:
    """`Severity`, `FromState/Id`, or `3:JobId`."""
    made = ua.SimpleAttributeOperand()
    made.TypeDefinitionId, made.AttributeId = kind, AttributeIds.Value
    for step in filter(None, path.split("/")):
        space, _, name = step.rpartition(":")
        made.BrowsePath.append(ua.QualifiedName(name, int(space or 0)))
    if not path:
        made.AttributeId, made.TypeDefinitionId = AttributeIds.NodeId, ua.NodeId(ua.Int32(ObjectIds.ConditionType))
    return made


def event_filter(paths: Sequence[str], *where: ua.ContentFilterElement) -> ua.EventFilter:
    made = ua.EventFilter()
    made.SelectClauses = [operand(path) for path in paths]
    made.WhereClause.Elements = list(where)
    return made


def element(operator: ua.FilterOperator, *operands: Any) -> ua.ContentFilterElement:
    made = ua.ContentFilterElement()
    made.FilterOperator, made.FilterOperands = operator, list(operands)
    return made


def literal(value: Any, kind: Any = None) -> ua.LiteralOperand:
    return ua.LiteralOperand(Value=ua.Variant(value, kind))


def of_type(kind: ua.NodeId) -> ua.ContentFilterElement:
    return element(ua.FilterOperator.OfType, literal(kind))


BASE = ("EventId", "EventType", "SourceNode", "SourceName", "Time", "ReceiveTime", "Message", "Severity", "LocalTime")


@asynccontextmanager
async def told(
    client: Client, paths: Sequence[str], *where: ua.ContentFilterElement, at: ua.NodeId = SERVER
) -> AsyncIterator[Told]:
    """A subscription to events at an object."""
    handler = Told(paths)
    subscription = await client.create_subscription(10, handler)
    try:
        await subscription._subscribe(
            client.get_node(at), AttributeIds.EventNotifier, event_filter(paths, *where), queuesize=1000
        )
        yield handler
    finally:
        await subscription.delete()


def model_field(name: str) -> str:
    return f"{NAMESPACE}:{name}"

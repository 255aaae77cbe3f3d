"""An OPC UA client for blocking benchmarks: asyncua on an event loop in a thread of its own."""

import asyncio
import threading
import time
from collections.abc import Coroutine
from queue import Empty, SimpleQueue
from typing import Any, Self, TypeVar

import uvloop
from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.events import Event
from asyncua.common.node import Node
from asyncua.common.subscription import DataChangeNotif
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from benchmarks.plc import PlcError

T = TypeVar("T")
WAIT_S = 10.0
INDEX = 2
SESSION_MS = 60_000
"""What the gateway grants at most."""


def node_id(name: str) -> str:
    """A tag's node id from its name with the station's before it."""
    return f"ns={INDEX};s={name}"


class OpcUaClient:
    """Connected inside. Every call blocks, at most WAIT_S."""

    def __init__(self, port: int) -> None:
        self._client = Client(f"opc.tcp://127.0.0.1:{port}/pekat", timeout=WAIT_S)
        self._client.session_timeout = SESSION_MS
        self._loop = uvloop.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="opcua-client", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self.run(self._client.connect())
        return self

    def __exit__(self, *exc: object) -> None:
        try:
            self.run(self._client.disconnect())
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(WAIT_S)
            self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What it returns, done on the client's loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(WAIT_S)

    def write_bit(self, name: str, value: bool) -> None:
        """Write one Boolean tag."""
        variant = ua.DataValue(ua.Variant(value, ua.VariantType.Boolean))
        self.run(self._client.get_node(node_id(name)).write_value(variant))

    def read(self, name: str) -> Any:
        """A tag's value."""
        return self.run(self._client.get_node(node_id(name)).read_value())

    def inspect(self, station: str, part: str) -> tuple[float, int]:
        """Call `Inspect`: milliseconds as the client's loop sees them, and the verdict."""
        return self.run(self._inspect(station, part))

    async def _inspect(self, station: str, part: str) -> tuple[float, int]:
        given = (
            ua.Variant(part, ua.VariantType.String),
            ua.Variant(0, ua.VariantType.UInt16),
            ua.Variant(0, ua.VariantType.UInt32),
        )
        owner = self._client.get_node(node_id(station))
        method = ua.NodeId.from_string(node_id(f"{station}.Inspect"))
        began = time.perf_counter_ns()
        verdict, *_ = await owner.call_method(method, *given)
        return (time.perf_counter_ns() - began) / 1e6, verdict

    def watch(self, name: str, period_ms: int) -> "Changes":
        """Subscribe to a tag; the first value is taken off."""
        changes = Changes()
        self.run(self._subscribe(name, period_ms, changes))
        changes.next()
        return changes

    async def _subscribe(self, name: str, period_ms: int, changes: "Changes") -> None:
        subscription = await self._client.create_subscription(period_ms, changes)
        await subscription.subscribe_data_change(self._client.get_node(node_id(name)))

    def listen(self, kind: ua.NodeId, path: str, period_ms: int) -> "Changes":
        """Subscribe to the events of a type at the Server object; a change is the value of the field at `path`."""
        changes = Changes()
        self.run(self._listen(kind, path, period_ms, changes))
        return changes

    async def _listen(self, kind: ua.NodeId, path: str, period_ms: int, changes: "Changes") -> None:
        wanted = ua.EventFilter()
        field = ua.SimpleAttributeOperand()
        field.TypeDefinitionId, field.AttributeId = ua.NodeId(ua.Int32(ObjectIds.BaseEventType)), AttributeIds.Value
        field.BrowsePath.append(ua.QualifiedName.from_string(path))
        wanted.SelectClauses.append(field)
        only = ua.ContentFilterElement()
        only.FilterOperator = ua.FilterOperator.OfType
        only.FilterOperands = [ua.LiteralOperand(Value=ua.Variant(kind))]
        wanted.WhereClause.Elements.append(only)
        subscription = await self._client.create_subscription(period_ms, changes)
        await subscription.subscribe_events(evfilter=wanted, queuesize=1000)


class Changes:
    """A subscription's handler: each value with the time of its arrival in perf_counter nanoseconds."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[tuple[int, Any]] = SimpleQueue()

    def datachange_notification(self, node: Node, value: Any, data: DataChangeNotif) -> None:
        self._queue.put((time.perf_counter_ns(), value))

    def event_notification(self, event: Event) -> None:
        fields = event.event_fields or []
        self._queue.put((time.perf_counter_ns(), fields[0].Value if fields else None))

    def next(self) -> tuple[int, Any]:
        """The next change. Raises PlcError where none comes."""
        try:
            return self._queue.get(timeout=WAIT_S)
        except Empty as error:
            raise PlcError(f"no data change within {WAIT_S:.0f} s") from error

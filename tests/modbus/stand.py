"""A station on the real core without parts, a link with it, and raw bytes for both directions."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

from gateway.core import events as ev
from gateway.core.errors import OfflineReason
from gateway.core.events import Commands, Event
from gateway.core.handshake import step
from gateway.core.image import Projection, TagImage
from gateway.core.result import Result
from gateway.core.state import Options, State
from gateway.core.tags import Tag
from gateway.plc.modbus.link import Limits, ModbusLink
from gateway.ports import Identity, StationView
from gateway.tagmap import load_map

IDENTITY = Identity("Acme", "Gateway", "1.2.3")
EVERYBODY = (ip_network("0.0.0.0/0"),)
ANSWER_S = 5.0


class CoreStation:
    """A ports.StationPort that has only the core: tests post what a source and an inspector would."""

    user_tags: tuple[Tag, ...] = ()

    def __init__(self, name: str = "s1") -> None:
        self.name = name
        self.projection = Projection()
        self.state = State(Options(), boot_id=9, recipe=1, recipes=frozenset({1}))
        self.image = self.projection.image(self.state)
        self.events: list[Commands] = []
        self.watchers: list[Callable[[TagImage], None]] = []
        self.post(ev.CameOnline(OfflineReason.STARTING))

    def watch(self, callback: Callable[[TagImage], None]) -> Callable[[], None]:
        self.watchers.append(callback)
        return lambda: self.watchers.remove(callback)

    def write(self, commands: Commands) -> None:
        self.events.append(commands)
        self.post(ev.PlcWrote(commands))

    def post(self, event: Event) -> None:
        self.state, _ = step(self.state, event, time.monotonic_ns() // 1000)
        image = self.projection.image(self.state)
        if image.values == self.image.values and image.commands == self.image.commands:
            return  # as the real station: no new image where no tag changed
        self.image = image
        for callback in self.watchers:
            callback(image)

    async def inspect(self, part_id: str, recipe: int, timeout_ms: int) -> Result:
        raise AssertionError("Modbus has no such call")


def view(station: CoreStation, **more: Any) -> StationView:
    return StationView(station, load_map("standard"), controls=more.pop("controls", True), **more)


@asynccontextmanager
async def serving(*views: StationView, **limits: Any) -> AsyncIterator[tuple[ModbusLink, int]]:
    """A link on a free port, and that port."""
    settings = Limits(
        limits.get("max_connections", 8), limits.get("idle_timeout_s", 0.0), limits.get("allow", EVERYBODY)
    )
    async with ModbusLink(views, IDENTITY, "127.0.0.1", 0, settings) as link:
        yield link, int(link.endpoints[0].url.rsplit(":", 1)[1])


class Raw:
    """A client that sends and receives bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def receive(self, size: int) -> bytes:
        async with asyncio.timeout(ANSWER_S):
            return await self.reader.readexactly(size)

    async def frame(self) -> tuple[int, int, bytes]:
        """Transaction id, unit id and PDU of the next response."""
        transaction, protocol, length, unit = struct.unpack(">HHHB", await self.receive(7))
        assert protocol == 0
        return transaction, unit, await self.receive(length - 1)

    async def ask(self, pdu: bytes, unit: int = 1, transaction: int = 1) -> bytes:
        """The response PDU to a request PDU."""
        await self.send(frame(pdu, unit, transaction))
        answered, answerer, response = await self.frame()
        assert (answered, answerer) == (transaction, unit)
        return response

    async def closed(self) -> bool:
        """Whether the other side closes the connection, soon."""
        async with asyncio.timeout(ANSWER_S):
            try:
                return await self.reader.read(1) == b""
            except ConnectionResetError:
                return True


def frame(pdu: bytes, unit: int = 1, transaction: int = 1) -> bytes:
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Raw]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield Raw(reader, writer)
    finally:
        writer.close()
        try:
            await writer.wait_closed()
        except OSError as error:
            assert isinstance(error, ConnectionError)  # noqa: PT017  the server was first: that is what some tests want

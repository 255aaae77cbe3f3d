"""A station on the real core without parts, a link with it, and raw bytes for both directions."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from typing import Any

from gateway.plc.modbus.link import Limits, ModbusLink
from gateway.ports import Identity, StationView
from gateway.tagmap import load_map
from tests.bare_station import RECIPES, BareStation

IDENTITY = Identity("Acme", "Gateway", "1.2.3")
EVERYBODY = (ip_network("0.0.0.0/0"),)
ANSWER_S = 5.0


class CoreStation(BareStation):
    """A BareStation with the shortest name, and one recipe."""

    def __init__(self, name: str = "s1") -> None:
        super().__init__(name, recipes=RECIPES[:1])


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

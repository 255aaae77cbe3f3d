"""A station without a camera or PEKAT: the real core behind a ports.StationPort, answered by the test itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds

from gateway.core.registers import Block, RegisterMap, StringEnd, StringOrder, WordOrder
from gateway.core.result import Detection, Judgement, Verdict
from gateway.core.state import Options
from gateway.core.tags import Tag, TagType, user_tag
from gateway.plc.opcua.link import OpcUaLink
from gateway.plc.opcua.settings import OpcUaSettings
from gateway.ports import Identity, StationView
from gateway.records import Records
from tests.bare_station import OK, BareStation

SCRATCH = Detection("Scratch", 1, 0.987, 10, 20, 30, 40)
SPOT = Detection("Fleck ä", 2, 0.5, 50, 60, 7, 8)
NOK = Judgement(Verdict.NOK, detections=(SCRATCH, SPOT), score=0.75, user_values=(("gap", 123),), inspector_us=4_000)

USER_TAGS = (
    user_tag("gap", TagType.UINT16, unit="um", description="Width of the gap"),
    user_tag("level", TagType.INT16),
    user_tag("count", TagType.INT32),
    user_tag("angle", TagType.FLOAT32, unit="deg"),
    user_tag("text", TagType.STRING, length=16),
    user_tag("open", TagType.BIT),
    user_tag("odd", TagType.UINT32, unit="furlong"),
)

__all__ = ["OK"]
"""What is handed on from another module; all that is defined here can be used anyhow."""

PAT, PASSWORD = "pat", "correct horse"
CERTIFICATES = Path("set by the fixture of that name")

PLAIN: Mapping[str, Any] = {"machine_vision": False}
"""The tags alone: the companion model takes half a second to load."""

TIMEOUT_S = 5.0
"""Nothing here takes longer than some milliseconds; this only ends a test that hangs."""


class DeskStation(BareStation):
    """A BareStation with user values."""

    def __init__(self, name: str = "station1", user_tags: tuple[Tag, ...] = USER_TAGS, **options: int) -> None:
        super().__init__(name, user_tags=user_tags, options=Options(**options))  # type: ignore[arg-type]  # ints only


@dataclass(slots=True)
class Bench:
    """A link under test with its stations."""

    link: OpcUaLink
    stations: Sequence[DeskStation]
    clients: list[Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.link.endpoints[0].url

    @property
    def station(self) -> DeskStation:
        return self.stations[0]

    async def connect(self, user: str | None = PAT, password: str = PASSWORD) -> Client:
        """A client without encryption, logged in as the engineer unless the test says otherwise; None: anonymous."""
        client = Client(self.url, timeout=TIMEOUT_S)
        if user is not None:
            client.set_user(user)
            client.set_password(password)
        await client.connect()
        self.clients.append(client)
        return client


def view(station: DeskStation, *, controls: bool = True) -> StationView:
    """The registers are for Modbus; OPC UA has no use for them."""
    none = Block(0, 0)
    registers = RegisterMap(
        "none", WordOrder.ABCD, StringOrder.HIGH_FIRST, StringEnd.LENGTH_WORD, none, none, none, 0, 0, ()
    )
    return StationView(station, registers, controls)


def make_link(views: Sequence[StationView], records: Records | None = None, **settings: Any) -> OpcUaLink:
    """A link on a free port, also without encryption, with one user who may do everything; `records` for its past.

    Its certificate is that of the whole test session: to make a key takes tenths of a second.
    """
    pat = {"name": PAT, "role": "engineer", "password_file": CERTIFICATES / "pat"}
    given: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "allow_unencrypted": True, "users": [pat]}
    given |= {"client_certificates": "any", **settings}
    return OpcUaSettings(**{"certificates": CERTIFICATES, **given}).create(views, Identity(version="1.2.3"), records)


@asynccontextmanager
async def bench(*views: StationView, **settings: Any) -> AsyncIterator[Bench]:
    """A link on a free port; its clients are disconnected at the end, unless the test did."""
    async with make_link(views, **settings) as link:
        made = Bench(link, [one.station for one in views if isinstance(one.station, DeskStation)])
        try:
            yield made
        finally:
            for client in made.clients:
                await client.disconnect()


async def until(true: Callable[[], object], *, within_s: float = TIMEOUT_S) -> None:
    """Wait for a condition, with a bound."""
    async with asyncio.timeout(within_s):
        while not true():
            await asyncio.sleep(0.001)


def tag_id(path: str, station: str = "station1") -> ua.NodeId:
    """`status.verdict` of a station."""
    return ua.NodeId(ua.String(f"{station}.{path}"), ua.Int16(2))


def item(path: str, value: ua.Variant, **more: Any) -> ua.WriteValue:
    """One item of a Write request: the value alone, as most PLC clients send it."""
    data = ua.DataValue(value, more.pop("status", None), more.pop("source", None), more.pop("server", None))
    write = ua.WriteValue(tag_id(path), AttributeIds.Value, None, data)
    for name, given in more.items():
        setattr(write, name, given)
    return write


async def write(client: Client, *items: ua.WriteValue) -> list[str]:
    """One Write request; the status of each item by name."""
    params = ua.WriteParameters(list(items))
    return [status.name for status in await client.uaclient.write(params)]


async def read(client: Client, *paths: str) -> list[Any]:
    """One Read request; the values."""
    return [value.Value.Value if value.Value is not None else None for value in await read_data(client, *paths)]


async def read_data(client: Client, *paths: str, **more: Any) -> list[ua.DataValue]:
    params = ua.ReadParameters()
    for path in paths:
        wanted = ua.ReadValueId(tag_id(path), AttributeIds.Value)
        for name, given in more.items():
            setattr(wanted, name, given)
        params.NodesToRead.append(wanted)
    result: list[ua.DataValue] = await client.uaclient.read(params)
    return result


def bit(value: bool) -> ua.Variant:
    return ua.Variant(value, ua.VariantType.Boolean)


def u16(value: int) -> ua.Variant:
    return ua.Variant(value, ua.VariantType.UInt16)


def u32(value: int) -> ua.Variant:
    return ua.Variant(value, ua.VariantType.UInt32)


def text(value: str | None) -> ua.Variant:
    return ua.Variant(value, ua.VariantType.String)

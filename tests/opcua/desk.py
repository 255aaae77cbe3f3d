"""A station without a camera or PEKAT: the real core behind a ports.StationPort, answered by the test itself."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds

from gateway.core import events as ev
from gateway.core.errors import OfflineReason, RefusedError
from gateway.core.events import Commands, Event
from gateway.core.handshake import step
from gateway.core.image import Projection, TagImage
from gateway.core.registers import Block, RegisterMap, StringEnd, StringOrder, WordOrder
from gateway.core.result import Detection, Judgement, Result, Verdict
from gateway.core.state import Options, State
from gateway.core.tags import Tag, TagType, user_tag
from gateway.plc.opcua.link import OpcUaLink
from gateway.plc.opcua.settings import OpcUaSettings
from gateway.ports import Identity, StationView

SCRATCH = Detection("Scratch", 1, 0.987, 10, 20, 30, 40)
SPOT = Detection("Fleck ä", 2, 0.5, 50, 60, 7, 8)
NOK = Judgement(Verdict.NOK, detections=(SCRATCH, SPOT), score=0.75, user_values=(("gap", 123),), inspector_us=4_000)
OK = Judgement(Verdict.OK, score=0.99, inspector_us=3_000)

USER_TAGS = (
    user_tag("gap", TagType.UINT16, unit="um", description="Width of the gap"),
    user_tag("level", TagType.INT16),
    user_tag("count", TagType.INT32),
    user_tag("angle", TagType.FLOAT32, unit="deg"),
    user_tag("text", TagType.STRING, length=16),
    user_tag("open", TagType.BIT),
    user_tag("odd", TagType.UINT32, unit="furlong"),
)

PAT, PASSWORD = "pat", "correct horse"
CERTIFICATES = Path("set by the fixture of that name")

TIMEOUT_S = 5.0
"""Nothing here takes longer than some milliseconds; this only ends a test that hangs."""


class DeskStation:
    """Starts enabled-but-waiting like a real one: online, recipe 1 of 1 and 2. `answer` ends the oldest inspection."""

    def __init__(self, name: str = "station1", user_tags: tuple[Tag, ...] = USER_TAGS, **options: int) -> None:
        self._name = name
        self._user_tags = user_tags
        self._projection = Projection(user_tags)
        self.state = State(Options(**options), 77, 1, frozenset({1, 2}))  # type: ignore[arg-type]  # ints only
        self._image = self._projection.image(self.state)
        self._watchers: list[Callable[[TagImage], None]] = []
        self._answers: dict[int, asyncio.Future[Result]] = {}
        self.written: list[Commands] = []
        self.started: list[ev.Start] = []
        self.images = 0
        self.post(ev.CameOnline(OfflineReason.STARTING))

    @property
    def name(self) -> str:
        return self._name

    @property
    def image(self) -> TagImage:
        return self._image

    @property
    def user_tags(self) -> tuple[Tag, ...]:
        return self._user_tags

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    def watch(self, callback: Callable[[TagImage], None]) -> Callable[[], None]:
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    def write(self, commands: Commands) -> None:
        self.written.append(commands)
        self.post(ev.PlcWrote(commands))

    async def inspect(self, part_id: str, recipe: int, timeout_ms: int) -> Result:
        token = 1000 + len(self._answers)
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._answers[token] = answer
        if recipe not in (0, self.state.recipe):
            self.post(ev.RecipeAsked(token, recipe))
            if answer.done():
                await answer
        self.post(ev.TriggerAsked(token, part_id, recipe, timeout_ms))
        return await answer

    def post(self, event: Event) -> None:
        self.state, actions = step(self.state, event, time.monotonic_ns() // 1000)
        self._image = self._projection.image(self.state)
        self.images += 1
        for watcher in tuple(self._watchers):
            watcher(self._image)
        for action in actions:
            self._perform(action)

    def _perform(self, action: ev.Action) -> None:
        match action:
            case ev.Start():
                self.started.append(action)
            case ev.Reject(token, reason):
                self._answers[token].set_exception(RefusedError(reason))
            case ev.Record(result):
                self._record(result)
            case ev.PrepareRecipe(change_id, _):
                self.post(ev.RecipePrepared(change_id))
            case ev.RecipeSettled(token, error) if error:
                self._answers[token].set_exception(RefusedError(error))

    def _record(self, result: Result) -> None:
        token = next(start.token for start in self.started if start.inspection_id == result.inspection_id)
        answer = self._answers.get(token)
        if answer is not None and not answer.done():
            answer.set_result(result)

    def enable(self) -> None:
        """As another link would: ready for triggers, of both styles (H6)."""
        self.post(ev.PlcWrote(Commands()))
        self.post(ev.PlcWrote(Commands(enable=True)))

    def answer(self, judgement: Judgement = OK) -> None:
        """The oldest inspection in flight gets its image and its answer."""
        inspection = next(one for one in self.state.flight if one.open)
        self.post(ev.Exposed(inspection.id))
        self.post(ev.Answered(inspection.id, judgement))

    def run(self, judgement: Judgement = OK) -> None:
        """One whole inspection, triggered by call."""
        self.post(ev.TriggerAsked(1, "part"))
        self.answer(judgement)


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


def make_link(views: Sequence[StationView], **settings: Any) -> OpcUaLink:
    """A link on a free port, also without encryption, with one user who may do everything.

    Its certificate is that of the whole test session: to make a key takes tenths of a second.
    """
    pat = {"name": PAT, "role": "engineer", "password_file": CERTIFICATES / "pat"}
    given: dict[str, Any] = {"host": "127.0.0.1", "port": 0, "allow_unencrypted": True, "users": [pat], **settings}
    return OpcUaSettings(**{"certificates": CERTIFICATES, **given}).create(views, Identity(version="1.2.3"))


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


async def until(true: Callable[[], object]) -> None:
    """Wait for a condition, with a bound."""
    async with asyncio.timeout(TIMEOUT_S):
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

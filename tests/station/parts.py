"""A source and an inspector in memory, to be told what to do next."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

from gateway.core.errors import InspectorError, SourceError
from gateway.core.result import Judgement, Verdict
from gateway.ports import Fate, Order, Picture, ignored

OK = Judgement(Verdict.OK)
NOK = Judgement(Verdict.NOK)


@dataclass
class MemorySource:
    """Gives `b"picture of PART"` at once; `error` is raised instead; `gate` holds it back while it is not set.

    In a continuous run it has as many pictures as `pictures` says; `ill` is raised where none can come. `tells`: it
    knows when the exposure is over, which is before the gate.
    """

    error: Exception | None = None
    gate: asyncio.Event | None = None
    ill: SourceError | None = None
    tells: bool = False
    settled: list[tuple[str, Fate]] = field(default_factory=list)
    entered: int = 0
    pictures: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    collecting: list[int | None] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self.entered += 1
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.entered -= 1

    def collect(self, since: int | None) -> None:
        self.collecting.append(since)

    async def arrival(self) -> None:
        if self.ill is not None:
            raise self.ill
        await self.pictures.acquire()

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        self.orders.append(order)
        if self.tells:
            exposed()
            exposed()
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return Picture(order.part_id, f"picture of {order.part_id}".encode())

    async def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        self.settled.append((picture.name, fate))

    async def check(self) -> None:
        if self.ill is not None:
            raise self.ill


@dataclass
class MemoryInspector:
    """Judges by `verdicts[part id]`, OK by default; `gate` and `error` as with the source."""

    verdicts: dict[str, Judgement] = field(default_factory=dict)
    error: Exception | None = None
    gate: asyncio.Event | None = None
    ill: InspectorError | None = None
    unusable: set[int] = field(default_factory=set)
    seen: list[bytes] = field(default_factory=list)
    cancelled: int = 0
    entered: int = 0

    async def __aenter__(self) -> Self:
        self.entered += 1
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.entered -= 1

    async def inspect(self, picture: Picture, order: Order) -> Judgement:
        self.seen.append(bytes(picture.data))
        if self.gate is not None:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled += 1
                raise
        if self.error is not None:
            raise self.error
        return self.verdicts.get(order.part_id, OK)

    draws = False

    def drawn(self, inspection_id: int) -> bytes | None:
        return None

    async def prepare(self, recipe: int) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if recipe in self.unusable:
            raise self.ill or AssertionError("say in `ill` what is wrong")

    async def check(self) -> None:
        if self.ill is not None:
            raise self.ill

"""The second source of a station, for simulation mode."""

import asyncio
from collections.abc import Callable
from typing import Self

from gateway.core.result import Judgement
from gateway.ports import Fate, ImageSource, Order, Picture, ignored


class OnDemand:
    """An ImageSource that is brought up when the first picture is asked of it.

    Simulation is for now and then: a folder that is missing there must not keep the station offline, nor be watched.
    """

    def __init__(self, source: ImageSource) -> None:
        self._source = source
        self._entering = asyncio.Lock()
        self._entered = False
        self._since: int | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._entered:
            self._entered = False
            await self._source.__aexit__(*exc)

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        await self._enter()
        return await self._source.acquire(order, exposed)

    def collect(self, since: int | None) -> None:
        self._since = since
        if self._entered:
            self._source.collect(since)

    async def arrival(self) -> None:
        await self._enter()
        await self._source.arrival()

    async def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        await self._source.settle(picture, fate, judgement)

    async def check(self) -> None:
        if self._entered:
            await self._source.check()

    async def _enter(self) -> None:
        """Raises SourceError where it cannot be had; the next time it is tried again."""
        async with self._entering:
            if not self._entered:
                await self._source.__aenter__()
                self._entered = True
                self._source.collect(self._since)

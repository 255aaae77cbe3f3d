"""An inspector that can be replaced while the station runs: each inspection keeps the one that it began with (H35)."""

import asyncio
import logging
from collections.abc import Callable
from typing import Self

from gateway.core.errors import ControlError
from gateway.core.result import Judgement
from gateway.ports import Inspector, Order, Picture

log = logging.getLogger(__name__)

LOOK_S = 0.05
"""How often it is looked whether the last inspection of the old inspector is over. Nobody waits for it."""


class RenewableInspector:
    """A ports.Inspector in front of another one. Entering and leaving it enters and leaves that one."""

    def __init__(self, inspector: Inspector) -> None:
        self._now = inspector
        self._first = 0
        """The first inspection of `_now`; those before are the old one's."""
        self._before: Inspector | None = None
        self._leaving: asyncio.Task[None] | None = None
        self._at_work = 0
        """Calls of the old one that are not over."""
        self._preparing: Inspector | None = None
        """Who makes a recipe ready now."""
        self._entered = False

    async def __aenter__(self) -> Self:
        await self._now.__aenter__()
        self._entered = True
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._entered = False
        if self._leaving is not None:
            await asyncio.wait({self._leaving})  # it sees that nobody judges any more; cut short it might not begin
        await self._now.__aexit__(*exc)

    @property
    def entered(self) -> bool:
        """Where it is not, whoever replaces it need not enter the new one."""
        return self._entered

    def check_renewable(self) -> None:
        """Raise ControlError while an inspector that was replaced before still works."""
        if self._leaving is not None and not self._leaving.done():
            raise ControlError("inspections of the last reload are still in flight", hint="reload again in a moment")

    def renew(self, new: Inspector, first: int, older_in_flight: Callable[[], bool]) -> None:
        """From inspection `first` on, `new` judges; the old one is left when nothing older is in flight.

        `new` is entered already, if this is.
        """
        old, self._before = self._now, self._now
        self._now, self._first = new, first
        if self._entered:
            self._leaving = asyncio.create_task(self._leave(old, older_in_flight), name="inspector-leaving")

    async def _leave(self, old: Inspector, older_in_flight: Callable[[], bool]) -> None:
        try:
            while self._entered and self._old_works(old, older_in_flight):  # noqa: ASYNC110  # others' conditions
                await asyncio.sleep(LOOK_S)
        finally:
            await old.__aexit__(None, None, None)

    def _old_works(self, old: Inspector, older_in_flight: Callable[[], bool]) -> bool:
        return older_in_flight() or self._at_work > 0 or self._preparing is old

    async def inspect(self, picture: Picture, order: Order) -> Judgement:
        if order.inspection_id >= self._first or self._before is None:
            return await self._now.inspect(picture, order)
        self._at_work += 1
        try:
            return await self._before.inspect(picture, order)
        finally:
            self._at_work -= 1

    async def prepare(self, recipe: int) -> None:
        """By the inspector of now. One that is put in its place meanwhile has to get ready too: it judges the parts."""
        inspector: Inspector | None = None
        try:
            while inspector is not self._now:
                self._preparing = inspector = self._now
                await inspector.prepare(recipe)
        finally:
            self._preparing = None

    async def check(self) -> None:
        await self._now.check()

    @property
    def draws(self) -> bool:
        return self._now.draws

    def drawn(self, inspection_id: int) -> bytes | None:
        found = self._now.drawn(inspection_id)
        return found if found is not None or self._before is None else self._before.drawn(inspection_id)

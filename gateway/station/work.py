"""The tasks of one station: inspections, a recipe change, and the tidying after pictures."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.events import Event
from gateway.core.result import Reason, no_decision
from gateway.ports import Order, Picture
from gateway.station.inspection import Inspection
from gateway.station.views import Exposures, Shot, View, ViewInspection, shots

log = logging.getLogger(__name__)

CLOSING_S = 1.0
"""How long leaving a station waits for files to be tidied up; Ctrl-C has to end the gateway within two seconds."""

TIDY_AFTER_S = 0.003
"""How long tidying waits once an answer that the journal had to keep is out: the PLC reads it meanwhile."""


def monotonic_us() -> int:
    """The clock of the handshake: monotonic microseconds."""
    return time.monotonic_ns() // 1000


class Work:
    """Begins and cancels what the handshake asks for; what comes of it is posted."""

    def __init__(
        self,
        station: str,
        views: Sequence[View],
        post: Callable[[Event], None],
        taken: Callable[[Order, str, Picture], None],
    ) -> None:
        self._station, self._post, self._taken = station, post, taken
        self._shots = {simulated: tuple(shots(views, simulated=simulated)) for simulated in (False, True)}
        self._several = len(views) > 1
        self._inspections: dict[int, list[asyncio.Task[None]]] = {}
        self._orders: dict[int, Order] = {}
        self._held: dict[int, list[Coroutine[Any, Any, None]]] = {}
        """What is to be done after the pictures of inspections whose answers the journal is writing."""
        self._recipe: asyncio.Task[None] | None = None
        self._tidying: set[asyncio.Task[None]] = set()

    def inspect(self, start: act.Start) -> None:
        """Have this inspection done: with one picture, or with one of each view, all begun at this moment."""
        order = Order(
            self._station,
            start.inspection_id,
            start.trigger_seq,
            start.part_id,
            start.recipe,
            monotonic_us(),
            start.deadline,
            time.time(),
            start.pictures_from,
        )
        self._orders[start.inspection_id] = order
        wanted = self._shots[start.origin.simulated]
        if self._several:
            self._begin_all(order, wanted)
            return
        (shot,) = wanted
        inspection = Inspection(order, shot.source, shot.judges[0].inspector, self._post, self._tidy, self._taken)
        self._begin(start.inspection_id, inspection.run(), "")

    def _begin_all(self, order: Order, wanted: Sequence[Shot]) -> None:
        """In a continuous run the first view's picture is the trigger: the others take theirs as for one (H28)."""
        exposures = Exposures(order.inspection_id, self._post, [shot.judges[0].view for shot in wanted])
        for shot in wanted:
            inspection = ViewInspection(order, shot, exposures, self._post, self._tidy, self._taken)
            self._begin(order.inspection_id, inspection.run(), f"-{shot.judges[0].name}")
            order = replace(order, pictures_from=None)

    def _begin(self, inspection_id: int, work: Coroutine[Any, Any, None], whose: str) -> None:
        task = asyncio.create_task(work, name=f"{self._station}-inspection-{inspection_id}{whose}")
        self._inspections.setdefault(inspection_id, []).append(task)
        task.add_done_callback(lambda done: self._ended(inspection_id, done))

    def about(self, inspection_id: int) -> dict[str, object]:
        """For the `extra` of a log line; without the part id once nobody works on it any more."""
        order = self._orders.get(inspection_id)
        return order.about if order is not None else {"station": self._station, "inspection": inspection_id}

    def hold(self, inspection_id: int) -> None:
        """The PLC waits while its answer is written: what there is to do after its pictures would only delay that."""
        self._held.setdefault(inspection_id, [])

    def release(self, inspection_id: int) -> None:
        """Its answer is out. Tidying begins a moment later: right now it would cost the PLC's read 0.2 ms."""
        if inspection_id in self._held:
            asyncio.get_running_loop().call_later(TIDY_AFTER_S, self._tidy_held, inspection_id)

    def cancel(self, inspection_id: int) -> None:
        """It has its answer; stop working on it."""
        for task in self._inspections.get(inspection_id, ()):
            task.cancel()

    def prepare(self, change_id: int, preparing: Awaitable[ev.RecipePrepared]) -> None:
        """Have a recipe prepared and post how that ended."""
        self._recipe = asyncio.create_task(self._prepare(preparing), name=f"{self._station}-recipe-{change_id}")

    def abandon(self) -> None:
        """The recipe change under way is over without its answer."""
        if self._recipe is not None:
            self._recipe.cancel()

    async def finish(self, *more: asyncio.Task[None]) -> None:
        """Wait for everything, also for tasks that were begun elsewhere; what takes too long is cancelled."""
        inspections = [task for tasks in self._inspections.values() for task in tasks]
        await self._finish([*inspections, *([self._recipe] if self._recipe else []), *more])
        for inspection_id in [*self._held]:
            self._tidy_held(inspection_id)
        await self._finish(list(self._tidying))

    async def _finish(self, tasks: list[asyncio.Task[None]]) -> None:
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=CLOSING_S)
        for task in late:
            task.cancel()
        if late:
            text = "%s: %d tasks did not end within %.0f s and were cancelled"
            log.warning(text, self._station, len(late), CLOSING_S)
            await asyncio.wait(late, timeout=CLOSING_S)

    async def _prepare(self, preparing: Awaitable[ev.RecipePrepared]) -> None:
        self._post(await preparing)

    def _ended(self, inspection_id: int, task: asyncio.Task[None]) -> None:
        """A crashed inspection is answered too: no accepted trigger stays without (H7)."""
        tasks = self._inspections[inspection_id]
        tasks.remove(task)
        about = self.about(inspection_id)
        if not tasks:
            del self._inspections[inspection_id], self._orders[inspection_id]
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("%s: inspection crashed", self._station, exc_info=error, extra=about)
        self._post(ev.Answered(inspection_id, no_decision(Reason.INTERNAL, f"{type(error).__name__}: {error}")))

    def _tidy(self, inspection_id: int, tidying: Coroutine[Any, Any, None]) -> None:
        """Clean up after a picture, off the trigger's path."""
        held = self._held.get(inspection_id)
        if held is None:
            self._begin_tidying(tidying)
        else:
            held.append(tidying)

    def _tidy_held(self, inspection_id: int) -> None:
        for tidying in self._held.pop(inspection_id, ()):
            self._begin_tidying(tidying)

    def _begin_tidying(self, tidying: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(tidying)
        self._tidying.add(task)
        task.add_done_callback(self._tidied)

    def _tidied(self, task: asyncio.Task[None]) -> None:
        self._tidying.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: cleaning up after a picture failed", self._station, exc_info=error)

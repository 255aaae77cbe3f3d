"""One station at work: it feeds events to the pure core, publishes the images, and does what the core asks for.

Everything here runs on the event loop's thread. `post` is synchronous: when it returns, the new image is out, so a
PLC that has the response to its write finds the effect in its next read.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Self

from gateway.core import events as ev
from gateway.core.deadlines import next_wake
from gateway.core.errors import ErrorCode, OfflineReason, RefusedError
from gateway.core.events import Action, Commands, Event
from gateway.core.handshake import step
from gateway.core.image import Projection, TagImage
from gateway.core.result import Reason, Result, no_decision
from gateway.core.state import Options, State
from gateway.core.tags import Tag
from gateway.ports import ImageSource, Inspector, Order, Recorded, ResultSink
from gateway.station.health import Health, HealthPolicy
from gateway.station.inspection import Inspection

log = logging.getLogger(__name__)

SHORTEST_TIMER_S = 0.001
"""uvloop's timers count whole milliseconds; asking for less would spin until the deadline is really past."""

CLOSING_S = 1.0
"""How long leaving a station waits for files to be tidied up; Ctrl-C has to end the gateway within two seconds."""


def monotonic_us() -> int:
    """The clock of the handshake: monotonic microseconds."""
    return time.monotonic_ns() // 1000


class Station:
    """A ports.StationPort. Enter it to bring its source and inspector up; it is offline until they are.

    `recipes` are the numbers that the PLC may ask for, `recipe` the one in force at first.
    """

    def __init__(
        self,
        name: str,
        *,
        source: ImageSource,
        inspector: Inspector,
        recipes: Iterable[int],
        recipe: int,
        boot_id: int,
        options: Options | None = None,
        user_tags: tuple[Tag, ...] = (),
        sinks: Sequence[ResultSink] = (),
        health: HealthPolicy | None = None,
    ) -> None:
        self._name = name
        self._source = source
        self._inspector = inspector
        self._sinks = tuple(sinks)
        self._user_tags = user_tags
        self._projection = Projection(user_tags)
        now = monotonic_us()
        self._state = State(options or Options(), boot_id, recipe, frozenset(recipes), started_at=now, beat_at=now)
        self._image = self._projection.image(self._state)
        self._health = Health(name, source, inspector, self.post, health or HealthPolicy())
        self._watchers: dict[int, Callable[[TagImage], None]] = {}
        self._next_watcher = 0
        self._inbox: deque[Event] = deque()
        self._stepping = False
        self._inspections: dict[int, asyncio.Task[None]] = {}
        self._recipe_task: asyncio.Task[None] | None = None
        self._tidying: set[asyncio.Task[None]] = set()
        self._asked: dict[int, asyncio.Future[Result]] = {}
        self._awaited: dict[int, asyncio.Future[Result]] = {}
        self._recipes_asked: dict[int, asyncio.Future[None]] = {}
        self._next_token = 1
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0

    # ---- what links see ------------------------------------------------------------------------------------

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
    def state(self) -> State:
        """The state of the handshake, for those who show it; never to be changed."""
        return self._state

    def watch(self, callback: Callable[[TagImage], None]) -> Callable[[], None]:
        key, self._next_watcher = self._next_watcher, self._next_watcher + 1
        self._watchers[key] = callback

        def end() -> None:
            self._watchers.pop(key, None)

        return end

    def write(self, commands: Commands) -> None:
        # Many PLC drivers rewrite the whole block each cycle. Without a change there is no edge, and nothing to do
        # that the timer does not do; it saves two thirds of such a write.
        if commands != self._state.commands or not self._state.plc_seen:
            self.post(ev.PlcWrote(commands))

    async def inspect(self, part_id: str, recipe: int, timeout_ms: int) -> Result:
        if recipe not in (0, self._state.recipe):
            await self.change_recipe(recipe)
        token = self._token()
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._asked[token] = answer
        self.post(ev.TriggerAsked(token, part_id, recipe, timeout_ms))
        return await answer

    async def change_recipe(self, recipe: int) -> None:
        """Change the recipe and wait until that is over. Raises RefusedError with the ErrorCode."""
        token = self._token()
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._recipes_asked[token] = settled
        self.post(ev.RecipeAsked(token, recipe))
        await settled

    def _token(self) -> int:
        token, self._next_token = self._next_token, self._next_token + 1
        return token

    # ---- life ----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._wake()
        await self._health.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.post(ev.Stopped())
        if self._timer is not None:
            self._timer.cancel()
        await self._finish([*self._inspections.values(), *([self._recipe_task] if self._recipe_task else [])])
        await self._finish(list(self._tidying))
        await self._health.stop()

    async def _finish(self, tasks: list[asyncio.Task[None]]) -> None:
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=CLOSING_S)
        for task in late:
            task.cancel()
        if late:
            log.warning("%s: %d tasks did not end within %.0f s and were cancelled", self._name, len(late), CLOSING_S)
            await asyncio.wait(late, timeout=CLOSING_S)

    # ---- events --------------------------------------------------------------------------------------------

    def post(self, event: Event) -> None:
        """Let an event happen now: state, image, actions. Events that this causes follow in order."""
        self._inbox.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._inbox:
                self._state, actions = step(self._state, self._inbox.popleft(), monotonic_us())
                self._publish()
                for action in actions:
                    self._perform(action)
        finally:
            self._stepping = False
        self._arm()

    def _publish(self) -> None:
        image = self._projection.image(self._state)
        if image.values == self._image.values and image.commands == self._image.commands:
            return
        self._image = image
        for callback in tuple(self._watchers.values()):
            callback(image)

    def _arm(self) -> None:
        """See to it that time passes for the core when it next matters."""
        at = next_wake(self._state)
        if self._timer is not None and self._timer_at <= at:
            return
        if self._timer is not None:
            self._timer.cancel()
        delay = max((at - monotonic_us()) / 1e6, SHORTEST_TIMER_S)
        self._timer_at = at
        self._timer = asyncio.get_running_loop().call_later(delay, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self.post(ev.Tick())

    # ---- actions -------------------------------------------------------------------------------------------

    def _perform(self, action: Action) -> None:
        match action:
            case ev.Start():
                self._start(action)
            case ev.Cancel(inspection_id):
                if task := self._inspections.get(inspection_id):
                    task.cancel()
            case ev.Record(result, presented):
                self._record(result, presented)
            case ev.Reject(token, reason):
                self._refuse(self._asked.pop(token, None), RefusedError(reason))
            case ev.PrepareRecipe(change_id, recipe):
                self._recipe_task = asyncio.create_task(self._prepare(change_id, recipe), name=f"{self._name}-recipe")
            case ev.AbandonRecipe():
                if self._recipe_task is not None:
                    self._recipe_task.cancel()
            case ev.RecipeSettled(token, error):
                self._settle_recipe(token, error)
            case ev.LateAnswer(inspection_id, judgement):
                log.warning(
                    "%s: late answer %s dropped",
                    self._name,
                    judgement.verdict.name,
                    extra={"inspection": inspection_id},
                )

    def _start(self, start: ev.Start) -> None:
        if start.token and (answer := self._asked.pop(start.token, None)) is not None:
            self._awaited[start.inspection_id] = answer
        order = Order(
            self._name,
            start.inspection_id,
            start.trigger_seq,
            start.part_id,
            start.recipe,
            monotonic_us(),
            start.deadline,
            time.time(),
        )
        inspection = Inspection(order, self._source, self._inspector, self.post, self._tidy)
        task = asyncio.create_task(inspection.run(), name=f"{self._name}-inspection-{start.inspection_id}")
        self._inspections[start.inspection_id] = task
        task.add_done_callback(lambda done: self._ended(start.inspection_id, done))

    def _ended(self, inspection_id: int, task: asyncio.Task[None]) -> None:
        """A crashed inspection is answered too: no accepted trigger stays without (H7)."""
        self._inspections.pop(inspection_id, None)
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("%s: inspection crashed", self._name, exc_info=error, extra={"inspection": inspection_id})
        self.post(ev.Answered(inspection_id, no_decision(Reason.INTERNAL, f"{type(error).__name__}: {error}")))

    def _record(self, result: Result, presented: bool) -> None:
        if (answer := self._awaited.pop(result.inspection_id, None)) is not None and not answer.done():
            answer.set_result(result)
        recorded = Recorded(self._name, result, self._state.counts, presented)
        for sink in self._sinks:
            sink.put(recorded)

    def _refuse(self, waiter: asyncio.Future[Result] | asyncio.Future[None] | None, error: RefusedError) -> None:
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

    async def _prepare(self, change_id: int, recipe: int) -> None:
        self.post(ev.RecipePrepared(change_id, await self._health.prepared(recipe)))

    def _settle_recipe(self, token: int, error: ErrorCode) -> None:
        settled = self._recipes_asked.pop(token, None)
        if error is not ErrorCode.NONE:
            self._refuse(settled, RefusedError(error))
        elif settled is not None and not settled.done():
            settled.set_result(None)

    def _tidy(self, task: asyncio.Task[None]) -> None:
        """Keep hold of a task that cleans up after a picture, off the trigger's path."""
        self._tidying.add(task)
        task.add_done_callback(self._tidied)

    def _tidied(self, task: asyncio.Task[None]) -> None:
        self._tidying.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: cleaning up after a picture failed", self._name, exc_info=error)


def take_offline(station: Station, reason: OfflineReason, *, offline: bool) -> None:
    """Take a station offline, or give it back, on somebody's behalf."""
    station.post(ev.WentOffline(reason) if offline else ev.CameOnline(reason))

"""One station at work: it feeds events to the pure core, publishes the images, and does what the core asks for.

Everything here runs on the event loop's thread. `post` is synchronous: when it returns, the new image is out, so a
PLC that has the response to its write finds the effect in its next read.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Self

from gateway.core import calls as call
from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.deadlines import next_wake
from gateway.core.errors import RefusedError, RejectReason
from gateway.core.events import Event
from gateway.core.heartbeat import only_heard
from gateway.core.image import Projection, TagImage, shows_the_same
from gateway.core.result import Origin, Result
from gateway.core.resume import Memory, resumed
from gateway.core.state import Options, State
from gateway.core.tags import Tag
from gateway.ports import (
    ImageSource,
    Inspector,
    Journal,
    Order,
    Picture,
    PictureSink,
    RecipeInfo,
    ResultSink,
    ResultStore,
    Step,
)
from gateway.station.calls import Calls
from gateway.station.errands import Errands
from gateway.station.foresight import Foresight
from gateway.station.gallery import Gallery
from gateway.station.health import Health, HealthPolicy
from gateway.station.journaling import Journaling
from gateway.station.listeners import Listeners
from gateway.station.old_results import OldResults
from gateway.station.pictures import PictureWatch
from gateway.station.reviews import Reviews
from gateway.station.sinks import Sinks
from gateway.station.views import View, on_demand
from gateway.station.work import Work, monotonic_us

log = logging.getLogger(__name__)

SHORTEST_TIMER_S = 0.001
"""uvloop's timers count whole milliseconds; asking for less would spin until the deadline is really past."""


class Station:
    """A ports.StationPort. Enter it to bring its source and inspector up; it is offline until they are.

    `recipes` are those that the PLC may ask for, `recipe` is the number of the one in force at first. `simulation` is
    where pictures come from in simulation mode. With several views (`options.views`), these three are the first one's,
    and `further` are the others. `memory` is what it goes on with after a restart, `pictures` a sink for pictures too.
    `store` is where the PLC may read old results from.
    """

    def __init__(
        self,
        name: str,
        *,
        source: ImageSource,
        inspector: Inspector,
        recipes: Sequence[RecipeInfo],
        recipe: int,
        boot_id: int,
        options: Options | None = None,
        user_tags: tuple[Tag, ...] = (),
        sinks: Sequence[ResultSink] = (),
        health: HealthPolicy | None = None,
        simulation: ImageSource | None = None,
        further: Sequence[View] = (),
        journal: Journal | None = None,
        memory: Memory | None = None,
        pictures: PictureSink | None = None,
        store: ResultStore | None = None,
    ) -> None:
        self._name = name
        names = options.views if options is not None else ()
        first = View(names[0] if names else "", inspector, source, simulation=simulation)
        views = [on_demand(view) for view in (first, *further)]
        self._health = Health(name, views, self.post, health or HealthPolicy())
        self._views = self._health.views
        self._user_tags = user_tags
        self._recipes = tuple(recipes)
        self._projection = Projection(user_tags)
        now, numbers = monotonic_us(), frozenset(info.number for info in recipes)
        self._state = State(options or Options(), boot_id, recipe, numbers, started_at=now, beat_at=now)
        if memory is not None:
            self._state = resumed(self._state, memory, now)
        self._image = self._projection.image(self._state)
        self._foresight = Foresight(self._projection, lambda: self._state)
        self._journal = Journaling(name, journal, self.post, self._foresight.expect)
        self._gallery = Gallery(name, pictures, self._views, lambda: self._state.flight)
        self.pictures = self._gallery.listeners
        self._work = Work(name, self._views, self.post, self._taken)
        self._pictures = PictureWatch(name, self.post)
        self._calls = Calls(self.post)
        self._old_results = OldResults(name, store, self.post)
        doers = (self._work, self._health, self._pictures, self._calls, self._journal, self._old_results)
        self._sinks = Sinks(name, sinks)
        self._reviews = Reviews(name, self._views, lambda: self._state, self._calls.ask)
        self._errands = Errands(self._views, *doers, self._sinks, self._reviews)
        self._watchers = Listeners[TagImage]()
        self._observers = Listeners[Step]()
        self._inbox: deque[Event] = deque()
        self._stepping = False
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
        return self._state

    @property
    def recipes(self) -> Sequence[RecipeInfo]:
        return self._recipes

    @property
    def can_simulate(self) -> bool:
        return self._views[0].simulation is not None

    @property
    def draws(self) -> bool:
        return any(view.inspector.draws for view in self._views)

    def drawn(self, inspection_id: int) -> bytes | None:
        drawings = (view.inspector.drawn(inspection_id) for view in self._views)
        return next((drawing for drawing in drawings if drawing is not None), None)

    @property
    def reviews(self) -> Reviews:
        return self._reviews

    @property
    def restarts(self) -> dict[str, int]:
        """How often each of its parts was restarted after a crash."""
        return self._health.restarts

    def watch(self, callback: Callable[[TagImage], None]) -> Callable[[], None]:
        return self._watchers.add(callback)

    def observe(self, callback: Callable[[Step], None]) -> Callable[[], None]:
        return self._observers.add(callback)

    def write(self, commands: Commands, client: str = "") -> None:
        # Many PLC drivers rewrite the whole block each cycle, with no edge in it, or none but a heartbeat's: then
        # there is no step, observers have nothing to hear of, and what is due next is due no earlier than before.
        if commands == self._state.commands and self._state.plc_seen:
            return
        heard = only_heard(self._state, commands, monotonic_us()) if not self._stepping else None
        if heard is None:
            self.post(ev.PlcWrote(commands, client))
        else:
            self._state = heard
            self._show(self._projection.again(self._image, commands))

    # ---- calls ---------------------------------------------------------------------------------------------

    async def inspect(self, part_id: str, recipe: int, timeout_ms: int, client: str = "") -> Result:
        if recipe and (recipe != self._state.recipe or self._state.unprepared):
            await self.change_recipe(recipe)
        return await self._calls.inspect(part_id, recipe, timeout_ms, client)

    def trigger(self, part_id: str, origin: Origin, *, recipe: int = 0, timeout_ms: int = 0) -> int:
        return self._calls.trigger(part_id, recipe, timeout_ms, origin)

    async def change_recipe(self, recipe: int) -> None:
        await self._calls.change_recipe(recipe)

    def unprepare_recipe(self) -> None:
        self._calls.ask(call.UnprepareAsked)

    def select_automatic(self) -> None:
        self.post(call.AutomaticAsked())

    def halt(self) -> None:
        self.post(call.HaltAsked())

    def reset(self) -> None:
        self.post(call.ResetAsked())

    def abort(self) -> None:
        self.post(call.AbortAsked())

    def run_continuously(self, part_id: str, origin: Origin) -> None:
        self._calls.ask(lambda token: call.RunAsked(token, part_id, origin))

    def stop(self) -> None:
        self.post(call.StopAsked())

    def simulate(self, on: bool) -> None:
        if on and not self.can_simulate:
            raise RefusedError(RejectReason.NO_SIMULATION)
        self._calls.ask(lambda token: call.SimulationAsked(token, on))

    def reconfigure(self, recipes: Sequence[RecipeInfo], options: Options) -> None:
        """From now on these recipes, the one in force among them, and these options (H35); see `ev.Reconfigured`."""
        self._recipes = tuple(recipes)
        self.post(ev.Reconfigured(frozenset(info.number for info in recipes), options))

    # ---- life ----------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._wake()
        await self._health.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.post(ev.Stopped())
        if self._state.flight:  # nobody waits for the journal any longer
            self.post(ev.Stopped())
        if self._timer is not None:
            self._timer.cancel()
        await self._work.finish(*self._pictures.tasks)
        await self._health.stop()
        await self._old_results.close()
        for view in self._views:
            if view.simulation is not None:
                await view.simulation.__aexit__(None, None, None)

    # ---- events --------------------------------------------------------------------------------------------

    def post(self, event: Event) -> None:
        """Let an event happen now: state, image, actions. Events that this causes follow in order."""
        self._inbox.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._inbox:
                self._step(self._inbox.popleft())
        finally:
            self._stepping = False
        self._arm()

    def _step(self, event: Event) -> None:
        before, now = self._state, monotonic_us()
        self._state, actions = self._foresight.step(before, event, now)
        self._gallery.hand_drawings(actions)
        self._journal.note(before, self._state, actions)  # first: what the PLC sees then outlives a kill
        self._journal.begin(actions)
        if not shows_the_same(before, self._state):
            self._publish()
        for action in actions:
            self._errands.perform(action, self._state)
        self._reviews.tend()
        if self._observers:
            self._observers.tell_each(Step(event, before, self._state, actions, now), self._name)

    def _taken(self, order: Order, view: str, picture: Picture) -> None:
        self._reviews.taken(order, view, picture)
        self._gallery.taken(order, view, picture)

    def _publish(self) -> None:
        image = self._foresight.image(self._state)
        if image.values != self._image.values or image.commands != self._image.commands:
            self._show(image)

    def _show(self, image: TagImage) -> None:
        self._image = image
        self._watchers.tell_each(image, self._name)

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

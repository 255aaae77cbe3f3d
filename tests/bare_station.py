"""A ports.StationPort that has only the core: tests post what a source and an inspector would."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from gateway.core import actions as act
from gateway.core import calls as call
from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.errors import OfflineReason, RefusedError, RejectReason
from gateway.core.events import Event
from gateway.core.handshake import step
from gateway.core.image import Projection, TagImage
from gateway.core.result import Judgement, Origin, Result, Verdict
from gateway.core.state import Options, State
from gateway.core.tags import Tag
from gateway.ports import RecipeInfo, Step
from gateway.station.calls import Calls
from gateway.station.reviews import Reviews

OK = Judgement(Verdict.OK, score=0.99, inspector_us=3_000)
RECIPES = (RecipeInfo(1, "bottle", "product 1"), RecipeInfo(2, "can", "product 2"))


class BareStation:
    """Starts like a real one that is up: online, not enabled, recipe 1. Recipe changes succeed at once.

    `answer` ends the oldest inspection in flight, `picture` is the next one of a continuous run.
    """

    def __init__(
        self,
        name: str = "station1",
        *,
        user_tags: tuple[Tag, ...] = (),
        recipes: Sequence[RecipeInfo] = RECIPES,
        can_simulate: bool = True,
        options: Options | None = None,
    ) -> None:
        self.name, self.user_tags, self.recipes, self.can_simulate = name, user_tags, recipes, can_simulate
        numbers = frozenset(info.number for info in recipes)
        self.state = State(options or Options(), 77, recipes[0].number, numbers)
        self._projection = Projection(user_tags)
        self._image = self._projection.image(self.state)
        self._watchers: list[Callable[[TagImage], None]] = []
        self._observers: list[Callable[[Step], None]] = []
        self._calls = Calls(self.post)
        self.reviews = Reviews(name, (), lambda: self.state, self._calls.ask)
        self._inbox: deque[Event] = deque()
        self._stepping = False
        self.written: list[Commands] = []
        self.started: list[act.Start] = []
        self.recorded: list[act.Record] = []
        self.images = 0
        self.drawings: dict[int, bytes] | None = None
        self.post(ev.CameOnline(OfflineReason.STARTING))

    # ---- ports.StationPort ---------------------------------------------------------------------------------

    @property
    def image(self) -> TagImage:
        return self._image

    @property
    def watchers(self) -> int:
        return len(self._watchers)

    @property
    def draws(self) -> bool:
        return self.drawings is not None

    def drawn(self, inspection_id: int) -> bytes | None:
        return (self.drawings or {}).get(inspection_id)

    def watch(self, callback: Callable[[TagImage], None]) -> Callable[[], None]:
        self._watchers.append(callback)
        return lambda: self._watchers.remove(callback)

    def observe(self, callback: Callable[[Step], None]) -> Callable[[], None]:
        self._observers.append(callback)
        return lambda: self._observers.remove(callback)

    def write(self, commands: Commands, client: str = "") -> None:
        self.written.append(commands)
        self.post(ev.PlcWrote(commands, client))

    async def inspect(self, part_id: str, recipe: int, timeout_ms: int, client: str = "") -> Result:
        if recipe and (recipe != self.state.recipe or self.state.unprepared):
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

    # ---- what the test does --------------------------------------------------------------------------------

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

    def picture(self) -> None:
        """The next picture of the continuous run is there."""
        run = self.state.continuous
        assert run is not None, "no continuous run is on"
        assert run.awaiting, "no picture is awaited now"
        self.post(ev.PictureCame(run.id))

    # ---- the core ------------------------------------------------------------------------------------------

    def post(self, event: Event) -> None:
        self._inbox.append(event)
        if self._stepping:
            return
        self._stepping = True
        try:
            while self._inbox:
                self._step(self._inbox.popleft())
        finally:
            self._stepping = False

    def _step(self, event: Event) -> None:
        before, now = self.state, time.monotonic_ns() // 1000
        self.state, actions = step(before, event, now)
        self._publish()
        for action in actions:
            self._perform(action)
        for observer in tuple(self._observers):
            observer(Step(event, before, self.state, actions, now))

    def _publish(self) -> None:
        image = self._projection.image(self.state)
        if image.values == self._image.values and image.commands == self._image.commands:
            return  # as the real station: no new image where no tag changed
        self._image = image
        self.images += 1
        for watcher in tuple(self._watchers):
            watcher(image)

    def _perform(self, action: act.Action) -> None:
        match action:
            case act.Start(inspection_id, token=token):
                self.started.append(action)
                self._calls.started(token, inspection_id)
            case act.Reject(token, reason) | act.Refused(token, reason):
                self._calls.refused(token, reason)
            case act.Record(result):
                self.recorded.append(action)
                self._calls.recorded(result)
            case act.OfferReview():
                self.reviews.offered(action, {})
            case act.EndReview():
                self.reviews.ended(action)
            case act.PrepareRecipe(change_id, _):
                self.post(ev.RecipePrepared(change_id))
            case act.RecipeSettled(token, error):
                self._calls.recipe_settled(token, error)

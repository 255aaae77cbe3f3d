"""A station as a link sees it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.core.actions import Action
from gateway.core.commands import Commands
from gateway.core.events import Event
from gateway.core.image import TagImage
from gateway.core.registers import RegisterMap
from gateway.core.result import Origin, Result
from gateway.core.state import State
from gateway.core.tags import Tag
from gateway.ports.reviews import ReviewDesk


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a station's handshake: what happened and what came of it. `at` is monotonic microseconds."""

    event: Event
    before: State
    after: State
    actions: tuple[Action, ...]
    at: int


@dataclass(frozen=True, slots=True)
class RecipeInfo:
    """A recipe as a link shows it. `product` is what is made with it, "" where nobody has said."""

    number: int
    name: str
    product: str = ""


class StationPort(Protocol):
    """A station as a link sees it. Everything here runs on the event loop's thread.

    Calls that are no coroutines have had their effect when they return; they must not be made from a callback of
    `watch` or `observe`. RefusedError says with a RejectReason or ErrorCode why nothing was done.
    """

    @property
    def name(self) -> str: ...

    @property
    def image(self) -> TagImage:
        """The tags now."""
        ...

    @property
    def user_tags(self) -> tuple[Tag, ...]:
        """The station's user values, after the standard tags."""
        ...

    @property
    def state(self) -> State:
        """The handshake's state now; never to be changed."""
        ...

    @property
    def recipes(self) -> Sequence[RecipeInfo]:
        """The recipes that can be asked for, in the configuration's order."""
        ...

    @property
    def can_simulate(self) -> bool:
        """A simulation source is configured."""
        ...

    @property
    def draws(self) -> bool:
        """Some recipe has an image drawn of what was seen."""
        ...

    def drawn(self, inspection_id: int) -> bytes | None:
        """The image that was drawn for this inspection, as a PNG, as long as it is one of the last few."""
        ...

    @property
    def reviews(self) -> ReviewDesk:
        """The parts that an operator is asked about."""
        ...

    def watch(self, callback: Callable[[TagImage], None]) -> Callable[[], None]:
        """Call back with each new image, at once and in order; returns what ends that."""
        ...

    def observe(self, callback: Callable[[Step], None]) -> Callable[[], None]:
        """Call back after each step, at once and in order, when its image is out; returns what ends that.

        A write that only moves the PLC's heartbeat while nothing is under way or due is no step.
        The callback must only take note: it runs on every trigger's path.
        """
        ...

    def write(self, commands: Commands, client: str = "") -> None:
        """One request of the PLC: the command tags as they stand after it. The image is new when this returns.

        `client` is who made it, for the journal, as Origin has it; "" where that is not known.
        """
        ...

    async def inspect(self, part_id: str, recipe: int, timeout_ms: int, client: str = "") -> Result:
        """Trigger by call and wait for the answer, in another recipe if that is asked. Raises RefusedError."""
        ...

    def trigger(self, part_id: str, origin: Origin, *, recipe: int = 0, timeout_ms: int = 0) -> int:
        """Trigger by call, without waiting: the inspection's id. Raises RefusedError; `recipe` changes nothing."""
        ...

    async def change_recipe(self, recipe: int) -> None:
        """Change the recipe and wait until that is over. Raises RefusedError with the ErrorCode."""
        ...

    def unprepare_recipe(self) -> None:
        """No recipe is in force until the next change or reset (H27). Raises RefusedError while busy."""
        ...

    def select_automatic(self) -> None:
        """Enabled by call, as by the `enable` bit (H25)."""
        ...

    def halt(self) -> None:
        """Cancel everything and be offline until a reset (H26)."""
        ...

    def reset(self) -> None:
        """As the `reset` bit (H16)."""
        ...

    def abort(self) -> None:
        """As the `abort` bit (H15)."""
        ...

    def run_continuously(self, part_id: str, origin: Origin) -> None:
        """Begin a continuous run (H28). Raises RefusedError where a trigger by call would be refused."""
        ...

    def stop(self) -> None:
        """End a continuous run; what is in flight is finished."""
        ...

    def simulate(self, on: bool) -> None:
        """Simulation mode (H29). Raises RefusedError while busy, or where there is no simulation source."""
        ...


@dataclass(frozen=True, slots=True)
class StationView:
    """One station on one link: what the link needs to place it, and whether it owns the control tags.

    `unit` None answers any unit id. `offset` is added to every register, `offset // 16` to every bit address.
    """

    station: StationPort
    registers: RegisterMap
    controls: bool
    unit: int | None = None
    offset: int = 0

"""Sources and inspectors: what takes an image, and what judges it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, Self

from gateway.core.result import Judgement


@dataclass(frozen=True, slots=True)
class Order:
    """One accepted trigger as sources and inspectors see it.

    `accepted_at` and `deadline` are monotonic microseconds (`time.monotonic_ns() // 1000`), `accepted_wall` is
    unix time in seconds: what a file's time stamp is compared with. `pictures_from`: this order is for the picture
    that `ImageSource.arrival` told of, in the continuous run that began at this moment (monotonic microseconds).
    """

    station: str
    inspection_id: int
    trigger_seq: int
    part_id: str
    recipe: int
    accepted_at: int
    deadline: int
    accepted_wall: float
    pictures_from: int | None = None

    @property
    def about(self) -> dict[str, object]:
        """For the `extra` of a log line that is about this inspection."""
        return {"station": self.station, "inspection": self.inspection_id, "part_id": self.part_id}


@dataclass(frozen=True, slots=True)
class RawFormat:
    """How pixels lie in `Picture.data`: rows from the top, no padding; 1 channel, or 3 as BGR; `bayer` is RG8."""

    width: int
    height: int
    channels: int = 1
    bayer: bool = False


@dataclass(frozen=True, slots=True)
class Picture:
    """An image on its way to the inspector: an encoded file's bytes as they are, or raw pixels."""

    name: str
    """The file's name or the frame's number; what a person would look for."""
    data: bytes | memoryview
    raw: RawFormat | None = None
    """None: `data` is an encoded file (PNG, JPEG, BMP)."""


class Fate(Enum):
    """What became of a picture: judged, refused as broken, or given back unused (cancelled, inspector down)."""

    JUDGED = "judged"
    REFUSED = "refused"
    UNUSED = "unused"


class Part(Protocol):
    """Entered once, left once. Entering may raise a GatewayError; it is retriable or it is not."""

    async def __aenter__(self) -> Self: ...

    async def __aexit__(self, *exc: object) -> None: ...


def ignored() -> None:
    """Told of the end of an exposure, where nobody wants to know."""


class ImageSource(Part, Protocol):
    """Where images come from."""

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        """The image for this trigger. Raises SourceError; waits no longer than `order.deadline`.

        `exposed` is called once at most, on the loop's thread, as soon as the exposure is over and before this
        returns: the part may move while its picture is still on its way. A source that cannot know never calls it.
        """
        ...

    def collect(self, since: int | None) -> None:
        """A continuous run begins: keep each picture that comes from `since` (monotonic us) on, until it is ordered.

        None: the run is over; pictures that are left belong to nobody.
        """
        ...

    async def arrival(self) -> None:
        """Wait, however long, until a picture of the run is there that nobody has got: the next order's.

        Raises SourceError where none can come now; ask again later.
        """
        ...

    async def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        """Clean up after a picture (delete, move, reject). Called off the trigger's path, once for each."""
        ...

    async def check(self) -> None:
        """Raise SourceError where no image could be had now."""
        ...


class Inspector(Part, Protocol):
    """Who judges images."""

    async def inspect(self, picture: Picture, order: Order) -> Judgement:
        """Judge one image by `order.recipe`. Raises InspectorError; waits no longer than `order.deadline`.

        Cancelling it ends the request under way, so that the next one can begin at once.
        """
        ...

    async def prepare(self, recipe: int) -> None:
        """Get ready to judge by this recipe. Raises InspectorError."""
        ...

    async def check(self) -> None:
        """Raise InspectorError where nothing could be judged now. Never disturbs an inspection under way."""
        ...

    @property
    def draws(self) -> bool:
        """Some recipe has the inspector draw what it saw."""
        ...

    def drawn(self, inspection_id: int) -> bytes | None:
        """What was drawn for this inspection, as a PNG, as long as it is one of the last few."""
        ...

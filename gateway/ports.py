"""What a part of the gateway must be, and what it may use: the four kinds of part, and the station they see.

A part is made from its settings and does nothing until it is entered (`async with`). Parts know these ports and
`core`, never another part. Every method that waits can be cancelled, and leaves nothing running behind it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Protocol, Self, runtime_checkable

from gateway.core.events import Commands
from gateway.core.image import TagImage
from gateway.core.registers import RegisterMap
from gateway.core.result import Judgement, Result, Verdict
from gateway.core.state import Counts
from gateway.core.tags import Tag


@dataclass(frozen=True, slots=True)
class Order:
    """One accepted trigger as sources and inspectors see it.

    `accepted_at` and `deadline` are monotonic microseconds (`time.monotonic_ns() // 1000`), `accepted_wall` is
    unix time in seconds: what a file's time stamp is compared with.
    """

    station: str
    inspection_id: int
    trigger_seq: int
    part_id: str
    recipe: int
    accepted_at: int
    deadline: int
    accepted_wall: float


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


class ImageSource(Part, Protocol):
    """Where images come from."""

    async def acquire(self, order: Order) -> Picture:
        """The image for this trigger. Raises SourceError; waits no longer than `order.deadline`."""
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


@dataclass(frozen=True, slots=True)
class Recorded:
    """One answer as it leaves a station. `presented` False: it never goes to the PLC's tags (reset).

    `counts` are the station's counters as its tags show them with this answer.
    """

    station: str
    result: Result
    counts: Counts
    presented: bool = True


class ResultSink(Part, Protocol):
    """Who else gets the results. Slow or dead, it never delays an answer."""

    def put(self, recorded: Recorded) -> None:
        """Take a result over, at once: queue it in bounded space, count what has no place."""
        ...


def result_id(started: datetime, boot_id: int, inspection_id: int) -> str:
    """An answer's id, unique within its station over all starts of the gateway: `20260131T235959-17-4711`.

    `started` is when the gateway was started, in UTC: boot ids come again after 65535 starts.
    """
    return f"{started:%Y%m%dT%H%M%S}-{boot_id}-{inspection_id}"


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A result as it is kept: with its id, wall-clock times (UTC), its recipe's name, and what `Recorded` tells."""

    result_id: str
    station: str
    result: Result
    accepted: datetime
    exposed: datetime | None
    """None where no image was ever taken."""
    answered: datetime
    counts: Counts
    recipe_name: str
    presented: bool = True
    number: int = 0
    """Its number in the store: a later one is greater. 0: it comes from no store."""


LARGEST_PAGE = 10_000
"""The most results that are read at once: 10 to 30 MB while they are on their way."""


@dataclass(frozen=True, slots=True)
class ResultQuery:
    """Which results of a station, in which order. What is None or empty does not matter.

    `start` and `end` bound the time of the answer: from `start` on, before `end`. Results of the same microsecond are
    in the order of their numbers. `after` is the last result that was read before: what follows it comes next.
    """

    station: str
    start: datetime | None = None
    end: datetime | None = None
    newest_first: bool = False
    after: StoredResult | None = None
    limit: int = 1000
    presented: bool | None = None
    simulated: bool | None = None
    verdicts: frozenset[Verdict] = frozenset()
    recipe: int | None = None
    part_id: str | None = None
    job_id: str | None = None
    meas_id: str | None = None
    product_id: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError for a page that is empty or too large."""
        if not 1 <= self.limit <= LARGEST_PAGE:
            raise ValueError(f"limit has to be 1 to {LARGEST_PAGE}")


class ResultStore(Protocol):
    """What was answered, also before the last restart. Raises SinkError where it cannot be read now.

    It finds every result that was put before the question, unless it was dropped by age, by count or by a fault.
    """

    async def find(self, station: str, result_id: str) -> StoredResult | None:
        """The result with this id; None where there is none, or none any more."""
        ...

    async def read(self, query: ResultQuery) -> Sequence[StoredResult]:
        """The first `query.limit` results that fit; fewer only where there are no more."""
        ...


class StationPort(Protocol):
    """A station as a link sees it. Everything here runs on the event loop's thread."""

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

    def watch(self, callback: Callable[[TagImage], None]) -> Callable[[], None]:
        """Call back with each new image, at once and in order; returns what ends that."""
        ...

    def write(self, commands: Commands) -> None:
        """One request of the PLC: the command tags as they stand after it. The image is new when this returns."""
        ...

    async def inspect(self, part_id: str, recipe: int, timeout_ms: int) -> Result:
        """Trigger by call and wait for the answer, in another recipe if that is asked. Raises RefusedError."""
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


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a link listens, for people: `modbus://127.0.0.1:5020`."""

    link: str
    url: str


@runtime_checkable
class PlcLink(Part, Protocol):
    """A face to the PLC. Entered with its stations known; raises LinkError where it cannot listen."""

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """Where it listens, once entered."""
        ...


@dataclass(slots=True)
class Identity:
    """What the gateway says of itself in device identifications."""

    vendor: str = "PEKAT PLC gateway project"
    product: str = "PEKAT PLC gateway"
    version: str = field(default="")

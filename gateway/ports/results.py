"""Who else gets the answers: sinks that keep or send them, and the store that they can be read from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from gateway.core.counts import Counts
from gateway.core.result import Result, Verdict
from gateway.core.resume import Memory
from gateway.ports.moments import moment
from gateway.ports.parts import Part, Picture


def about(station: str, result: Result) -> dict[str, object]:
    """For the `extra` of a log line that is about an inspection."""
    return {"station": station, "inspection": result.inspection_id, "part_id": result.part_id}


class Recorded(NamedTuple):
    """One answer as it leaves a station. `presented` False: it never goes to the PLC's tags (reset, simulation).

    `counts` are the station's counters as its tags show them with this answer.
    """

    station: str
    result: Result
    counts: Counts
    presented: bool = True

    @property
    def about(self) -> dict[str, object]:
        """For the `extra` of a log line that is about this inspection."""
        return about(self.station, self.result)


class ResultSink(Part, Protocol):
    """Who else gets the results. Slow or dead, it never delays an answer."""

    def put(self, recorded: Recorded) -> None:
        """Take a result over, at once: queue it in bounded space, count what has no place."""
        ...


@dataclass(frozen=True, slots=True)
class Pictured:
    """A picture of an inspection: as it was taken, or `drawn` by the inspector.

    `view` is the name of the view, of several that share the picture the first one's; "" where there is only one.
    """

    station: str
    inspection_id: int
    view: str
    picture: Picture
    drawn: bool = False


class PictureSink(ResultSink, Protocol):
    """Who also wants the pictures that results are of."""

    def see(self, pictured: Pictured) -> None:
        """Take note of a picture, at once; on the trigger's path. Its inspection's result is always put later.

        What comes after the journal was given that result is of no use any more: the journal says which images there
        are.
        """
        ...


Wait = Callable[[float], bool]
"""Blocks for so many seconds at most; whether what it waits for has come."""


class Journal(Protocol):
    """Keeps answers before they are shown (H30), and what a station goes on with after a restart (H31)."""

    def keep(self, recorded: Recorded, kept: Callable[[bool], None]) -> Wait | None:
        """Put this answer on the disk; then call `kept`, once, on the event loop: True where it is there.

        Where that is begun with now, and nothing else waits for the disk: returns what blocks until it is known
        whether this one is there, and then calls `kept` itself. Rarely it ends sooner.
        Where the same answer is put as a ResultSink afterwards with other words, those replace it.
        """
        ...

    def late(self, recorded: Recorded) -> None:
        """Keep what came after the answer that was given. Nobody waits for it, and no query finds it unasked (H36)."""
        ...

    def note(self, station: str, memory: Memory, answers: Sequence[Recorded] = ()) -> None:
        """Remember this, instead of what was noted before; called before anybody sees the step that led there.

        `answers` are those of this step, which come as a ResultSink's afterwards. Nobody waits for the disk.
        """
        ...


def result_id(started: datetime, boot_id: int, inspection_id: int) -> str:
    """An answer's id, unique within its station over all starts of the gateway: `20260131T235959-17-4711`.

    `started` is when the gateway was started, in UTC: boot ids come again after 65535 starts.
    """
    return f"{started:%Y%m%dT%H%M%S}-{boot_id}-{inspection_id}"


@dataclass(frozen=True, slots=True)
class Stages:
    """When else something happened to an inspection, in microseconds after its trigger was accepted.

    None: it never did, or it is not known. What comes after the answer is known some time later, or never.
    """

    pictured_us: int | None = None
    """The picture was in memory, of several the last one."""
    asked_us: int | None = None
    """PEKAT was asked for the answer that it gave, of several views the slowest one."""
    shown_us: int | None = None
    """The answer was in the tags, and the links had been told."""
    acknowledged_us: int | None = None
    """The PLC had taken it."""


NOT_NOTED = Stages()


@dataclass(frozen=True, slots=True)
class StoredResult:
    """A result as it is kept: with its id, wall-clock times, its recipe's name, and what `Recorded` tells.

    The times are microseconds since 1970 (UTC): it is made while the PLC waits, and a time for people takes as long to
    make as all the rest.
    """

    result_id: str
    station: str
    result: Result
    accepted_us: int
    exposed_us: int | None
    """None where no image was ever taken."""
    answered_us: int
    counts: Counts
    recipe_name: str
    presented: bool = True
    number: int = 0
    """Its number in the store: a later one is greater. 0: it comes from no store."""
    images: tuple[str, ...] = ()
    """Paths of its images in the archive, where somebody has looked for them: no store keeps them."""
    stages: Stages = NOT_NOTED
    pictures: tuple[tuple[str, str], ...] = ()
    """Its pictures as their sources call them: (view, name of the file or number of the frame)."""
    archived: tuple[str, ...] = ()
    """The files that the archive makes of them, relative to its folder; empty where it is to keep none."""
    images_kept: bool | None = None
    """Those files were written; False: they were lost. None: there are none, or it is not known (yet)."""

    @property
    def accepted(self) -> datetime:
        """When the trigger was accepted (UTC)."""
        return moment(self.accepted_us)

    @property
    def exposed(self) -> datetime | None:
        """When the image was taken (UTC); None where none ever was."""
        return moment(self.exposed_us) if self.exposed_us is not None else None

    @property
    def answered(self) -> datetime:
        """When it was answered (UTC), by which results are ordered."""
        return moment(self.answered_us)

    @property
    def about(self) -> dict[str, object]:
        """For the `extra` of a log line that is about this inspection."""
        return about(self.station, self.result)

    def says_the_same(self, other: "StoredResult") -> bool:
        """Whether it is the same answer, whatever else is known of it."""
        return self is other or (
            (self.result_id, self.station, self.presented) == (other.result_id, other.station, other.presented)
            and self.result == other.result
        )


LARGEST_PAGE = 10_000
"""The most results that are read at once: 10 to 30 MB while they are on their way."""


@dataclass(frozen=True, slots=True)
class ResultQuery:
    """Which results, in which order. What is None or empty does not matter; without `station`, those of all stations.

    `start` and `end` bound the time of the answer: from `start` on, before `end`. Results of the same microsecond are
    in the order of their numbers. `after` is the last result that was read before: what follows it comes next.
    """

    station: str | None = None
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
    result_seq: int | None = None
    job_id: str | None = None
    meas_id: str | None = None
    product_id: str | None = None
    late: bool = False
    """Those that came after the answer was given, and no others."""
    complete: bool = False
    """Rather a SinkError than an answer without what was put before the question and still waits to be written."""

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

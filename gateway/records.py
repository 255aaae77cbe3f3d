"""What an answer is called and when it was, for everybody who tells of it: the store, the events, the methods."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count
from typing import Self

from gateway.again import again
from gateway.core.result import Result
from gateway.ports import NOT_NOTED, Pictured, Recorded, ResultStore, Stages, StoredResult, moment, result_id

DRIFT_US = 1000
"""How far the two clocks may drift apart before they are compared anew. Finer would give one moment two times."""

LONGEST_WAIT_US = 3_600_000_000
"""No answer waits longer for the one before it: an inspection's time-out is an hour at most."""
REMEMBERED = 1024
"""As many results as a station can hold back."""
Images = Callable[[StoredResult], tuple[str, ...]]
"""Which files the archive makes of this answer's pictures: asked before the answer is kept anywhere."""
_stored, _staged = again(StoredResult), again(Stages)
"""In a third of the time that they take: an answer becomes one while the PLC waits for it."""


def unix_us() -> int:
    """The wall clock in microseconds."""
    return time.time_ns() // 1000


def monotonic_us() -> int:
    """The clock of the handshake: monotonic microseconds."""
    return time.monotonic_ns() // 1000


class WallClock:
    """Tells which time it was at a moment of the monotonic clock, exact to a millisecond.

    The same moment gets the same time for everybody who shares this clock, as long as the machine's time is not set.
    """

    def __init__(self, wall: Callable[[], int] = unix_us, monotonic: Callable[[], int] = monotonic_us) -> None:
        self._wall, self._monotonic = wall, monotonic
        self._ahead = wall() - monotonic()

    def now(self) -> int:
        """This moment, in monotonic microseconds."""
        return self._monotonic()

    def at(self, at: int) -> datetime:
        """The time (UTC) at this moment, in monotonic microseconds."""
        return moment(self.unix_us(at))

    def unix_us(self, at: int) -> int:
        """The same in microseconds since 1970."""
        return at + self.ahead_us()

    def ahead_us(self) -> int:
        """How far the wall clock is ahead: to be added to monotonic microseconds, to several of them at once."""
        ahead = self._wall() - self._monotonic()
        if abs(ahead - self._ahead) > DRIFT_US:
            self._ahead = ahead
        return self._ahead


@dataclass(slots=True)
class _Seen:
    """The pictures of an inspection: their views and names, and when the last one was in memory."""

    at: int
    pictures: tuple[tuple[str, str], ...]


class Registrar:
    """Gives each answer of this run of the gateway its id, its times and its recipe's name: the same whoever asks.

    Of its pictures it says how their sources call them, and where the archive keeps them (`images`).

    `recipe_names` goes by station and recipe number. The answers of a station get rising times, each its own: where
    several leave in one step, a microsecond is between them. History knows one value for one time (OPC UA Part 11).
    """

    def __init__(
        self,
        boot_id: int,
        recipe_names: Mapping[tuple[str, int], str],
        clock: WallClock | None = None,
        started: datetime | None = None,
    ) -> None:
        self.boot_id = boot_id
        self.started = started or datetime.now(UTC)
        self.clock = clock or WallClock()
        self._recipe_names = recipe_names
        self._ids = result_id(self.started, boot_id, 0).removesuffix("0")  # formatting a time costs more than all else
        self._known: OrderedDict[tuple[str, int], StoredResult] = OrderedDict()
        self._last: dict[str, int] = {}
        self._late = count(1)
        self._seen: OrderedDict[tuple[str, int], _Seen] = OrderedDict()
        self.images: Images = _none

    def pictured(self, pictured: Pictured) -> None:
        """A picture of an inspection is in memory."""
        key, told = (pictured.station, pictured.inspection_id), (pictured.view, pictured.picture.name)
        seen = self._seen.get(key)
        if seen is not None:
            seen.at, seen.pictures = self.clock.now(), (*seen.pictures, told)
            return
        self._seen[key] = _Seen(self.clock.now(), (told,))
        if len(self._seen) > REMEMBERED:  # that one was answered before its picture came
            self._seen.popitem(last=False)

    def known(self, station: str, inspection_id: int) -> StoredResult | None:
        """The answer to this inspection, as long as it is one of the last ones of this run."""
        return self._known.get((station, inspection_id))

    def result_id(self, inspection_id: int) -> str:
        """The id of what answers this inspection, also before it is answered."""
        return f"{self._ids}{inspection_id}"

    def stored(self, recorded: Recorded) -> StoredResult:
        """The answer as it is kept. Told again, and told otherwise, it is the same answer of the same moment."""
        key, result = (recorded.station, recorded.result.inspection_id), recorded.result
        known = self._known.get(key)
        if known is not None and (known.result is result or _same(known.result, result)):
            if (known.presented, known.counts, known.result) != (recorded.presented, recorded.counts, result):
                before = known.result.verdict
                known = replace(known, result=result, counts=recorded.counts, presented=recorded.presented)
                if result.verdict is not before:  # the names of the files say it
                    known = replace(known, archived=self.images(known))
                self._known[key] = known
            return known
        known = self._make(recorded, self._seen.pop(key, None))
        if archived := self.images(known):
            known = replace(known, archived=archived)
        self._known[key] = known
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return known

    def late(self, recorded: Recorded) -> StoredResult:
        """What came after the answer that was given, as it is kept: under an id that no answer has.

        Of several views each may be late. Its pictures are those of the answer that was given.
        """
        made, given = self._make(recorded, None), self.known(recorded.station, recorded.result.inspection_id)
        made = replace(made, result_id=f"{made.result_id}-late-{next(self._late)}")
        return made if given is None else replace(made, pictures=given.pictures, archived=given.archived)

    def recipe_name(self, station: str, recipe: int) -> str:
        """As the configuration has it; "" where it has none."""
        return self._recipe_names.get((station, recipe), "")

    def _make(self, recorded: Recorded, seen: _Seen | None) -> StoredResult:
        result = recorded.result
        ahead = self.clock.ahead_us()
        return _stored(
            self.result_id(result.inspection_id),
            recorded.station,
            result,
            accepted_us=result.accepted_at + ahead,
            exposed_us=result.exposed_at + ahead if result.exposed_at else None,
            answered_us=self._in_order(recorded.station, result.answered_at + ahead),
            counts=recorded.counts,
            recipe_name=self.recipe_name(recorded.station, result.recipe),
            presented=recorded.presented,
            stages=_stages(result, seen.at if seen is not None else 0),
            pictures=seen.pictures if seen is not None else (),
        )

    def _in_order(self, station: str, answered_us: int) -> int:
        """After the answer before it. An answer that is much older than that one is of a clock that was set back."""
        last = self._last.get(station)
        if last is not None and last - LONGEST_WAIT_US < answered_us <= last:
            answered_us = last + 1
        self._last[station] = answered_us
        return answered_us


def _none(_: StoredResult) -> tuple[str, ...]:
    """Where there is no archive."""
    return ()


def _stages(result: Result, pictured: int) -> Stages:
    """What is known of them when the answer is there."""
    inspector_us = result.judgement.inspector_us
    if not pictured and not inspector_us:
        return NOT_NOTED
    asked = max(result.answered_at - inspector_us, pictured) if inspector_us else 0
    begin = result.accepted_at
    return _staged(pictured - begin if pictured else None, asked - begin if asked else None)


def _same(one: Result, other: Result) -> bool:
    """The answer to the same inspection; what it says may differ."""
    return (one.accepted_at, one.answered_at) == (other.accepted_at, other.answered_at)


@dataclass(frozen=True, slots=True)
class Records:
    """What a link tells of results by. `store` None: nothing is kept, only what happens now can be told."""

    registrar: Registrar
    store: ResultStore | None = None

    @classmethod
    def of_this_moment(cls) -> Self:
        """For a link that stands alone: no store, and recipes without names."""
        return cls(Registrar(0, {}))

"""What an answer is called and when it was, for everybody who tells of it: the store, the events, the methods."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Self

from gateway.core.result import Result
from gateway.ports import Recorded, ResultStore, StoredResult, result_id

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DRIFT_US = 1000
"""How far the two clocks may drift apart before they are compared anew. Finer would give one moment two times."""


TICK = timedelta(microseconds=1)
LONGEST_WAIT = timedelta(hours=1)
"""No answer waits longer for the one before it: an inspection's time-out is an hour at most."""
REMEMBERED = 1024
"""As many results as a station can hold back."""


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

    def at(self, moment: int) -> datetime:
        """The time (UTC) at this moment, in monotonic microseconds."""
        ahead = self._wall() - self._monotonic()
        if abs(ahead - self._ahead) > DRIFT_US:
            self._ahead = ahead
        return EPOCH + timedelta(microseconds=moment + self._ahead)


class Registrar:
    """Gives each answer of this run of the gateway its id, its times and its recipe's name: the same whoever asks.

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
        self._last: dict[str, datetime] = {}
        self._late = count(1)

    def result_id(self, inspection_id: int) -> str:
        """The id of what answers this inspection, also before it is answered."""
        return f"{self._ids}{inspection_id}"

    def stored(self, recorded: Recorded) -> StoredResult:
        """The answer as it is kept. Told again, and told otherwise, it is the same answer of the same moment."""
        key, result = (recorded.station, recorded.result.inspection_id), recorded.result
        known = self._known.get(key)
        if known is not None and (known.result is result or _same(known.result, result)):
            if known.result is not result or known.presented != recorded.presented:
                known = self._known[key] = replace(
                    known, result=result, counts=recorded.counts, presented=recorded.presented
                )
            return known
        known = self._known[key] = self._make(recorded)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return known

    def late(self, recorded: Recorded) -> StoredResult:
        """What came after the answer that was given, as it is kept: under an id that no answer has.

        Of several views each may be late.
        """
        made = self._make(recorded)
        return replace(made, result_id=f"{made.result_id}-late-{next(self._late)}")

    def recipe_name(self, station: str, recipe: int) -> str:
        """As the configuration has it; "" where it has none."""
        return self._recipe_names.get((station, recipe), "")

    def _make(self, recorded: Recorded) -> StoredResult:
        result = recorded.result
        return StoredResult(
            self.result_id(result.inspection_id),
            recorded.station,
            result,
            accepted=self.clock.at(result.accepted_at),
            exposed=self.clock.at(result.exposed_at) if result.exposed_at else None,
            answered=self._in_order(recorded.station, self.clock.at(result.answered_at)),
            counts=recorded.counts,
            recipe_name=self.recipe_name(recorded.station, result.recipe),
            presented=recorded.presented,
        )

    def _in_order(self, station: str, answered: datetime) -> datetime:
        """After the answer before it. An answer that is much older than that one is of a clock that was set back."""
        last = self._last.get(station)
        if last is not None and last - LONGEST_WAIT < answered <= last:
            answered = last + TICK
        self._last[station] = answered
        return answered


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

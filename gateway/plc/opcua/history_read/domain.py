"""Which results a HistoryRead asks for: start, end, count and bounding values as OPC UA Part 11 has them (4.6, 6.5.3).

A read under way is a value: `Place` says how far it has come, and `next_page` gives what follows and the place after
it. That is all that a continuation point holds, so nothing stays open between two requests.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Self

from gateway.ports import ResultQuery, ResultStore, StoredResult

TICK = timedelta(microseconds=1)
"""The store's resolution, and asyncua's."""
BEYOND = timedelta(seconds=1)
"""A bound that is missing at an open end stands that far from the last value (Part 11, table 1, a and b)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a history: when, and of which result; None: no value was found for this bound."""

    at: datetime
    stored: StoredResult | None


@dataclass(frozen=True, slots=True)
class Domain:
    """The time that is read, in reading direction from `begin` on, without what falls on `end`. None: an open end.

    `count` is the most values altogether, where one end is open, or at a time, where none is; 0: no limit.
    """

    begin: datetime
    end: datetime | None
    backward: bool
    count: int
    bounds: bool

    @classmethod
    def of(cls, start: datetime | None, end: datetime | None, count: int, *, bounds: bool) -> Self | None:
        """As the client asks; None where less than two of start, end and count are given."""
        given = (start is not None) + (end is not None) + (count > 0)
        if given < 2:
            return None
        if start is None:
            assert end is not None
            return cls(end, None, True, count, bounds)
        return cls(start, end, end is not None and end < start, count, bounds)

    @property
    def instant(self) -> bool:
        """Start and end are the same: what happened then."""
        return self.begin == self.end

    @property
    def counted_down(self) -> bool:
        """With an open end, the count is of the whole read; otherwise it is of one page."""
        return self.end is None


class Part(Enum):
    """What of a domain comes next."""

    BEGIN = 1
    VALUES = 2
    END = 3
    NOTHING = 4


@dataclass(frozen=True, slots=True)
class Place:
    """How far a read has come."""

    part: Part
    left: int
    """Values that may still come, where they are counted down."""
    after: StoredResult | None = None
    last: datetime | None = None

    @property
    def over(self) -> bool:
        return self.part is Part.NOTHING


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose results, and which of them."""

    station: str | None
    presented: bool | None = None


def beginning(domain: Domain) -> Place:
    """Where a read starts."""
    return Place(Part.BEGIN if domain.bounds else Part.VALUES, domain.count)


async def next_page(
    store: ResultStore, wanted: Wanted, domain: Domain, place: Place, most: int
) -> tuple[Sequence[Entry], Place]:
    """What follows, `most` values at most, and where that leads to. Raises SinkError where it cannot be read."""
    room = min(most, domain.count or most)
    if domain.counted_down:
        room = min(room, place.left)
    reading = _Reading(store, wanted, domain, place, room)
    while len(reading.found) < room and not reading.place.over:
        await reading.go_on()
    left = place.left - len(reading.found)
    done = reading.place.over or (domain.counted_down and left <= 0)
    return reading.found, replace(reading.place, left=left, part=Part.NOTHING if done else reading.place.part)


class _Reading:
    """One page being read."""

    def __init__(self, store: ResultStore, wanted: Wanted, domain: Domain, place: Place, room: int) -> None:
        self._store, self._wanted, self._domain, self._room = store, wanted, domain, room
        self.place = place
        self.found: list[Entry] = []

    async def go_on(self) -> None:
        match self.place.part:
            case Part.BEGIN:
                await self._begin()
            case Part.VALUES:
                await self._values()
            case _:
                await self._end()

    async def _begin(self) -> None:
        """The value at the beginning is a value like others; without one, the nearest outside of the domain is it."""
        domain = self._domain
        exactly = await self._read(domain.begin, domain.begin + TICK, 1)
        if not exactly:
            if domain.backward:
                outside = await self._read(domain.begin, None, 1, newest_first=False)
            else:
                outside = await self._read(None, domain.begin, 1, newest_first=True)
            self._take(outside[0] if outside else None, domain.begin)
        self.place = replace(self.place, part=Part.VALUES)

    async def _values(self) -> None:
        room = self._room - len(self.found)
        low, high = _limits(self._domain)
        values = await self._read(low, high, room + 1, after=self.place.after)
        for stored in values[:room]:
            self._take(stored)
            self.place = replace(self.place, after=stored)
        if len(values) <= room:
            self.place = replace(self.place, part=Part.END if self._domain.bounds else Part.NOTHING)

    async def _end(self) -> None:
        domain = self._domain
        nearest: Sequence[StoredResult] = ()
        if domain.end is not None and domain.backward:
            nearest = await self._read(None, domain.end + TICK, 1, newest_first=True)
        elif domain.end is not None:
            nearest = await self._read(domain.end + TICK if domain.instant else domain.end, None, 1)
        self._take(nearest[0] if nearest else None, domain.end)
        self.place = replace(self.place, part=Part.NOTHING)

    def _take(self, stored: StoredResult | None, at: datetime | None = None) -> None:
        if stored is not None:
            at = stored.answered
        elif at is None:
            last = self.place.last or self._domain.begin
            at = last - BEYOND if self._domain.backward else last + BEYOND
        self.found.append(Entry(at, stored))
        self.place = replace(self.place, last=at)

    async def _read(
        self,
        low: datetime | None,
        high: datetime | None,
        limit: int,
        *,
        newest_first: bool | None = None,
        after: StoredResult | None = None,
    ) -> Sequence[StoredResult]:
        order = self._domain.backward if newest_first is None else newest_first
        query = ResultQuery(self._wanted.station, low, high, order, after, limit, presented=self._wanted.presented)
        return await self._store.read(query)


def _limits(domain: Domain) -> tuple[datetime | None, datetime | None]:
    """The domain as the store takes it: from the first on, before the second."""
    if domain.backward:
        return (domain.end + TICK if domain.end is not None else None), domain.begin + TICK
    return domain.begin, (domain.begin + TICK if domain.instant else domain.end)

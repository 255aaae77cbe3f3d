"""Files in the drop that are not known to be whole yet, and when they came to be whole."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from gateway.sources.look import key_of, look
from gateway.sources.naming import natural_key
from gateway.sources.shelf import Arrival, FileKey

BATCH = 250
"""Files between two breathers: a fifth of a millisecond of the interpreter's lock."""
BREATHER_S = 0.0005
"""Long enough for the event loop's thread to get the lock that it waits for."""
GRAIN_NS = 10_000_000
"""A file's time lags by up to one kernel tick; at 100 Hz that is 10 ms."""
REST_US = 1_000_000
"""A file whose time and size stand still for so long is not read again: many times the grain of file times."""
FORGET_S = 60.0
"""A writer that rests for longer will not go on; and if it does, an event tells."""
PENDING_LIMIT = 2_000
"""Unfinished files that are followed at once; each costs 2 to 40 us a look. The others have to wait."""


def now_us() -> int:
    """The clock of `Order.accepted_at`: monotonic microseconds."""
    return time.monotonic_ns() // 1000


def arrived_at(written_ns: int, lower: int, now: int) -> int:
    """A file's time stamp (unix ns) as monotonic us, between `lower` and `now`."""
    behind = time.time_ns() - written_ns - GRAIN_NS
    return min(max(now_us() - behind // 1000, lower), now)


def in_order(arrivals: Iterable[Arrival]) -> tuple[Arrival, ...]:
    """Sorted by time. What came within one grain of each other is in the order of the files' own times, then names.

    Files are looked at in any order, and by a moment that is less exact than the camera's: of a burst, each would get
    its place by chance.
    """
    burst: list[Arrival] = []
    ordered: list[Arrival] = []
    for arrival in [*sorted(arrivals, key=lambda one: one.at), None]:
        if burst and (arrival is None or arrival.at - burst[0].at > GRAIN_NS // 1000):
            ordered += _by_file_time(burst)
            burst = []
        if arrival is not None:
            burst.append(arrival)
    return tuple(ordered)


def _by_file_time(burst: list[Arrival]) -> list[Arrival]:
    """The same moments, given out anew; no two of them are equal then."""
    files = sorted(burst, key=lambda one: (one.key.mtime_ns if one.key is not None else 0, natural_key(one.name)))
    ordered: list[Arrival] = []
    for moment, one in zip(burst, files, strict=True):
        at = max(moment.at, ordered[-1].at + 1) if ordered else moment.at
        ordered.append(replace(one, at=at))
    return ordered


@dataclass(slots=True)
class Unfinished:
    """One such file: as it was, since when it rests so, when it was last not whole, when it was written so (us)."""

    key: FileKey | None
    since: int
    lower: int
    written: int


@dataclass(slots=True)
class Pending:
    """All of them. Used by one thread."""

    folder: Path
    shared: bool
    _files: dict[str, Unfinished] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def __len__(self) -> int:
        return len(self._files)

    @property
    def full(self) -> bool:
        return len(self._files) >= PENDING_LIMIT

    def expect(self, name: str, since: int, lower: int) -> None:
        """Follow this file; at `lower` (us) it was not whole, or not there."""
        self._files[name] = Unfinished(None, since, lower, since)

    def keep(self, names: set[str]) -> None:
        """Only these are still there."""
        for name in [name for name in self._files if name not in names]:
            del self._files[name]

    def clear(self) -> None:
        self._files.clear()

    def whole(self, give_up_s: float | None) -> Iterator[Arrival]:
        """Look at all; what is whole is pending no more.

        What rests unfinished for `give_up_s` counts as arrived, and as broken. None: that may be a pause of its
        writer, and an event will tell of its end; so after FORGET_S it is only followed no more.
        """
        for count, (name, unfinished) in enumerate(list(self._files.items()), 1):
            if count % BATCH == 0:
                time.sleep(BREATHER_S)
            try:
                rested = self._rested_us(name, unfinished)
                if rested > REST_US:
                    arrival = self._give_up(name, unfinished, rested / 1e6, give_up_s)
                else:
                    arrival = self._judge(name, unfinished)
            except FileNotFoundError:
                self._files.pop(name, None)
            except OSError:  # its writer keeps it locked (Windows), or the rights are not there yet
                unfinished.lower = now_us()
            else:
                if arrival is not None:
                    del self._files[name]
                    yield arrival

    def _rested_us(self, name: str, unfinished: Unfinished) -> int:
        """For how long the file has been as it is; 0 where it has changed or was never looked at."""
        if unfinished.key is None or key_of(name, (self.folder / name).stat(), shared=self.shared) != unfinished.key:
            return 0
        return now_us() - unfinished.since

    def _give_up(self, name: str, unfinished: Unfinished, rested_s: float, give_up_s: float | None) -> Arrival | None:
        if give_up_s is not None and rested_s > give_up_s:
            return Arrival(name, unfinished.written, unfinished.key)
        if rested_s > FORGET_S:
            del self._files[name]
        return None

    def _judge(self, name: str, unfinished: Unfinished) -> Arrival | None:
        now = now_us()
        seen = look(self.folder / name, shared=self.shared)
        if seen is None:
            del self._files[name]  # a folder, or a pipe
            return None
        at = arrived_at(seen.written_ns, unfinished.lower, now)
        if seen.fault is None:
            return Arrival(name, at, seen.key)
        if seen.key != unfinished.key:
            unfinished.key, unfinished.since, unfinished.written = seen.key, now, at
        unfinished.lower = now
        return None

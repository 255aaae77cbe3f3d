"""Files in the drop that are not known to be whole yet, and when they came to be whole."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from gateway.sources.look import Look, key_of, look
from gateway.sources.shelf import Arrival, FileKey

BATCH = 500
"""Files between two breathers: well under a millisecond of the interpreter's lock."""
BREATHER_S = 0.0005
"""Long enough for the event loop's thread to get the lock that it waits for."""
GRAIN_NS = 10_000_000
"""A file's time lags by up to one kernel tick; at 100 Hz that is 10 ms."""
REST_US = 1_000_000
"""A file whose time and size stand still for so long is not read again: many times the grain of file times."""
PENDING_LIMIT = 2_000
"""Unfinished files that are followed at once; each costs 2 to 40 us a look. The others have to wait."""


def now_us() -> int:
    """The clock of `Order.accepted_at`: monotonic microseconds."""
    return time.monotonic_ns() // 1000


def arrived_at(written_ns: int, lower: int, now: int) -> int:
    """A file's time stamp (unix ns) as monotonic us, between `lower` and `now`."""
    behind = time.time_ns() - written_ns - GRAIN_NS
    return min(max(now_us() - behind // 1000, lower), now)


@dataclass(slots=True)
class Unfinished:
    """One such file: as it was, since when it is so, when it was last not whole (us)."""

    key: FileKey | None
    since: int
    lower: int


@dataclass(slots=True)
class Pending:
    """All of them. Used by one thread. A file that rests for `give_up_s` counts as broken, and as arrived."""

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
        self._files[name] = Unfinished(None, since, lower)

    def keep(self, names: set[str]) -> None:
        """Only these are still there."""
        for name in [name for name in self._files if name not in names]:
            del self._files[name]

    def clear(self) -> None:
        self._files.clear()

    def whole(self, give_up_s: float) -> Iterator[Arrival]:
        """Look at all; what is whole, or given up as broken, is pending no more."""
        for count, (name, unfinished) in enumerate(list(self._files.items()), 1):
            if count % BATCH == 0:
                time.sleep(BREATHER_S)
            try:
                arrival = self._judge(name, unfinished, give_up_s)
            except FileNotFoundError:
                del self._files[name]
            except OSError:  # its writer keeps it locked (Windows), or the rights are not there yet
                unfinished.lower = now_us()
            else:
                if arrival is not None:
                    del self._files[name]
                    yield arrival

    def _judge(self, name: str, unfinished: Unfinished, give_up_s: float) -> Arrival | None:
        path, now = self.folder / name, now_us()
        rested = now - unfinished.since
        if (
            unfinished.key is not None
            and rested > REST_US
            and key_of(name, path.stat(), shared=self.shared) == unfinished.key
        ):
            return Arrival(name, unfinished.since, unfinished.key) if rested > give_up_s * 1e6 else None
        seen = look(path, shared=self.shared)
        if seen is None:
            return None
        if not seen.fault:
            return Arrival(name, arrived_at(seen.written_ns, unfinished.lower, now), seen.key)
        _follow(unfinished, seen, now)
        return None


def _follow(unfinished: Unfinished, seen: Look, now: int) -> None:
    if seen.key != unfinished.key:
        unfinished.key, unfinished.since = seen.key, now
    unfinished.lower = now

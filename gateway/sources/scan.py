"""Looks for pictures by reading the folder: beside every watcher, and instead of one on a network share."""

import contextlib
import os
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.sources.look import Look, key_of, look, written_ns
from gateway.sources.shelf import Arrival, FileKey

BATCH = 500
"""Names between two breathers: 0.3 ms of the interpreter's lock."""
BREATHER_S = 0.0005
"""Long enough for the event loop's thread to get the lock that it waits for."""
LAZY_DUTY = 20
"""A scan is followed by a pause of this many times its own length: 5 % of a core where the folder is huge."""
EAGER_DUTY = 4
"""The same on a share, where a scan is all there is: 20 % of a core where the folder is huge."""
GRAIN_NS = 10_000_000
"""A file's time lags by up to one kernel tick; at 100 Hz that is 10 ms."""
REST_US = 1_000_000
"""A file whose time and size stand still for so long is not read again: many times the grain of file times."""
SIGN_OF_LIFE_US = 1_000_000
"""A scan with nothing to tell is reported so often, so that a hung share shows."""
RECENT_LIMIT = 32
"""Known names that are looked at again in every scan: a camera that writes the same few files over and over."""
PENDING_LIMIT = 2_000
"""Unfinished files that are followed at once; each costs 2 to 40 us a look. The others have to wait."""
NAME_LIMIT = 1_000_000
"""Names in the folder at most: 100 MB of memory."""
STOP_S = 2.0
"""How long leaving waits for a look that is under way; a hung share is left behind."""
LONG_AGO = -(2**62)


def now_us() -> int:
    """The clock of `Order.accepted_at`: monotonic microseconds."""
    return time.monotonic_ns() // 1000


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between scans, between looks at unfinished files, and until one that rests unfinished counts as broken.

    `horizon_us`: what is older is stale at first sight.
    """

    scan_s: float
    pending_s: float
    give_up_s: float
    horizon_us: int
    duty: int = LAZY_DUTY


@dataclass(frozen=True, slots=True)
class Report:
    """What a scan says: whole files (or given up as broken), stale names, why the folder cannot be read.

    `folder` tells this folder from another one that took its name.
    """

    arrivals: tuple[Arrival, ...] = ()
    stale: tuple[str, ...] = ()
    trouble: str = ""
    folder: tuple[int, int] | None = None


@dataclass(slots=True)
class Unfinished:
    """A file that is not known to be whole: as it was, since when it is so, when it was last not whole (us)."""

    key: FileKey | None
    since: int
    lower: int


@dataclass(slots=True)
class Scanner:
    """One daemon thread. Every finding goes to `report`, which is called in that thread.

    An arrival's time lies between the last moment that the file was known not to be whole and now; in between the
    file's own time stamp decides. So a share whose clock is wrong cannot make an old picture new by more than one scan.
    A file that is written again in place, without being emptied first, has its end from the start: on a share
    nobody can tell when that is whole.
    """

    name: str
    folder: Path
    shared: bool
    matches: Callable[[str], bool]
    pace: Pace
    report: Callable[[Report], None]
    _hints: "queue.SimpleQueue[tuple[str, int] | None]" = field(default_factory=queue.SimpleQueue)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _names: set[str] = field(default_factory=set)
    _recent: "OrderedDict[str, FileKey]" = field(default_factory=OrderedDict)
    _pending: dict[str, Unfinished] = field(default_factory=dict)
    _stale: list[str] = field(default_factory=list)
    _scanned: int = LONG_AGO
    _told: int = LONG_AGO
    _identity: tuple[int, int] | None = None
    _trouble: str = ""
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; the first scan comes at once."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread. Waits up to STOP_S: call it where that may be."""
        self._stopping.set()
        self.kick()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def kick(self) -> None:
        """Scan now. From any thread."""
        self._hints.put(None)

    def hint(self, name: str, at: int) -> None:
        """Something happened to this file at this moment (us): look at it now. From any thread."""
        self._hints.put((name, at))

    # ---- the thread ----

    def _run(self) -> None:
        scan_due = 0.0
        while not self._stopping.is_set():
            if time.monotonic() >= scan_due:
                scan_due = self._scan()
            else:
                self._tell(Report(self._whole(), folder=self._identity))
            pause = scan_due - time.monotonic()
            if self._wait(min(pause, self.pace.pending_s) if self._pending else pause):
                scan_due = 0.0

    def _wait(self, pause: float) -> bool:
        """Wait for hints and take in all that are there. True where a scan is asked for."""
        asked = False
        with contextlib.suppress(queue.Empty):
            hint = self._hints.get(timeout=max(pause, 0.0))
            while True:
                if hint is None:
                    asked = True
                elif len(self._pending) < PENDING_LIMIT:
                    self._pending[hint[0]] = Unfinished(None, hint[1], hint[1])
                hint = self._hints.get_nowait()
        return asked

    def _scan(self) -> float:
        """One scan; returns when the next one is due (monotonic seconds)."""
        began = time.monotonic()
        try:
            self._read_folder()
            report = Report(self._whole(), tuple(self._stale), folder=self._identity)
        except OSError as error:
            self._forget()
            report = Report(trouble=error.strerror or str(error))
        self._tell(report)
        self._stale.clear()
        ended = time.monotonic()
        return ended + max(self.pace.scan_s, (ended - began) * self.pace.duty)

    def _tell(self, report: Report) -> None:
        news = report.arrivals or report.stale or report.trouble != self._trouble
        if news or now_us() - self._told >= SIGN_OF_LIFE_US:
            self._told = now_us()
            self._trouble = report.trouble
            self.report(report)

    def _forget(self) -> None:
        self._names.clear()
        self._recent.clear()
        self._pending.clear()
        self._stale.clear()
        self._scanned, self._identity = LONG_AGO, None

    def _read_folder(self) -> None:
        began = now_us()
        status = self.folder.stat()
        identity = (status.st_dev, status.st_ino)
        if identity != self._identity:
            self._forget()
            self._identity, self._told = identity, LONG_AGO
        lower, self._scanned = self._scanned, began
        self._sort_in(self._new_names(), lower)
        for name in self._rewritten():
            self._pending[name] = Unfinished(None, began, lower)

    def _new_names(self) -> list[str]:
        seen: set[str] = set()
        new: list[str] = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                seen.add(entry.name)
                if entry.name not in self._names and entry.name not in self._pending and self.matches(entry.name):
                    new.append(entry.name)
                self._breathe(len(seen))
        self._names = seen
        for name in [name for name in self._pending if name not in seen]:
            del self._pending[name]
        return new

    def _sort_in(self, names: list[str], lower: int) -> None:
        """New names: stale ones aside, the others are to be looked at."""
        now = now_us()
        for count, name in enumerate(names, 1):
            self._breathe(count)
            if len(self._pending) >= PENDING_LIMIT:
                self._names.difference_update(names[count - 1 :])  # the next scan sees them as new again
                return
            with contextlib.suppress(OSError):  # gone already, or not to be had: no picture
                at = arrived_at(written_ns((self.folder / name).stat()), lower, now)
                if at < now - self.pace.horizon_us:
                    self._stale.append(name)
                else:
                    self._pending[name] = Unfinished(None, now, lower)

    def _breathe(self, count: int) -> None:
        if count % BATCH:
            return
        if self._stopping.is_set() or count > NAME_LIMIT:
            raise OSError(f"more than {NAME_LIMIT} files: move old ones away" if count > NAME_LIMIT else "stopped")
        time.sleep(BREATHER_S)

    def _rewritten(self) -> list[str]:
        """Known names whose files are not the ones that were reported."""
        changed: list[str] = []
        for name, key in list(self._recent.items()):
            try:
                status = (self.folder / name).stat()
            except OSError:  # gone, or not to be had: no picture; seen as new if it comes back
                del self._recent[name]
                self._names.discard(name)
                continue
            if name not in self._pending and key_of(name, status, shared=self.shared) != key:
                changed.append(name)
        return changed

    def _whole(self) -> tuple[Arrival, ...]:
        """Look at what is pending; what is whole or given up as broken is pending no more."""
        arrivals: list[Arrival] = []
        for count, (name, unfinished) in enumerate(list(self._pending.items()), 1):
            if count % BATCH == 0:
                time.sleep(BREATHER_S)
            try:
                arrival = self._judge(name, unfinished)
            except FileNotFoundError:
                del self._pending[name]
            except OSError:  # its writer keeps it locked (Windows), or the rights are not there yet
                unfinished.lower = now_us()
            else:
                if arrival is not None:
                    arrivals.append(arrival)
                    self._reported(arrival)
        return tuple(arrivals)

    def _judge(self, name: str, unfinished: Unfinished) -> Arrival | None:
        path, now = self.folder / name, now_us()
        if unfinished.key is not None and now - unfinished.since > REST_US:
            rests = key_of(name, path.stat(), shared=self.shared) == unfinished.key
            if rests:
                given_up = now - unfinished.since > self.pace.give_up_s * 1e6
                return Arrival(name, unfinished.since, unfinished.key) if given_up else None
        seen = look(path, shared=self.shared)
        if seen is None:
            return None
        if not seen.fault:
            return Arrival(name, arrived_at(seen.written_ns, unfinished.lower, now), seen.key)
        _follow(unfinished, seen, now)
        return None

    def _reported(self, arrival: Arrival) -> None:
        del self._pending[arrival.name]
        self._names.add(arrival.name)
        if arrival.key is not None:
            self._recent[arrival.name] = arrival.key
            self._recent.move_to_end(arrival.name)
        if len(self._recent) > RECENT_LIMIT:
            self._recent.popitem(last=False)


def _follow(unfinished: Unfinished, seen: Look, now: int) -> None:
    if seen.key != unfinished.key:
        unfinished.key, unfinished.since = seen.key, now
    unfinished.lower = now


def arrived_at(written: int, lower: int, now: int) -> int:
    """A file's time stamp (unix ns) as monotonic us, between `lower` and `now`."""
    behind = time.time_ns() - written - GRAIN_NS
    return min(max(now_us() - behind // 1000, lower), now)

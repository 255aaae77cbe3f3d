"""Looks for pictures by reading the folder: beside every watcher, and instead of one on a network share."""

import contextlib
import os
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from gateway.sources.look import key_of, written_ns
from gateway.sources.pending import BATCH, BREATHER_S, Pending, arrived_at, in_order, now_us
from gateway.sources.shelf import Arrival, FileKey

LAZY_DUTY = 20
"""A scan is followed by a pause of this many times its own length: 5 % of a core where the folder is huge."""
EAGER_DUTY = 4
"""The same on a share, where a scan is all there is: 20 % of a core where the folder is huge."""
EAGER_PAUSE_S = 0.5
"""And no longer pause than this: a trigger waits for what the scan finds."""
SIGN_OF_LIFE_US = 1_000_000
"""A scan with nothing to tell is reported so often, so that a hung share shows."""
RECENT_LIMIT = 32
"""Known names that are looked at again in every scan: a camera that writes the same few files over and over."""
NAME_LIMIT = 1_000_000
"""Names in the folder at most: 100 MB of memory."""
STOP_S = 2.0
"""How long leaving waits for a look that is under way; a hung share is left behind."""
LONG_AGO = -(2**62)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between scans, between looks at unfinished files, and until one that rests unfinished counts as broken.

    `horizon_us`: what is older is stale at first sight.
    """

    scan_s: float
    pending_s: float
    give_up_s: float | None
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
    _hints: "queue.SimpleQueue[Callable[[], None]]" = field(default_factory=queue.SimpleQueue)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _names: set[str] = field(default_factory=set)
    _recent: "OrderedDict[str, FileKey]" = field(default_factory=OrderedDict)
    _pending: Pending = field(init=False)
    _stale: list[str] = field(default_factory=list)
    _scanned: int = LONG_AGO
    _told: int = LONG_AGO
    _identity: tuple[int, int] | None = None
    _trouble: str = ""
    _rushed: bool = False
    _left_some: bool = False
    """The last scan saw more new files than can be followed at once."""
    _busy_since: int | None = None
    _thread: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._pending = Pending(self.folder, self.shared)

    def start(self) -> None:
        """Begin; the first scan comes at once."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Have the thread end. From any thread."""
        self._stopping.set()
        self.kick()

    def join(self) -> None:
        """Wait for the thread's end, STOP_S at most."""
        if self._thread is not None:
            self._thread.join(STOP_S)

    def kick(self, *, forget: bool = False) -> None:
        """Scan now. From any thread. `forget`: the folder may be another one, though it looks the same."""
        self._hints.put(partial(self._rush, forget))

    def hint(self, name: str, at: int) -> None:
        """Something happened to this file at this moment (us): look at it now. From any thread."""
        self._hints.put(partial(self._expect, name, at))

    def removed(self, name: str) -> None:
        """This file was taken out: whatever has its name now is new. From any thread."""
        self._hints.put(partial(self._unlearn, name))

    def silent_us(self) -> int:
        """For how long the file system has not answered; 0 while nothing is asked of it."""
        busy_since = self._busy_since
        return 0 if busy_since is None else now_us() - busy_since

    # ---- the thread ----

    def _run(self) -> None:
        scan_due = 0.0
        while not self._stopping.is_set():
            self._busy_since = now_us()
            if self._rushed or time.monotonic() >= scan_due:
                self._rushed = False
                scan_due = self._scan()
            else:
                self._tell(Report(self._whole(), folder=self._identity, trouble=self._trouble))
            self._busy_since = None
            pause = scan_due - time.monotonic()
            self._wait(min(pause, self.pace.pending_s) if self._pending else pause)

    def _wait(self, pause: float) -> None:
        """Wait for what others have to say, and take in all of it."""
        with contextlib.suppress(queue.Empty):
            self._hints.get(timeout=max(pause, 0.0))()
            while True:
                self._hints.get_nowait()()

    def _rush(self, forget: bool) -> None:
        self._rushed = True
        if forget:
            self._forget()

    def _expect(self, name: str, at: int) -> None:
        if not self._pending.full:
            self._pending.expect(name, at, at)

    def _unlearn(self, name: str) -> None:
        self._names.discard(name)
        self._recent.pop(name, None)

    def _scan(self) -> float:
        """One scan; returns when the next one is due (monotonic seconds)."""
        began = time.monotonic()
        try:
            self._read_folder()
            report = Report(self._whole(), tuple(self._stale), folder=self._identity)
        except OSError as error:
            if self._stopping.is_set():
                return began
            self._forget()
            report = Report(trouble=error.strerror or str(error))
        self._tell(report)
        self._stale.clear()
        ended = time.monotonic()
        if self._left_some and not self._pending.full:  # those were whole: the next can be looked at now
            return ended
        pause = (ended - began) * self.pace.duty
        return ended + max(self.pace.scan_s, min(pause, EAGER_PAUSE_S) if self.pace.duty == EAGER_DUTY else pause)

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
            self._pending.expect(name, began, lower)

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
        self._pending.keep(seen)
        return new

    def _sort_in(self, names: list[str], lower: int) -> None:
        """New names: stale ones aside, the others are to be looked at."""
        now = now_us()
        self._left_some = False
        for count, name in enumerate(names, 1):
            self._breathe(count)
            if self._pending.full:
                self._left_some = True
                self._names.difference_update(names[count - 1 :])
                self._scanned = lower  # so that the next scan sees them as new again, and as no newer than now
                return
            with contextlib.suppress(OSError):  # gone already, or not to be had: no picture
                at = arrived_at(written_ns((self.folder / name).stat()), lower, now)
                if at < now - self.pace.horizon_us:
                    self._stale.append(name)
                else:
                    self._pending.expect(name, now, lower)

    def _breathe(self, count: int) -> None:
        if count % BATCH:
            return
        self._busy_since = now_us()
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
            if name not in self._pending and not key_of(name, status, shared=self.shared).same_writing(key):
                changed.append(name)
        return changed

    def _whole(self) -> tuple[Arrival, ...]:
        arrivals = in_order(self._pending.whole(self.pace.give_up_s))
        for arrival in arrivals:
            self._reported(arrival)
        return arrivals

    def _reported(self, arrival: Arrival) -> None:
        self._names.add(arrival.name)
        if arrival.key is not None:
            self._recent[arrival.name] = arrival.key
            self._recent.move_to_end(arrival.name)
        if len(self._recent) > RECENT_LIMIT:
            self._recent.popitem(last=False)

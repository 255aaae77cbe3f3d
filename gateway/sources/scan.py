"""Looks for pictures by reading the folder: beside every watcher, and instead of one on a network share."""

import contextlib
import logging
import os
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.sources.look import Look, key_of, look
from gateway.sources.shelf import Arrival, FileKey

log = logging.getLogger(__name__)

BATCH = 500
"""Names between two breathers: 0.3 ms of the interpreter's lock."""
BREATHER_S = 0.0005
"""Long enough for the event loop's thread to get the lock that it waits for."""
DUTY = 20
"""A scan is followed by a pause of this many times its own length: 5 % of a core where the folder is huge."""
FAST_DUTY = 4
"""The same on a share, where a scan is all there is: 20 % of a core where the folder is huge."""
GRAIN_NS = 10_000_000
"""A file's time lags by up to one kernel tick; at 100 Hz that is 10 ms."""
RECENT_LIMIT = 32
"""Known names that are looked at again in every scan: a camera that writes the same few files over and over."""
PENDING_LIMIT = 2_000
"""Unfinished files that are followed at once; each costs 40 us a look."""
NAME_LIMIT = 1_000_000
"""Names in the folder at most: 100 MB of memory."""
STOP_S = 2.0
"""How long leaving waits for a look that is under way; a hung share is left behind."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between scans, between looks at unfinished files, and until one that rests unfinished counts as broken."""

    scan_s: float
    pending_s: float
    give_up_s: float
    duty: int = DUTY


@dataclass(frozen=True, slots=True)
class Report:
    """What a scan says. `trouble` is why the folder cannot be read; `folder` tells one folder of this name from another."""

    arrivals: tuple[Arrival, ...] = ()
    trouble: str = ""
    folder: tuple[int, int] | None = None


@dataclass(slots=True)
class Unfinished:
    """A file that is not whole yet: as it was, since when it rests so, when it was last seen unfinished (us)."""

    key: FileKey | None
    since: int
    seen: int


@dataclass(slots=True)
class Scanner:
    """One daemon thread. Every finding goes to `report`, which is called in that thread.

    An arrival's time lies between the last moment that the file was known not to be whole and now; in between the
    file's own time stamp decides. So a share whose clock is wrong cannot make an old picture new by more than one scan.
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
    _scanned: int = 0
    _identity: tuple[int, int] | None = None
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; the first scan comes at once."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread. Waits up to STOP_S: call it where that may be."""
        self._stopping.set()
        self._hints.put(None)
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
                self._follow()
            pause = scan_due - time.monotonic()
            if self._pending:
                pause = min(pause, self.pace.pending_s)
            if self._wait(pause):
                scan_due = 0.0

    def _wait(self, pause: float) -> bool:
        """Wait for hints; take in those that are there. True where a scan is asked for."""
        asked = False
        with contextlib.suppress(queue.Empty):
            hint = self._hints.get(timeout=max(pause, 0.0))
            while True:
                if hint is None:
                    asked = True
                else:
                    self._await(*hint)
                hint = self._hints.get_nowait()
        return asked

    def _await(self, name: str, at: int) -> None:
        if self._names or self._scanned:
            self._names.add(name)
        self._recent.pop(name, None)
        if len(self._pending) < PENDING_LIMIT:
            self._pending[name] = Unfinished(None, at, at)

    def _scan(self) -> float:
        """One scan; returns when the next one is due (monotonic seconds)."""
        began = time.monotonic()
        try:
            report = self._read_folder()
        except OSError as error:
            self._forget()
            report = Report(trouble=f"{error.strerror or error}")
        self.report(report)
        ended = time.monotonic()
        return ended + max(self.pace.scan_s, (ended - began) * self.pace.duty)

    def _read_folder(self) -> Report:
        began = now_us()
        status = self.folder.stat()
        identity = (status.st_dev, status.st_ino)
        if identity != self._identity:
            self._forget()
            self._identity = identity
        lower, self._scanned = self._scanned, began
        for name in self._new_names():
            if len(self._pending) < PENDING_LIMIT or not self._stale(name):
                self._pending[name] = Unfinished(None, began, lower)
        for name in self._changed():
            self._pending[name] = Unfinished(None, began, lower)
        return Report(self._whole(), folder=identity)

    def _new_names(self) -> list[str]:
        seen: set[str] = set()
        new: list[str] = []
        with os.scandir(self.folder) as entries:
            for entry in entries:
                seen.add(entry.name)
                if entry.name not in self._names and entry.name not in self._pending and self.matches(entry.name):
                    new.append(entry.name)
                if len(seen) % BATCH == 0:
                    self._breathe(len(seen))
        self._names = seen
        for name in [name for name in self._pending if name not in seen]:
            del self._pending[name]
        return new

    def _breathe(self, count: int) -> None:
        if count > NAME_LIMIT:
            raise OSError(f"more than {NAME_LIMIT} files; move old ones away")
        if self._stopping.is_set():
            raise OSError("stopped")
        time.sleep(BREATHER_S)

    def _changed(self) -> list[str]:
        """Known names that have been written again since they were reported."""
        changed: list[str] = []
        for name, key in list(self._recent.items()):
            try:
                status = (self.folder / name).stat()
            except OSError:  # gone, or not to be had: no picture of this name
                del self._recent[name]
                self._names.discard(name)
                continue
            if key_of(name, status, shared=self.shared) != key:
                changed.append(name)
        return changed

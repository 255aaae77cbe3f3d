"""The archive's thread: takes what the event loop has queued, makes room for it, and writes it."""

import errno
import logging
import shutil
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from gateway.ports import StoredResult
from gateway.sinks.archive_files import Files, Job, files_of, write
from gateway.sinks.archive_names import hour_of
from gateway.sinks.archive_shelf import Amount, Shelf

log = logging.getLogger(__name__)

RETRY_S = 1.0
"""Pause after a failure; what could not be written is tried again."""
TIDY_S = 60.0
"""So often what has become too old is looked for where nothing new comes."""
DROPPED_AT_ONCE = 50
"""Entries that one new image may push out: where a limit was lowered, new ones must not wait for all of it."""
STOP_S = 2.0
"""How long what is queued may still be written when the gateway stops."""
_ITS_OWN_FAULT = frozenset({errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ})
"""Errors that another image would not meet."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is kept; 0: no limit. `free_bytes` is what the disk keeps for others."""

    days: int = 0
    images: int = 0
    bytes: int = 0
    free_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Room:
    """What may wait to be written, in images and in bytes."""

    images: int
    bytes: int


Written = Callable[[StoredResult, bool], None]


@dataclass(frozen=True, slots=True)
class ArchiveBooks:
    """Since the start of the gateway. `fault`: why images are not kept now; empty where they are."""

    kept: int
    lost: int
    lost_of: Mapping[str, int]
    """The same by station."""
    waiting: int
    fault: str
    kept_bytes: int
    images: int
    """That lie in the folder, with those of earlier starts once it is open; `bytes` with their side files."""
    bytes: int


class ArchiveWriter:
    """`put` from the event loop; `run` is the thread, `stop` ends it. Both call `changed` where the books say more.

    `written` hears of each job in the end, on either thread: whether its images are on the disk, or lost.
    """

    def __init__(self, folder: Path, limits: Limits, room: Room, changed: Callable[[], None], written: Written) -> None:
        self._limits, self._room, self._changed, self._written = limits, room, changed, written
        self._shelf = Shelf(folder)
        self._opened = False
        self._lock = threading.Lock()
        """For the queue with its sum, and for the books; held for some lines only."""
        self._queue: deque[Job] = deque()
        self._waiting = Amount()
        self._kept = 0
        self._kept_bytes = 0
        self._lost = Counter[str]()
        self._trouble = ""
        self._overflow = False
        self._hurry = threading.Event()
        self._stopping = threading.Event()
        self._deadline = 0.0
        self._tidy_at = 0.0

    @property
    def books(self) -> ArchiveBooks:
        with self._lock:
            overflow = "images come faster than they can be written" if self._overflow else ""
            held = self._shelf.total
            return ArchiveBooks(
                self._kept,
                self._lost.total(),
                dict(self._lost),
                self._waiting.images,
                self._trouble or overflow,
                self._kept_bytes,
                held.images,
                held.bytes,
            )

    def put(self, job: Job) -> None:
        """Queue it; count its images as lost where there is no room. Never waits for the disk."""
        more = Amount(len(job.pictures), job.bytes)
        with self._lock:
            waiting = self._waiting
            full = waiting.images + more.images > self._room.images or waiting.bytes + more.bytes > self._room.bytes
            began = full and not self._overflow
            if full:
                self._lost[job.stored.station] += more.images
                self._overflow = True
            else:
                self._queue.append(job)
                waiting.add(more)
        if began:
            log.error("archive: %d images wait to be written, no more have room: they are lost", waiting.images)
        if full:
            self._changed()
            self._written(job.stored, False)

    def wake(self) -> None:
        """Have the thread look into the queue."""
        self._hurry.set()

    def stop(self) -> None:
        """Have the thread end once everything is written, or after STOP_S."""
        self._deadline = time.monotonic() + STOP_S
        self._stopping.set()
        self._hurry.set()

    def give_up(self, error: Exception) -> None:
        """The thread has crashed, and is not running: nothing is kept until it runs again."""
        with self._lock:
            self._trouble = f"{type(error).__name__}: {error}"
        self._changed()

    # ---- the thread ----------------------------------------------------------------------------------------

    def run(self) -> None:
        while not self._over():
            if not self._queue:
                self._hurry.wait(self._pause())
            self._hurry.clear()
            self._attempt()
        if self._opened:
            try:
                self._shelf.save()
            except OSError as error:
                log.warning("archive: what it holds cannot be noted, it is counted at the next start: %s", error)

    def _over(self) -> bool:
        if not self._stopping.is_set():
            return False
        if self._queue and not self._trouble and time.monotonic() < self._deadline:
            return False
        if self._queue:
            log.error("archive: the gateway stops; %d images were not written and are lost", self.books.waiting)
            for job in self._queue:
                self._written(job.stored, False)
        return True

    def _pause(self) -> float:
        return max(0.0, self._tidy_at - time.monotonic()) if self._opened else 0.0

    def _attempt(self) -> None:
        """Write what is queued. After a failure of the disk, rest; the job stays the first one."""
        try:
            if not self._opened:
                self._shelf.open()
                self._opened = True
            self._work()
        except OSError as error:
            self._fail(f"{error.filename or self._shelf.folder}: {error.strerror or error}")
        except Exception as error:
            log.exception("archive: a fault of the gateway itself")
            self._fail(f"{type(error).__name__}: {error}")
        else:
            self._recover()

    def _work(self) -> None:
        while self._queue and not self._late():
            job = self._queue[0]
            self._keep(job)
            self._recover()
        if time.monotonic() >= self._tidy_at:
            self._tidy_at = time.monotonic() + (0.0 if self._make_room(0, 0) else TIDY_S)

    def _late(self) -> bool:
        return self._stopping.is_set() and time.monotonic() >= self._deadline

    def _keep(self, job: Job) -> None:
        """Written, or refused for its own fault; in both cases it leaves the queue. Raises OSError for the disk's."""
        kept = len(job.pictures)
        try:
            self._write(job, files_of(job))
        except Exception as error:
            if isinstance(error, OSError) and error.errno not in _ITS_OWN_FAULT:
                raise
            # Whatever a picture may hold that cannot be kept: the others are.
            log.exception("archive: the images of %s cannot be kept", job.stored.result_id, extra=job.stored.about)
            kept = 0
        self._done(job, kept)
        self._written(job.stored, bool(kept))
        if not kept:
            self._changed()

    def _write(self, job: Job, files: Files) -> None:
        images, size = len(files) - 1, sum(memoryview(data).nbytes for _, data in files)
        self._make_room(images, size)
        if self._limits.free_bytes and self._free() - size < self._limits.free_bytes:
            raise OSError(errno.ENOSPC, f"less than {self._limits.free_bytes // 1_000_000} MB would be free")
        hour = hour_of(job.stored)
        write(self._shelf.folder / hour, files)
        self._shelf.add(hour, Amount(images, size))

    def _done(self, job: Job, kept: int) -> None:
        count = len(job.pictures)
        with self._lock:
            self._queue.popleft()
            self._waiting.add(Amount(count, job.bytes), -1)
            self._kept += kept
            self._kept_bytes += job.bytes if kept else 0
            self._lost[job.stored.station] += count - kept

    def _make_room(self, images: int, size: int) -> bool:
        """Drop the oldest until so much more fits; whether more had to go than may at once."""
        for _ in range(DROPPED_AT_ONCE):
            if not self._too_much(images, size) or not self._shelf.drop_oldest():
                return False
        return True

    def _too_much(self, images: int, size: int) -> bool:
        limits, total = self._limits, self._shelf.total
        if limits.images and total.images + images > limits.images:
            return True
        if limits.bytes and total.bytes + size > limits.bytes:
            return True
        if limits.free_bytes and self._free() - size < limits.free_bytes:
            return True
        return bool(limits.days) and self._shelf.older_than(datetime.now(UTC) - timedelta(days=limits.days))

    def _free(self) -> int:
        return shutil.disk_usage(self._shelf.folder).free

    def _fail(self, trouble: str) -> None:
        with self._lock:
            began, self._trouble = trouble != self._trouble, trouble
        if began:
            log.error("archive: images cannot be written: %s", trouble)
            self._changed()
        self._stopping.wait(RETRY_S)

    def _recover(self) -> None:
        """Nothing is wrong any more once images are written, and the queue has room for as many as wait."""
        with self._lock:
            room = self._waiting.images * 2 <= self._room.images and self._waiting.bytes * 2 <= self._room.bytes
            ended = bool(self._trouble) or (self._overflow and room)
            self._trouble = ""
            self._overflow = self._overflow and not room
            lost = self._lost.total()
        if ended:
            log.warning("archive: images are written again; %d were lost", lost)
            self._changed()

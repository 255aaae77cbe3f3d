"""Puts results into the history's database: queued at once, written in groups, by a thread of its own."""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.core.errors import SinkError
from gateway.ports import StoredResult
from gateway.sinks.history_books import HistoryBooks
from gateway.sinks.history_later import Later
from gateway.sinks.history_pace import ASIDE_S, GATHER_S, GATHER_SAFE_S, GROUP, NOTES_S, QUEUED, STOP_S
from gateway.sinks.history_place import Place
from gateway.sinks.history_probe import Probe
from gateway.sinks.history_queue import Known, Noted, Queue, Taken, Told
from gateway.sinks.history_retention import Retention, Tidiness
from gateway.sinks.history_retries import Retries

if TYPE_CHECKING:
    from gateway.sinks.history_database import Database

log = logging.getLogger(__name__)


class Writer:
    """`put`, `keep` and `note` from the event loop; `run` is the thread, `stop` ends it. No failure reaches `put`.

    Results that find no place in the queue are lost and counted; what is queued is tried again until it is written.
    `safe`: what is kept is written at once, not in GATHER_S. `tell` calls back on the event loop; `written` is told by
    the thread what is through, where somebody else has it as well, and `ill` why nothing can be written, "" when it can
    be again.
    """

    def __init__(
        self,
        place: Place,
        retention: Retention,
        tell: Callable[[Sequence[Told], bool], None],
        *,
        safe: bool = False,
        written: Callable[[Sequence[StoredResult]], None] = lambda _: None,
        ill: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._place, self._written, self._ill = place, written, ill
        self._probe = Probe()
        self._tidiness = Tidiness(retention)
        self._tell = tell
        self._safe = safe
        self._queue = Queue()
        self.later = Later()
        """What is learnt of results after their answers."""
        self._put = self._settled = self._overflowed = self._refused = self._returned = 0
        self._unsettled = threading.Condition()
        self._hurry = threading.Event()
        self._stopping = threading.Event()
        self._last_turn = False
        """One was made since it was to stop: what is left for later was done."""
        self._deadline = 0.0
        self._notes_at = 0.0
        self._fault = ""
        self._retries = Retries(soon=safe)
        self.database: Database | None = None
        """Open while the thread runs and nothing is wrong. Only a database in memory may be used by others."""
        self.identity = ""
        """Of the database that was opened last."""
        self.opened = 0
        """Grows each time that a database is opened: who has one of an earlier number opens another one."""

    @property
    def mark(self) -> int:
        """What `settle` takes: everything put so far."""
        return self._put

    @property
    def books(self) -> HistoryBooks:
        stored = self._settled - self._refused - self._returned
        return HistoryBooks(stored, self._overflowed + self._refused, len(self._queue), self._fault)

    def put(self, stored: StoredResult, *, amends: bool = False) -> None:
        """Queue a result, unless it was to be kept already; count it where there is no place.

        `amends`: the database may have it already, with other words.
        """
        match self._queue.known(stored):
            case Known.AS_IT_IS:
                return
            case Known.OTHERWISE:
                self._put += 1
                return
        if len(self._queue) >= QUEUED:
            if not self._overflowed:
                log.error("history: %d results wait to be written, there is no place for more: they are lost", QUEUED)
            self._overflowed += 1
            return
        self._queue.append(stored, amends=amends)
        self._put += 1

    def keep(self, stored: StoredResult, told: Told) -> bool:
        """Queue a result that somebody waits for; say at once where it cannot be written now. Whether it is alone."""
        waiting = len(self._queue)
        if self._fault or self._stopping.is_set() or waiting >= QUEUED:
            self._tell([told], False)
            return False
        self._queue.keep(stored, told)
        self._put += 1
        self._hurry.set()
        return not waiting

    def kept(self, stored: StoredResult) -> tuple[Any, ...] | None:
        """Its row, where this was to be kept and the same answer is in the database."""
        return self._queue.written_row(stored)

    def note(self, station: str, note: Callable[[], bytes], *, paged: bool = False) -> None:
        """Have this remembered of a station. `paged`: it is in its page already, so the database has time.

        `note` makes it, see history_notes; the thread calls it.
        """
        self._queue.note(Noted(station, note, not paged))

    def settle(self, mark: int, timeout_s: float) -> bool:
        """Wait until all that was put before `mark` is in the database; not longer, and not while nothing can be.

        False: something of it still waits.
        """
        self._hurry.set()
        with self._unsettled:
            self._unsettled.wait_for(lambda: self._fault or (self.database and self._settled >= mark), timeout_s)
            return self._settled >= mark

    def stop(self) -> None:
        """Have the thread end once everything is written, or after STOP_S."""
        self._deadline = time.monotonic() + STOP_S
        self._stopping.set()
        self._hurry.set()

    def give_up(self, error: Exception) -> None:
        """The thread has crashed, and is not running: nothing can be kept until it runs again."""
        self._fail(SinkError(f"{type(error).__name__}: {error}"))

    # ---- the thread ----------------------------------------------------------------------------------------

    def run(self) -> None:
        try:
            self._attempt(self._open)
            while not self._over():
                self._rest()
                self._attempt(self._work)
        finally:
            self._close()

    def _over(self) -> bool:
        if not self._stopping.is_set():
            return False
        done = self._queue.idle and not self.later and (self._last_turn or self._fault)
        if not done and time.monotonic() < self._deadline:
            return False
        if self._queue:
            text = "history: the gateway stops; %d results could not be written and are lost, unless a page has them"
            log.error(text, len(self._queue))
        return True

    def _rest(self) -> None:
        """Until more may have come, or it is time to try again."""
        if self._fault:
            self._stopping.wait(self._retries.left_s)
            time.sleep(GATHER_S)
        elif not self._stopping.is_set():
            self._hurry.wait(GATHER_SAFE_S if self._safe else GATHER_S)
        self._hurry.clear()

    def _attempt(self, act: Callable[[], None]) -> None:
        try:
            self._mended(act)
        except SinkError as error:
            self._fail(error)
        except Exception as error:
            log.exception("history: a fault of the gateway itself")
            self._fail(SinkError(f"{type(error).__name__}: {error}"))
        else:
            self._recover()

    def _fail(self, error: SinkError) -> None:
        before = self._fault
        if str(error) != before:
            log.error("history: results cannot be written: %s%s", error, f" ({error.hint})" if error.hint else "")
        self._probe.failed()
        with self._unsettled:
            self._fault = str(error)
            self._unsettled.notify_all()
        if not before:
            self._ill(str(error))
        self._retries.failed()
        waited = self._queue.give_up_waiting()
        self._returned += len(waited)
        self._settled += len(waited)
        self._tell(waited, False)

    def _recover(self) -> None:
        before, self._fault = self._fault, ""
        if before:
            log.warning("history: results are written again; %d were lost", self._overflowed + self._refused)
            self._ill("")
        self._retries.succeeded()

    def _mended(self, act: Callable[[], None]) -> None:
        """Where the file turns out to be damaged, a new one begins; what is queued is written there."""
        try:
            act()
        except SinkError as error:
            from gateway.sinks.history_file import DamagedError, move_aside

            if not isinstance(error, DamagedError) or not isinstance(self._place, Path):
                raise
            self._close()
            log.error("history: %s; moved to %s, and a new one begins", error, move_aside(self._place))
            self._open()

    def _open(self) -> None:
        from gateway.sinks.history_database import Database  # here: SQLAlchemy takes 0.3 s that nobody waits for

        database = Database.made(self._place)
        self.identity = database.identity
        with self._unsettled:
            self.database, self.opened = database, self.opened + 1
            self._unsettled.notify_all()
        if self._safe:
            database.hasten()

    def _work(self) -> None:
        if self.database is None:
            self._open()
        last = self._stopping.is_set()
        learnt = self.later.due(now=last)
        while self._queue or self._notes_are_due():
            self._notes_at = time.monotonic() + NOTES_S
            self._write(*self._queue.take(GROUP))
        if learnt and self.database is not None:
            self.database.amend(learnt)
            self.later.written(learnt)
        assert self.database is not None
        self.database.catch_up(now=last)
        self._last_turn = last
        self._tidiness.see_to(self.database)
        if self._place is not None:
            self._probe.see_to(self.database)

    def _notes_are_due(self) -> bool:
        if self._queue.urgent or self._stopping.is_set():
            return not self._queue.idle
        return not self._queue.idle and time.monotonic() >= self._notes_at

    def _write(self, group: list[Taken], notes: list[Noted]) -> None:
        try:
            self._commit(group, notes)
        except SinkError:
            raise
        except Exception:
            # Whatever a result may hold that cannot be kept: the others are.
            if len(group) > 1:
                for taken in group:
                    self._write([taken], [])
                return
            if not group:
                raise
            log.exception("history: a result cannot be kept: %r", group[0].stored, extra=group[0].stored.about)
            self._refused += 1
            self._written([one.stored for one in group])
            self._settle(1, self._queue.refuse(group[0]), ok=False)
            return
        count, told = self._queue.written(group, notes)
        self._settle(count, told, ok=True)
        self._written([one.stored for one in group])
        self._probe.written()

    def _commit(self, group: list[Taken], notes: list[Noted]) -> None:
        from gateway.sinks.history_rows import written

        assert self.database is not None
        transaction = written(group, notes, durable=self._safe and bool(group))
        self.database.put(transaction)
        for taken, row in zip(group, transaction.rows, strict=True):
            taken.entry.row = row

    def _settle(self, count: int, told: list[Told], *, ok: bool) -> None:
        self._tell(told, ok)
        if told and not self._queue:
            self._hurry.wait(ASIDE_S)
        self._tidiness.more(count)
        with self._unsettled:
            self._settled += count
            self._unsettled.notify_all()

    def _close(self) -> None:
        database, self.database = self.database, None
        if database is not None:
            database.close()

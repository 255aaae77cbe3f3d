"""The history: every answer, kept over restarts, and read back.

A ports.Journal, a ports.ResultSink and a ports.ResultStore.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Self, TypeVar

from gateway.core.errors import SinkError
from gateway.core.resume import Memory
from gateway.ports import Recorded, ResultQuery, StoredResult, Wait
from gateway.records import Registrar
from gateway.sinks.history_books import HistoryBooks
from gateway.sinks.history_names import Names
from gateway.sinks.history_notes import note_of
from gateway.sinks.history_pace import STOP_S
from gateway.sinks.history_place import Place, Server
from gateway.sinks.history_queue import Told
from gateway.sinks.history_retention import Retention
from gateway.sinks.history_tidings import Tidings
from gateway.sinks.history_writer import Writer
from gateway.sinks.pages import Pages
from gateway.standing import StandingThread
from gateway.worker import Worker

if TYPE_CHECKING:
    from gateway.sinks.acceptance import Paged
    from gateway.sinks.history_database import Database
    from gateway.sinks.history_recall import Recalled

log = logging.getLogger(__name__)

T = TypeVar("T")

READS = 64
"""Questions that may wait; more are refused."""
SETTLE_S = 2.0
"""How long a question waits for the database to open, and for results that were put before it to be written."""
RECALL_S = 30.0
"""How long a start waits for the database to open: to begin at 0 would give numbers twice. No reason is a bad file."""
RECALL_AGAIN_S = 0.2
_MARGIN_S = 0.5


class History:
    """Enter it to write and read; `put` never waits. `place` None: in memory, until the gateway ends.

    A file that cannot be written, or is none of ours, keeps nobody from starting: it is logged, results wait and are
    tried again, and questions are answered with a SinkError meanwhile. What a station shows outlives a kill of the
    gateway by its page in `pages`, also where the database has it not yet.
    """

    def __init__(
        self,
        registrar: Registrar,
        place: Place,
        retention: Retention,
        *,
        safe: bool = False,
        pages: Pages | None = None,
    ) -> None:
        self._registrar = registrar
        self._place = place
        self._names = Names(self._result_id, registrar.clock.unix_us)
        self._pages = pages or Pages(None)
        self._revisions: dict[str, int] = {}
        self._tidings = Tidings()
        written, ill = self._pages.written, partial(self._on_loop, self._show_fault)
        self._writer = Writer(place, retention, self._tell, safe=safe, written=written, ill=ill)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._earlier: dict[tuple[str, int], str] = {}
        self._writing = StandingThread("history-writer", self._writer.run, self._writer.give_up)
        self._reading = Worker("history-reader", farewell=self._close_own)
        self._waited = False
        self._asked = 0
        self._answered = 0
        self._own: Database | None = None
        self._own_number = 0
        self._last_fault = ""
        self._why_ill = ""
        self._listeners: list[Callable[[str], None]] = []

    @property
    def books(self) -> HistoryBooks:
        """What was written and lost so far."""
        return self._writer.books

    @property
    def restarts(self) -> int:
        """How often the writing thread was begun anew after a crash."""
        return self._writing.restarts

    @property
    def busy(self) -> int:
        """Questions that wait, or are being answered."""
        return self._asked - self._answered

    def on_fault(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call back on the event loop with why results cannot be written, and with "" when they can be again.

        At once where they cannot be now. Returns what ends that.
        """
        self._listeners.append(listener)
        if self._why_ill:
            listener(self._why_ill)
        return lambda: self._listeners.remove(listener)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._writing.start()
        self._reading.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._reading.dismiss()
        await self._reading.wait_ended()
        self._writer.stop()
        await self._writing.stop(STOP_S + _MARGIN_S)
        self._pages.close()

    def put(self, recorded: Recorded) -> None:
        self._writer.put(self._registrar.stored(recorded))

    def keep(self, recorded: Recorded, kept: Callable[[bool], None]) -> Wait | None:
        alone = self._writer.keep(self._registrar.stored(recorded), kept)
        return self._tidings.wait if alone and not isinstance(self._place, Server) else None  # no server is that fast

    def late(self, recorded: Recorded) -> None:
        self._writer.put(self._registrar.late(recorded))

    def note(self, station: str, memory: Memory, answers: Sequence[Recorded] = ()) -> None:
        revision = self._revisions[station] = self._revisions.get(station, 0) + 1
        if not self._pages.has(station):
            self._writer.note(station, lambda: note_of(station, memory, self._names, revision))
            return
        for recorded in answers:
            stored = self._registrar.stored(recorded)
            if (kept := self._writer.kept(stored)) is None:
                self._pages.answer(stored)
            else:
                self._pages.owe(stored, kept)
        note, owed = note_of(station, memory, self._names, revision), self._names.owed(station, memory)
        paged = self._pages.note(station, self._writer.identity, note, owed)
        self._writer.note(station, lambda: note, paged=paged)

    def passed(self, station: str, inspection_id: int, stage: str, at: int) -> None:
        """A stage after the answer is over, `shown` or `acknowledged`, at this monotonic microsecond.

        Of answers from before the last start this is not kept.
        """
        if (stored := self._registrar.known(station, inspection_id)) is not None:
            self._writer.later.put(station, stored.result_id, f"{stage}_us", at - stored.result.accepted_at)

    def images_kept(self, stored: StoredResult, kept: bool) -> None:
        """The archive has written the images of this result, or lost them. From any thread."""
        self._writer.later.put(stored.station, stored.result_id, "images_kept", kept)

    async def recall(self, stations: Sequence[str], *, offer_again: bool) -> dict[str, Memory]:
        """What each station goes on with (H31). Empty where nothing can be known: in memory, or in a broken file.

        Accepted triggers without an answer get it here, in the history too.
        """
        if self._place is None:
            return {}
        memories: dict[str, Memory] = {}
        for station in stations:
            found = await self._recall_one(station)
            if found is None:
                continue
            self._revisions[station] = found.revision
            for answer in found.answers:
                self._pages.answer(answer)
                self._writer.put(answer, amends=True)
            for owed in found.owed:
                self._pages.owe(owed)
            self._earlier |= {(station, one.result.inspection_id): one.result_id for one in found.owed}
            memories[station] = found.memory if offer_again else found.memory._replace(owed=())
        return memories

    async def check_open(self) -> None:
        """Raise SinkError where it cannot be opened."""
        await self._patiently(lambda _: None)

    async def _recall_one(self, station: str) -> "Recalled | None":
        paged = await self._reading.submit(partial(self._pages.open, station))
        try:
            return await self._patiently(partial(self._recalled, station, paged))
        except SinkError as error:
            if paged is None:
                log.error("%s: what was before the restart cannot be read: its numbers begin at 0: %s", station, error)
                return None
            log.error("%s: what was before the restart is known by the acceptance page alone: %s", station, error)
            return await self._reading.submit(partial(_recalled_alone, station, self._registrar, paged))

    async def _patiently(self, question: Callable[["Database"], T]) -> T:
        """A server that starts together with the gateway, after a power failure, gets its time; once for all."""
        patience_s = RECALL_S if isinstance(self._place, Server) and not self._waited else 0.0
        deadline = time.monotonic() + patience_s
        while True:
            try:
                return await self._ask(question, patience_s=RECALL_S)
            except SinkError:
                if time.monotonic() >= deadline:
                    self._waited = True
                    raise
            await asyncio.sleep(RECALL_AGAIN_S)

    def _result_id(self, station: str, inspection_id: int) -> str:
        """Also of what was answered before the restart."""
        return self._earlier.get((station, inspection_id)) or self._registrar.result_id(inspection_id)

    def _tell(self, told: Sequence[Told], ok: bool) -> None:
        """From the writing thread: those who wait hear on the loop whether their result is kept."""
        if told:
            self._tidings.tell(told, ok)
            self._on_loop(self._tidings.hear)

    def _show_fault(self, why: str) -> None:
        self._why_ill = why
        for listener in tuple(self._listeners):
            listener(why)

    def _on_loop(self, callback: Callable[..., None], *told: Any) -> None:
        if self._loop is None or self._loop.is_closed():
            return
        try:
            self._loop.call_soon_threadsafe(callback, *told)
        except RuntimeError as error:  # closed between the two lines
            log.debug("history: nobody left to tell: %s", error)

    async def find(self, station: str, result_id: str) -> StoredResult | None:
        return await self._ask(lambda database: database.find(station, result_id))

    async def read(self, query: ResultQuery) -> Sequence[StoredResult]:
        return await self._ask(lambda database: database.read(query), complete=query.complete)

    async def _ask(
        self, question: Callable[["Database"], T], patience_s: float = SETTLE_S, *, complete: bool = False
    ) -> T:
        if self.busy >= READS:
            raise SinkError("history: too many questions at once", hint="ask again")
        self._asked += 1
        mark = self._writer.mark
        return await self._reading.submit(lambda: self._answer(mark, question, patience_s, complete=complete))

    # ---- the reading thread --------------------------------------------------------------------------------

    def _answer(self, mark: int, question: Callable[["Database"], T], patience_s: float, *, complete: bool) -> T:
        try:
            settled = self._writer.settle(mark, patience_s)
            if complete and not settled:
                raise SinkError(f"history: results wait to be written: {self._writer.books.fault or 'it takes long'}")
            return question(self._database())
        except SinkError as error:
            if str(error) != self._last_fault:
                log.warning("history: cannot be read: %s", error)
            self._last_fault = str(error)
            raise
        except Exception as error:
            log.exception("history: a question crashed")
            self._close_own()  # whatever state it is in
            raise SinkError(f"history: {type(error).__name__}: {error}", hint="the log has the trace") from error
        finally:
            self._answered += 1

    def _recalled(self, station: str, paged: "Paged | None", database: "Database") -> "Recalled | None":
        from gateway.sinks.history_recall import recalled

        return recalled(database, self._writer.identity, station, self._registrar, paged)

    def _database(self) -> "Database":
        """A connection of this thread's own to what the writer has opened."""
        from gateway.sinks.history_database import Database

        written, number = self._writer.database, self._writer.opened
        if written is None:
            raise SinkError(f"history: {self._writer.books.fault or 'it is not open yet'}")
        if self._place is None:
            return written
        if self._own is None or self._own_number != number:
            self._close_own()
            self._own, self._own_number = Database(self._place), number
        return self._own

    def _close_own(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.close()


def _recalled_alone(station: str, registrar: Registrar, paged: "Paged") -> "Recalled":
    from gateway.sinks.history_recall import recalled_alone  # on the reading thread, as SQLAlchemy is loaded with it

    return recalled_alone(station, registrar, paged)

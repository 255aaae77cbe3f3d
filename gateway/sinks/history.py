"""The history: every answer, kept over restarts, and read back. A ports.ResultSink and a ports.ResultStore."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from gateway.core.errors import SinkError
from gateway.ports import Recorded, ResultQuery, StoredResult
from gateway.records import Registrar
from gateway.sinks.history_writer import STOP_S, HistoryBooks, Retention, Writer
from gateway.worker import Worker

if TYPE_CHECKING:
    from gateway.sinks.history_database import Database

log = logging.getLogger(__name__)

T = TypeVar("T")

READS = 64
"""Questions that may wait; more are refused."""
SETTLE_S = 2.0
"""How long a question waits for the database to open, and for results that were put before it to be written."""
_MARGIN_S = 0.5


class History:
    """Enter it to write and read; `put` never waits. `file` None: in memory, until the gateway ends.

    A file that cannot be written, or is none of ours, keeps nobody from starting: it is logged, results wait and are
    tried again, and questions are answered with a SinkError meanwhile.
    """

    def __init__(self, registrar: Registrar, file: Path | None, retention: Retention) -> None:
        self._registrar = registrar
        self._file = file
        self._writer = Writer(file, retention)
        self._writing = Worker("history-writer")
        self._reading = Worker("history-reader", farewell=self._close_own)
        self._run: asyncio.Future[None] | None = None
        self._asked = 0
        self._answered = 0
        self._own: Database | None = None
        self._own_number = 0
        self._last_fault = ""

    @property
    def books(self) -> HistoryBooks:
        """What was written and lost so far."""
        return self._writer.books

    @property
    def busy(self) -> int:
        """Questions that wait, or are being answered."""
        return self._asked - self._answered

    async def __aenter__(self) -> Self:
        self._writing.start()
        self._reading.start()
        self._run = self._writing.submit(self._writer.run)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._reading.dismiss()
        await self._reading.wait_ended()
        self._writer.stop()
        self._writing.dismiss()
        if self._run is not None:
            await asyncio.wait([self._run], timeout=STOP_S + _MARGIN_S)
        if await self._writing.wait_ended() and self._run is not None:
            self._run.result()

    def put(self, recorded: Recorded) -> None:
        self._writer.put(self._registrar.stored(recorded))

    async def find(self, station: str, result_id: str) -> StoredResult | None:
        return await self._ask(lambda database: database.find(station, result_id))

    async def read(self, query: ResultQuery) -> Sequence[StoredResult]:
        return await self._ask(lambda database: database.read(query))

    async def _ask(self, question: Callable[["Database"], T]) -> T:
        if self.busy >= READS:
            raise SinkError("history: too many questions at once", hint="ask again")
        self._asked += 1
        mark = self._writer.mark
        return await self._reading.submit(lambda: self._answer(mark, question))

    # ---- the reading thread --------------------------------------------------------------------------------

    def _answer(self, mark: int, question: Callable[["Database"], T]) -> T:
        try:
            self._writer.settle(mark, SETTLE_S)
            return question(self._database())
        except SinkError as error:
            if str(error) != self._last_fault:
                log.warning("history: cannot be read: %s", error)
            self._last_fault = str(error)
            raise
        finally:
            self._answered += 1

    def _database(self) -> "Database":
        """A connection of this thread's own to what the writer has opened."""
        from gateway.sinks.history_database import Database

        written, number = self._writer.database, self._writer.opened
        if written is None:
            raise SinkError(f"history: {self._writer.books.fault or 'it is not open yet'}")
        if self._file is None:
            return written
        if self._own is None or self._own_number != number:
            self._close_own()
            self._own, self._own_number = Database(self._file), number
        return self._own

    def _close_own(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            own.close()

"""The image archive: pictures of inspections in a folder, with their results beside them.

A ports.PictureSink. Nothing of it is on a trigger's path: the event loop puts references into a bounded queue, and a
thread of its own does the rest.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gateway.core.result import Verdict
from gateway.ports import Pictured, Recorded, StoredResult
from gateway.records import Registrar
from gateway.sinks.archive_choice import Choice, Choices
from gateway.sinks.archive_files import Job, names_of
from gateway.sinks.archive_writer import STOP_S, ArchiveBooks, ArchiveWriter, Limits, Room, Written
from gateway.standing import StandingThread

log = logging.getLogger(__name__)

_MARGIN_S = 0.5
GATHER_S = 0.05
"""The thread begins so long after a result: it must not have the interpreter while the PLC reads that result."""
TELL_S = 0.05
"""So long faults and losses are gathered, before somebody is told of them."""


@dataclass(slots=True)
class _Held:
    """The pictures of an inspection. Once the registrar has `asked` what their files are called, no more are taken."""

    pictures: list[Pictured]
    asked: bool = False
    wanted: tuple[Pictured, ...] = ()
    """Those of which there will be files, once that was asked."""
    its_turn: bool | None = None
    """As an OK it is the one in so many; None where nobody has counted it."""


class Archive:
    """Enter it to write; `see` and `put` never wait. A folder that cannot be written keeps nobody from starting.

    Pictures are held from `see` on until the result of their inspection is put: shared, not copied. The registrar is
    told which files there will be of a result, so that whoever keeps the result keeps their names too.
    """

    def __init__(self, registrar: Registrar, folder: Path, choices: Choices, limits: Limits, room: Room) -> None:
        self._registrar, self.choices = registrar, choices
        self._writer = ArchiveWriter(folder, limits, room, self._changed, self._tell_written)
        self._writing = StandingThread("archive-writer", self._writer.run, self._writer.give_up)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._held: dict[tuple[str, int], _Held] = {}
        self._oks: dict[tuple[str, int], int] = {}
        self._shown = ""
        self._told: dict[str, int] = {}
        self._telling: asyncio.TimerHandle | None = None
        self._waking: asyncio.TimerHandle | None = None
        self._listeners: list[Callable[[str], None]] = []
        self._counters: list[Callable[[str, int], None]] = []
        self._keepers: list[Written] = []

    @property
    def books(self) -> ArchiveBooks:
        """What was written and lost so far."""
        return self._writer.books

    @property
    def restarts(self) -> int:
        """How often the writing thread was begun anew after a crash."""
        return self._writing.restarts

    def on_fault(self, listener: Callable[[str], None]) -> Callable[[], None]:
        """Call back on the event loop with why images are not kept, and with "" when they are again.

        At once where they are not kept now. Returns what ends that.
        """
        self._listeners.append(listener)
        if self._shown:
            listener(self._shown)
        return lambda: self._listeners.remove(listener)

    def on_loss(self, counter: Callable[[str, int], None]) -> Callable[[], None]:
        """Call back on the event loop with a station and how many more of its images are lost; returns what ends it."""
        self._counters.append(counter)
        return lambda: self._counters.remove(counter)

    def on_written(self, keeper: Written) -> None:
        """Call back with each result whose images were written, and with each whose images are lost. On any thread."""
        self._keepers.append(keeper)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._registrar.images = self._files
        self._writing.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._writer.stop()
        await self._writing.stop(STOP_S + _MARGIN_S)
        for timer in (self._telling, self._waking):
            if timer is not None:
                timer.cancel()

    def see(self, pictured: Pictured) -> None:
        held = self._held.setdefault((pictured.station, pictured.inspection_id), _Held([]))
        if not held.asked:
            held.pictures.append(pictured)

    def put(self, recorded: Recorded) -> None:
        key = recorded.station, recorded.result.inspection_id
        if key not in self._held:
            return
        stored = self._registrar.stored(recorded)
        held = self._held.pop(key)
        if held.wanted:
            self._writer.put(Job(stored, held.wanted))
            if self._waking is None and self._loop is not None:
                self._waking = self._loop.call_later(GATHER_S, self._wake)

    def _files(self, stored: StoredResult) -> tuple[str, ...]:
        held = self._held.get((stored.station, stored.result.inspection_id))
        if held is None:
            return ()
        held.asked, held.wanted = True, self._wanted(stored, held)
        return names_of(stored, held.wanted)

    def _wake(self) -> None:
        self._waking = None
        self._writer.wake()

    def _wanted(self, stored: StoredResult, held: _Held) -> tuple[Pictured, ...]:
        """Those to be kept: none of simulation mode, which are of no part."""
        result = stored.result
        choice = self.choices.of(stored.station, result.recipe)
        if result.origin.simulated or not (result.verdict in choice.verdicts or self._has_turn(stored, choice, held)):
            return ()
        return tuple([one for one in held.pictures if (choice.drawn if one.drawn else choice.original)])

    def _has_turn(self, stored: StoredResult, choice: Choice, held: _Held) -> bool:
        """Counted once, however often it is asked for."""
        if stored.result.verdict is not Verdict.OK or not choice.every_nth_ok:
            return False
        if held.its_turn is None:
            whose = self.choices.place(stored.station, stored.result.recipe)
            count = self._oks[whose] = self._oks.get(whose, 0) + 1
            held.its_turn = count % choice.every_nth_ok == 0
        return held.its_turn

    def _tell_written(self, stored: StoredResult, kept: bool) -> None:
        for keeper in self._keepers:
            keeper(stored, kept)

    def _changed(self) -> None:
        """From both threads: the loop looks soon what the books say now."""
        if self._loop is None or self._loop.is_closed():
            return
        try:
            self._loop.call_soon_threadsafe(self._tell_soon)
        except RuntimeError as error:  # closed between the two lines
            log.debug("archive: nobody left to tell: %s", error)

    def _tell_soon(self) -> None:
        if self._telling is None and self._loop is not None:
            self._telling = self._loop.call_later(TELL_S, self._tell)

    def _tell(self) -> None:
        self._telling = None
        books = self._writer.books
        fault = books.fault
        if self._tell_losses(books.lost_of) and not fault and not self._shown:
            self._show("images were lost")  # so quickly that the fault is over: it is told all the same
        self._show(fault)

    def _show(self, fault: str) -> None:
        if bool(fault) != bool(self._shown):
            for listener in tuple(self._listeners):
                listener(fault)
        self._shown = fault

    def _tell_losses(self, lost: Mapping[str, int]) -> bool:
        """Whether there were more."""
        before = sum(self._told.values())
        for station, count in lost.items():
            more = count - self._told.get(station, 0)
            self._told[station] = count
            for counter in tuple(self._counters) if more else ():
                counter(station, more)
        return sum(lost.values()) > before

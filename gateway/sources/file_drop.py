"""Pictures from a folder: each trigger gets one whole file that came with it, and no file serves two triggers."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Self

from gateway.core.errors import SourceError
from gateway.core.result import Judgement, Reason
from gateway.ports import Fate, Order, Picture
from gateway.sources.aftercare import Aftercare, AftercareFigures
from gateway.sources.drop_reader import DropReader, Outcome
from gateway.sources.drop_settings import RETAIN_US, FileDropSettings
from gateway.sources.drop_watch import DropWatch
from gateway.sources.look import Contents
from gateway.sources.naming import part_fault, part_filter
from gateway.sources.pending import now_us
from gateway.sources.reasons import no_image, reason_text
from gateway.sources.scan import Report
from gateway.sources.shelf import Arrival, FileKey, Shelf
from gateway.sources.worker import Worker

__all__ = ["FileDrop", "FileDropSettings"]

log = logging.getLogger(__name__)

MARGIN_US = 10_000
"""So much before the deadline the wait ends: then the answer says that no image came, not only that time is up."""
CHORE_LIMIT = 4096
"""Files that wait to be cleared away: minutes of a disk that does not keep up."""


@dataclass(slots=True, eq=False)
class _Waiter:
    order: Order
    since: int
    matches: Callable[[str], bool] | None
    future: asyncio.Future[Picture]
    reading: bool = False


@dataclass(frozen=True, slots=True)
class _Given:
    """A picture on its way, and the file it came from."""

    picture: Picture
    key: FileKey
    order: Order


class FileDrop:
    """An ImageSource. `async with` begins to watch; retriable SourceError where the folder is missing.

    What is known of the folder lives on the event loop and is fed by a watcher and by scans, so a trigger never reads
    the folder.
    """

    def __init__(self, station: str, settings: FileDropSettings) -> None:
        self._station, self._settings = station, settings
        self._reader = DropReader(station, settings)
        self._chores = Worker(f"{station}-drop-tidy", CHORE_LIMIT)
        self._aftercare = Aftercare(station, settings.folder, shared=False)
        self._shelf = Shelf()
        self._waiters: list[_Waiter] = []
        self._out: dict[int, _Given] = {}
        self._owing = False
        self._closed_at = 0
        self._stack = AsyncExitStack()
        self._watch = DropWatch(station, settings, self._chores, self)

    @property
    def figures(self) -> AftercareFigures:
        """What became of the files so far."""
        return self._aftercare.figures

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._chores)
            await stack.enter_async_context(self._reader)
            stack.callback(self._give_back)
            await stack.enter_async_context(self._watch)
            self._aftercare.shared = self._reader.shared = self._watch.shared
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    # ---- the port ----

    async def acquire(self, order: Order) -> Picture:
        """The picture for this trigger, as its file's bytes, checked by first and last bytes but not decoded.

        Raises SourceError: NO_IMAGE at the deadline, or at once where no file can be named by the part id; BAD_IMAGE
        where the file is broken (it goes to the rejected folder); SOURCE_FAILED where the folder cannot be read.
        """
        await self.check()
        loop = asyncio.get_running_loop()
        matches = self._wanted(order)
        waiter = _Waiter(order, self._since(order, named=matches is not None), matches, loop.create_future())
        left_us = order.deadline - MARGIN_US - now_us()
        timer = loop.call_later(max(left_us, 0) / 1e6, self._expire, waiter)
        self._waiters.append(waiter)
        self._serve()
        try:
            picture = await waiter.future
        except asyncio.CancelledError:
            self._owing = not waiter.future.done() or waiter.future.cancelled()
            self._withdraw(waiter)
            raise
        except SourceError as error:
            self._owing = error.reason is Reason.NO_IMAGE
            raise
        finally:
            timer.cancel()
            self._waiters.remove(waiter)
        self._owing = False
        return picture

    async def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        """Judged: as `afterwards` says. Refused: to the rejected folder. Unused: to the unjudged one. Does not wait."""
        given = self._out.pop(id(picture), None)
        if not self._out:
            self._closed_at = now_us()
        if given is None:
            log.warning("%s: %s has been settled already, or is not from here", self._station, picture.name)
            return
        if fate is Fate.JUDGED:
            self._settle_judged(given.key, judgement)
        else:
            self._put_aside(given.key, given.order, fate, judgement.detail or judgement.reason.name.lower())

    async def check(self) -> None:
        """Raise SourceError where the folder is gone, cannot be read, or does not answer."""
        trouble = self._watch.trouble
        if trouble is not None:
            # A new one each time: an exception that is raised again and again grows its traceback each time.
            raise SourceError(str(trouble), reason=trouble.reason, hint=trouble.hint)

    # ---- what the watch tells ----

    def on_arrival(self, name: str) -> None:
        """A file is whole, by an event of this moment."""
        arrival = Arrival(name, now_us())
        self._leave(self._shelf.put(arrival))
        self._serve()
        self._read_ahead(arrival)

    def on_report(self, report: Report) -> None:
        """A scan has found something, or nothing."""
        for arrival in report.arrivals:
            self._leave(self._shelf.put(arrival))
        self._leave(report.stale)
        expired = now_us() - self._settings.window_ms * 1000 - RETAIN_US
        self._leave(self._shelf.expire(expired))
        self._reader.expire(expired)
        self._serve()
        for arrival in report.arrivals[-1:]:
            self._read_ahead(arrival)

    def on_trouble(self, trouble: SourceError) -> None:
        """The folder is gone: nobody has to wait for its pictures."""
        self._shelf.clear()
        for waiter in self._waiters:
            _fail(waiter, SourceError(str(trouble), reason=trouble.reason, hint=trouble.hint))

    # ---- from arrival to picture ----

    def _since(self, order: Order, *, named: bool) -> int:
        """From when on a picture can be this order's. What could be an earlier part's picture is nobody's.

        A trigger that got no picture may still be owed one: the next takes only what comes after itself. And what
        came while an inspection was under way belongs to that one's part: a second exposure, a late copy.
        """
        earliest = order.accepted_at - self._settings.window_ms * 1000
        if named:
            return earliest
        return order.accepted_at if self._owing else max(earliest, self._closed_at)

    def _wanted(self, order: Order) -> Callable[[str], bool] | None:
        if self._settings.pick != "part_id":
            return None
        if fault := part_fault(order.part_id):
            raise SourceError(fault, reason=Reason.NO_IMAGE, hint="the PLC writes part_id before it triggers")
        return part_filter(self._settings.part_id_name, order.part_id)

    def _serve(self) -> None:
        """Give what is there to those who wait, first come, first served."""
        for waiter in self._waiters:
            if waiter.reading or waiter.future.done():
                continue
            arrival = self._shelf.take(waiter.since, self._settings.pick, waiter.matches)
            if arrival is None:
                continue
            waiter.reading = True
            self._reader.read(arrival, partial(self._on_read, waiter, arrival))

    def _read_ahead(self, arrival: Arrival) -> None:
        window_us = self._settings.window_ms * 1000
        useful = window_us > 0 and arrival.at >= now_us() - window_us and arrival in self._shelf
        if useful and (self._settings.pick != "oldest" or len(self._shelf) == 1):
            self._reader.read_ahead(arrival)

    def _on_read(self, waiter: _Waiter, arrival: Arrival, outcome: Outcome) -> None:
        waiter.reading = False
        self._shelf.done(arrival)
        if isinstance(outcome, SourceError):
            log.error("%s: %s", self._station, outcome)
            _fail(waiter, outcome)
        elif outcome is None or not self._shelf.give(outcome.key):
            self._serve()  # it is gone, still being written, or was given before: the next one, or wait on
        elif outcome.fault:
            self._reject(waiter, outcome)
        else:
            self._hand_over(waiter, outcome)

    def _reject(self, waiter: _Waiter, contents: Contents) -> None:
        name = contents.key.name
        self._put_aside(contents.key, waiter.order, Fate.REFUSED, contents.fault)
        hint = f"the file is in {self._settings.aside(self._settings.rejected_folder)}"
        _fail(waiter, SourceError(f"{name}: {contents.fault}", reason=Reason.BAD_IMAGE, hint=hint))

    def _hand_over(self, waiter: _Waiter, contents: Contents) -> None:
        picture = Picture(contents.key.name, contents.data)
        self._out[id(picture)] = _Given(picture, contents.key, waiter.order)
        if waiter.future.done():
            self._unused(picture, "the inspection ended while the file was read")
        else:
            waiter.future.set_result(picture)

    def _withdraw(self, waiter: _Waiter) -> None:
        future = waiter.future
        if future.done() and not future.cancelled() and future.exception() is None:
            self._unused(future.result(), "the inspection was cancelled when the file had just been read")
        future.cancel()

    def _expire(self, waiter: _Waiter) -> None:
        if waiter.reading or self._watch.silent:
            text = f"{self._settings.folder}: the file system did not answer in time"
            _fail(waiter, SourceError(text, hint="check the network share or the disk"))
        else:
            _fail(waiter, no_image(self._settings, waiter.order, self._shelf.newest_before(waiter.since)))

    # ---- afterwards ----

    def _settle_judged(self, key: FileKey, judgement: Judgement) -> None:
        settings = self._settings
        if settings.afterwards == "delete":
            self._tidy(key, partial(self._aftercare.delete, key))
        elif settings.afterwards == "move":
            folder = settings.aside(settings.done_folder)
            target = folder / judgement.verdict.name.lower() if settings.by_verdict else folder
            self._tidy(key, partial(self._aftercare.move, key, target))

    def _put_aside(self, key: FileKey, order: Order, fate: Fate, why: str) -> None:
        refused = fate is Fate.REFUSED
        target = self._settings.aside(self._settings.rejected_folder if refused else self._settings.unjudged_folder)
        text = reason_text(key.name, order, fate, why)
        log.warning("%s: %s goes to %s: %s", self._station, key.name, target, why)
        self._tidy(key, partial(self._aftercare.move, key, target, text))

    def _unused(self, picture: Picture, why: str) -> None:
        given = self._out.pop(id(picture))
        self._put_aside(given.key, given.order, Fate.UNUSED, why)

    def _tidy(self, key: FileKey, act: Callable[[], bool]) -> None:
        def work() -> None:
            if act():
                self._watch.removed(key.name)
                self._chores.tell(partial(self._shelf.forget, key))

        self._submit(work, key.name)

    def _leave(self, names: list[str] | tuple[str, ...]) -> None:
        """Files that no trigger can have any more."""
        if names and self._settings.stale == "move":
            target = self._settings.aside(self._settings.stale_folder)
            age_s = self._settings.window_ms / 1000
            self._submit(partial(self._aftercare.move_stale, names, target, age_s), f"{len(names)} stale files")

    def _submit(self, work: Callable[[], None], what: str) -> None:
        if not self._chores.submit(work):
            self.figures.failed += 1
            log.error("%s: %s left in place: %d files wait to be cleared away", self._station, what, CHORE_LIMIT)

    def _give_back(self) -> None:
        """At the end: whoever waits still gets his answer, and pictures that nobody settled are put aside."""
        for waiter in self._waiters:
            _fail(waiter, SourceError("the source is closed"))
        for given in list(self._out.values()):
            self._unused(given.picture, "the gateway was stopped")


def _fail(waiter: _Waiter, error: SourceError) -> None:
    if not waiter.future.done():
        waiter.future.set_exception(error)

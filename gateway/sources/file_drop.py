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
from gateway.ports import Fate, Order, Picture, ignored
from gateway.sources.aftercare import AftercareFigures
from gateway.sources.collection import Collection
from gateway.sources.disposal import CHORE_LIMIT, Disposal
from gateway.sources.drop_reader import DropReader, Outcome
from gateway.sources.drop_settings import RETAIN_US, FileDropSettings
from gateway.sources.drop_watch import DropWatch
from gateway.sources.look import Contents
from gateway.sources.naming import PartFilter, part_fault, part_filter
from gateway.sources.pending import now_us
from gateway.sources.reasons import no_image
from gateway.sources.scan import Report
from gateway.sources.shelf import SHELF_LIMIT, Arrival, Shelf
from gateway.sources.worker import Worker

__all__ = ["FileDrop", "FileDropSettings"]

log = logging.getLogger(__name__)

MARGIN_US = 10_000
"""So much before the deadline the wait ends: then the answer says that no image came, not only that time is up."""


@dataclass(slots=True, eq=False)
class _Waiter:
    order: Order
    since: int
    part: PartFilter | None
    future: asyncio.Future[Picture]
    reading: bool = False


class FileDrop:
    """An ImageSource. `async with` begins to watch; retriable SourceError where the folder is missing.

    What is known of the folder lives on the event loop and is fed by a watcher and by scans, so a trigger never reads
    the folder.
    """

    def __init__(self, station: str, settings: FileDropSettings) -> None:
        self._station, self._settings = station, settings
        self._reader = DropReader(station, settings)
        self._chores = Worker(f"{station}-drop-tidy", CHORE_LIMIT)
        self._shelf = Shelf()
        self._waiters: list[_Waiter] = []
        self._owing = self._serving = False
        self._closed_at = 0
        self._left = False
        self._stack = AsyncExitStack()
        self._watch = DropWatch(station, settings, self._chores, self)
        self._disposal = Disposal(station, settings, self._shelf, self._chores, self._watch.removed)
        self._run: Collection | None = None

    @property
    def figures(self) -> AftercareFigures:
        """What became of the files so far."""
        return self._disposal.aftercare.figures

    async def __aenter__(self) -> Self:
        self._owing = self._left  # restarted after a crash: a trigger of the life before may have got no picture
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._chores)
            await stack.enter_async_context(self._reader)
            stack.callback(self._give_back)
            await stack.enter_async_context(self._watch)
            self._disposal.aftercare.shared = self._reader.shared = self._watch.shared
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._left = True
        await self._stack.aclose()

    # ---- the port ----

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        """The picture for this trigger, as its file's bytes, checked by header and last bytes but not decoded.

        Raises SourceError: NO_IMAGE at the deadline, or at once where no file can be named by the part id;
        EMPTY_IMAGE, NOT_AN_IMAGE, IMAGE_TOO_LARGE, PIXEL_FORMAT for a file that is no whole picture within the limits
        (it goes to the rejected folder); SOURCE_FAILED where the folder cannot be read.
        """
        if order.pictures_from is not None:
            return self._next_of_run(order)
        await self.check()
        self._close_run()
        loop = asyncio.get_running_loop()
        part = self._wanted(order)
        waiter = _Waiter(order, self._since(order, named=part is not None), part, loop.create_future())
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

    def collect(self, since: int | None) -> None:
        """Also what came under whatever name: in a run no part id is looked at. At most SHELF_LIMIT pictures wait."""
        if since is not None:
            self._close_run()
            self._run = Collection(self._shelf, self._reader, since)
        elif self._run is not None:
            self._run.end()
            self._closed_at = now_us()

    async def arrival(self) -> None:
        """SourceError where the folder is gone or no run is on."""
        await self.check()
        if self._run is None:
            raise SourceError("no continuous run is on")
        await self._run.arrival()

    async def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        """Judged: as `afterwards` says. Refused: to the rejected folder. Unused: to the unjudged one. Does not wait."""
        self._disposal.settle(picture, fate, judgement)
        if not self._disposal.out:
            self._closed_at = now_us()

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
        self._put(arrival)
        self._serve()
        self._read_ahead(arrival)

    def on_report(self, report: Report) -> None:
        """A scan has found something, or nothing."""
        for arrival in report.arrivals:
            self._put(arrival)
        self._disposal.leave(report.stale)
        expired = now_us() - self._settings.window_ms * 1000 - RETAIN_US
        if self._run is not None and not self._run.over:
            expired = min(expired, self._run.since)
        self._disposal.leave(self._shelf.expire(expired))
        self._reader.expire(expired)
        self._serve()
        for arrival in report.arrivals[-1:]:
            self._read_ahead(arrival)

    def on_trouble(self, trouble: SourceError) -> None:
        """The folder is gone: nobody has to wait for its pictures."""
        self._shelf.clear()
        if self._run is not None:
            self._run.fail(SourceError(str(trouble), reason=trouble.reason, hint=trouble.hint))
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

    def _wanted(self, order: Order) -> PartFilter | None:
        if self._settings.pick != "part_id":
            return None
        if fault := part_fault(order.part_id):
            raise SourceError(fault, reason=Reason.NO_IMAGE, hint="the PLC writes part_id before it triggers")
        return part_filter(self._settings.part_id_name, order.part_id)

    def _serve(self) -> None:
        """Give what is there to those who wait, first come, first served."""
        if self._serving:  # called out of `read`, which may answer at once: the loops below go on
            return
        self._serving = True
        try:
            for waiter in self._waiters:
                self._serve_one(waiter)
        finally:
            self._serving = False
        if self._run is not None:
            self._run.look()

    def _serve_one(self, waiter: _Waiter) -> None:
        while not (waiter.reading or waiter.future.done()):
            arrival = self._shelf.take(waiter.since, self._settings.pick, waiter.part)
            if arrival is None:
                return
            waiter.reading = True
            self._reader.read(arrival, partial(self._on_read, waiter, arrival))

    def _put(self, arrival: Arrival) -> None:
        left = self._shelf.put(arrival)
        if left and self._run is not None and not self._run.over:
            log.error("%s: %s will not be judged: more than %d pictures wait", self._station, left[0], SHELF_LIMIT)
        self._disposal.leave(left)

    def _next_of_run(self, order: Order) -> Picture:
        if self._run is None:
            raise SourceError("no continuous run is on", reason=Reason.NO_IMAGE)
        picked = self._run.take()
        if isinstance(picked, SourceError):
            raise picked
        if picked.fault is not None:
            raise self._disposal.rejected(order, picked.key, picked.fault)
        return self._disposal.hand_out(order, picked)

    def _close_run(self) -> None:
        if self._run is not None:
            self._run.close()
            self._run = None

    def _read_ahead(self, arrival: Arrival) -> None:
        window_us = self._settings.window_ms * 1000
        if self._run is not None and not self._run.over:
            return  # it reads ahead by itself, and always the oldest
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
        elif outcome.fault is not None:
            _fail(waiter, self._disposal.rejected(waiter.order, outcome.key, outcome.fault))
        else:
            self._hand_over(waiter, outcome)

    def _hand_over(self, waiter: _Waiter, contents: Contents) -> None:
        picture = self._disposal.hand_out(waiter.order, contents)
        if waiter.future.done():
            self._disposal.unused(picture, "the inspection ended while the file was read")
        else:
            waiter.future.set_result(picture)

    def _withdraw(self, waiter: _Waiter) -> None:
        future = waiter.future
        if future.done() and not future.cancelled() and future.exception() is None:
            self._disposal.unused(future.result(), "the inspection was cancelled when the file had just been read")
        future.cancel()

    def _expire(self, waiter: _Waiter) -> None:
        if waiter.reading or self._watch.silent:
            text = f"{self._settings.folder}: the file system did not answer in time"
            _fail(waiter, SourceError(text, hint="check the network share or the disk"))
        else:
            _fail(waiter, no_image(self._settings, waiter.order, self._shelf.newest_before(waiter.since)))

    def _give_back(self) -> None:
        """At the end: whoever waits still gets his answer, and pictures that nobody settled are put aside."""
        if self._run is not None:
            self._run.fail(SourceError("the source is closed"))
        for waiter in self._waiters:
            _fail(waiter, SourceError("the source is closed"))
        self._disposal.close()


def _fail(waiter: _Waiter, error: SourceError) -> None:
    if not waiter.future.done():
        waiter.future.set_exception(error)

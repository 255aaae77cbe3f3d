"""Pictures from a GenICam camera that a signal line triggers."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Self

from gateway.core.errors import SourceError
from gateway.core.result import Judgement
from gateway.ports import Fate, Order, Picture, ignored
from gateway.sources.camera_link import CameraLink
from gateway.sources.genicam import LAST_MARGIN_US, MARGIN_US
from gateway.sources.genicam_camera import Frame, GenicamCamera, Shutter
from gateway.sources.genicam_settings import ExposureDone
from gateway.sources.line_frames import LineFrames, Trigger, Window
from gateway.sources.pending import now_us
from gateway.sources.pixel_formats import FrameConverter
from gateway.sources.wanted import Waiting, no_frame

log = logging.getLogger(__name__)

LATE_S = 0.01
"""How late the event loop may hear of a frame that was there in time."""
RUN_LIMIT = 8
"""Frames of a continuous run that wait for their turn."""
UNASKED = "%s: frame %d came, and no trigger that it could belong to (%d such frames since the last report)"
REPORT_S = 10.0
"""Frames that nobody asked for are reported once in this time."""


class LineSource:
    """An ImageSource. The camera waits for its line; which frame is whose trigger's is found by time.

    A continuous run takes each frame as a trigger. A camera that is lost is connected again in the background;
    triggers fail at once meanwhile.
    """

    def __init__(
        self, station: str, camera: GenicamCamera, window: Window, exposure_done: ExposureDone = "auto"
    ) -> None:
        self._station, self._window, self._exposure_done = station, window, exposure_done
        self._link = CameraLink(station, camera, self)
        self._converter = FrameConverter(station)
        self.frames = LineFrames(window)
        self._run: deque[Frame] = deque()
        self._run_since: int | None = None
        self._news = asyncio.Event()
        self._stack = AsyncExitStack()
        self._expiry: asyncio.TimerHandle | None = None
        self._unreported = 0
        self._reported_at = 0

    async def __aenter__(self) -> Self:
        """Raises SourceError where the camera is not there, or refuses a setting."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._converter)
            await stack.enter_async_context(self._link)
            stack.callback(self._end_expiry)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        """The frame of the signal that belongs to this trigger.

        Raises SourceError: NO_IMAGE where none came within the window, or more than one; FRAME_INCOMPLETE,
        PIXEL_FORMAT or BAD_IMAGE for one that cannot be judged; SOURCE_FAILED, at once, while the camera is lost.
        """
        await self.check()
        if order.pictures_from is None:
            frame = await self._matching(order, exposed)
        elif self._run:
            frame = self._run.popleft()
            exposed()
        else:
            raise no_frame("no frame of the continuous run is there", "it was lost together with the camera")
        return await self._converter.picture(frame, order.deadline - LAST_MARGIN_US)

    async def _matching(self, order: Order, exposed: Callable[[], None]) -> Frame:
        with Waiting(exposed) as waiting:
            trigger = self.frames.on_trigger(waiting, order.accepted_at)
            over_s = (order.accepted_at + self._window.after_us - now_us()) / 1e6 + LATE_S
            timer = asyncio.get_running_loop().call_later(over_s, self._overdue, trigger)
            self._expire_later()
            try:
                return await waiting.frame(order.deadline - MARGIN_US)
            finally:
                timer.cancel()

    def _overdue(self, trigger: Trigger) -> None:
        self._expire()
        self.frames.overdue(trigger)

    def collect(self, since: int | None) -> None:
        """The last frames of a run that ends can still be taken: their orders may be on their way."""
        if since is not None:
            self._run.clear()
        self._run_since = since

    async def arrival(self) -> None:
        """Wait for a frame of the run. Raises SourceError while the camera is lost, or no run is on."""
        await self.check()
        if self._run_since is None:
            raise SourceError("no continuous run is on")
        while not self._run:
            self._news.clear()
            await self._news.wait()
            await self.check()

    async def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        """Nothing to do: there is no file."""

    async def check(self) -> None:
        """Raise SourceError, with the reason, while the camera is lost."""
        self._link.check()

    # ---- what the camera does --------------------------------------------------------------------------------

    def on_stream(self, shutter: Shutter) -> None:
        self.frames.begin()

    def on_frame(self, frame: Frame, at: int) -> None:
        if self._run_since is None or at < self._run_since:
            self.frames.on_frame(frame, at)
            self._expire_later()
            return
        self._run.append(frame)
        if len(self._run) > RUN_LIMIT:
            lost = self._run.popleft()
            log.warning("%s: frame %d is dropped: the inspections are slower than the line", self._station, lost.number)
        self._news.set()

    def on_exposed(self, number: int, at: int) -> None:
        if self._run_since is None and self._exposure_done != "frame":
            self.frames.on_exposed(number, at)
            self._expire_later()

    def on_lost(self, error: SourceError) -> None:
        self.frames.give_up(SourceError(str(error), hint=error.hint))
        self._run.clear()
        self._news.set()

    # ---- what nobody asked for -------------------------------------------------------------------------------

    def _expire_later(self) -> None:
        if self._expiry is None:
            later_s = self._window.length_us / 1e6 + LATE_S
            self._expiry = asyncio.get_running_loop().call_later(later_s, self._expire_in_turn)

    def _expire_in_turn(self) -> None:
        self._expiry = None
        self._expire()
        if self.frames.remembers:
            self._expire_later()

    def _expire(self) -> None:
        now = now_us()
        for exposure in self.frames.expire(now):
            self._unreported += 1
            if now - self._reported_at >= REPORT_S * 1e6:
                log.warning(UNASKED, self._station, exposure.number, self._unreported)
                self._reported_at, self._unreported = now, 0

    def _end_expiry(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()
            self._expiry = None

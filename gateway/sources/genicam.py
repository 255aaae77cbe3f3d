"""Pictures from a GenICam camera, one software trigger for each."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Self

from gateway.core.errors import SourceError
from gateway.core.result import Judgement
from gateway.ports import Fate, Order, Picture, ignored
from gateway.sources.camera_link import CameraLink
from gateway.sources.genicam_camera import Frame, GenicamCamera, Shutter
from gateway.sources.genicam_settings import ExposureDone
from gateway.sources.pending import now_us
from gateway.sources.pixel_formats import FrameConverter
from gateway.sources.shots import UNASKED_LIMIT, Obstacle, Shots
from gateway.sources.wanted import Waiting, no_frame

log = logging.getLogger(__name__)

MARGIN_US = 20_000
"""So much before the deadline the wait for a frame ends: then the answer says what failed."""
LAST_MARGIN_US = 5_000
"""So much before the deadline even a thread that hangs in the camera's library is no longer waited for."""
OWED_S = 1.0
"""So long after a trigger and its exposure a frame may still come; no camera keeps one longer."""
ACTING_S = 0.002
"""From a camera's acknowledgement of a trigger to its acting on it. No standard bounds it, and no camera was measured:
cameras state microseconds."""
LATE_US = 5_000
"""A trigger that waited longer than that is reported,"""
QUIET_US = 10_000_000
"""and then none for so long."""


class GenicamSource:
    """An ImageSource. A camera that is lost is connected again in the background; triggers fail at once meanwhile.

    The end of an exposure is told, as `exposure_done` allows, by the camera's own word, else by the time that exposures
    take, else when the frame is there. By time only of a camera that was idle when it was triggered.
    """

    def __init__(
        self, station: str, camera: GenicamCamera, exposure_s: float, exposure_done: ExposureDone = "auto"
    ) -> None:
        self._station, self._exposure_done = station, exposure_done
        self._link = CameraLink(station, camera, self)
        self._converter = FrameConverter(station)
        self._shots = Shots(int((OWED_S + exposure_s) * 1e6))
        self._exposure_s: float | None = None
        self._turn = asyncio.Lock()
        self._news = asyncio.Event()
        self._quiet_until = 0
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Raises SourceError where the camera is not there, or refuses a setting."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._converter)
            await stack.enter_async_context(self._link)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        """The frame that this trigger made.

        Raises SourceError: FRAME_INCOMPLETE for one with missing packets, PIXEL_FORMAT for one of a format that PEKAT
        does not take, BAD_IMAGE for one of another size, NO_IMAGE where none came in time, SOURCE_FAILED, at once,
        while the camera is lost.
        """
        await self.check()
        left_s = max(order.deadline - LAST_MARGIN_US - now_us(), 0) / 1e6
        with Waiting(exposed) as waiting:
            try:
                async with asyncio.timeout(left_s), self._turn:
                    await self._trigger(waiting, order.deadline - MARGIN_US)
            except TimeoutError:
                raise no_frame("there was no time left to trigger the camera") from None
            frame = await waiting.frame(order.deadline - MARGIN_US)
        return await self._converter.picture(frame, order.deadline - LAST_MARGIN_US)

    async def _trigger(self, waiting: Waiting, deadline: int) -> None:
        await self._until_free(deadline)
        shot = self._shots.send(waiting, now_us())
        await self._link.trigger((deadline - now_us()) / 1e6)
        if self._exposure_s is not None and self._exposure_done == "auto" and self._shots.untold(shot):
            asyncio.get_running_loop().call_later(self._exposure_s + ACTING_S, waiting.over)

    async def _until_free(self, deadline: int) -> None:
        """Raises SourceError where the camera cannot be triggered before `deadline` (monotonic us)."""
        began = now_us()
        while (obstacle := self._shots.obstacle(now_us())) is not Obstacle.NONE:
            if now_us() >= deadline:
                raise no_frame("the frame of the trigger before is still to come")
            if obstacle is Obstacle.COUNT_VOID:
                await self._link.renew()
            else:
                await self._hear(min(deadline, self._shots.owed_until))
        if now_us() >= deadline:
            raise no_frame("there was no time left to trigger the camera")
        self._report_wait(began, now_us())

    def _report_wait(self, began: int, now: int) -> None:
        """A part that moves is no longer where its picture was asked for."""
        if now - began > LATE_US and now >= self._quiet_until:
            self._quiet_until = now + QUIET_US
            text = "%s: the camera was triggered %d ms late: it had to wait for the frame before (see exposure_done)"
            log.warning(text, self._station, (now - began) // 1000)

    async def _hear(self, until: int) -> None:
        """Wait for news of the camera, until this moment at the latest (monotonic us)."""
        self._news.clear()
        timer = asyncio.get_running_loop().call_later(max(until - now_us(), 0) / 1e6, self._news.set)
        try:
            await self._news.wait()
        finally:
            timer.cancel()

    def collect(self, since: int | None) -> None:
        """Nothing to do: the camera takes a picture only when it is asked to."""

    async def arrival(self) -> None:
        """At once, where the camera is there: in a run it is triggered as often as pictures can be judged."""
        await self.check()

    async def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        """Nothing to do: there is no file."""

    async def check(self) -> None:
        """Raise SourceError, with the reason, while the camera is lost."""
        self._link.check()

    # ---- what the camera does --------------------------------------------------------------------------------

    def on_stream(self, shutter: Shutter) -> None:
        self._exposure_s = shutter.exposure_s
        self._shots.begin()
        self._news.set()

    def on_frame(self, frame: Frame, at: int) -> None:
        self._shots.on_frame(frame)
        self._news.set()
        if self._shots.unasked > UNASKED_LIMIT:
            self._link.lose(SourceError("the camera takes frames without a trigger", hint="does it obey TriggerMode?"))

    def on_exposed(self, number: int, at: int) -> None:
        if self._exposure_done != "frame":
            self._shots.on_exposed(number)
            self._news.set()

    def on_lost(self, error: SourceError) -> None:
        self._shots.give_up(SourceError(str(error), hint=error.hint))
        self._news.set()

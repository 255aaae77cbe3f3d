"""Pictures from a GenICam camera, one software trigger for each. All of the camera is in one thread of its own.

`acquire` returns when the whole frame is there, so `exposure_done` rises then, and not when the exposure alone is over.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Self

from gateway.core.errors import SourceError
from gateway.core.result import Judgement, Reason
from gateway.ports import Fate, Order, Picture, ignored
from gateway.sources.genicam_camera import GenicamCamera
from gateway.sources.genicam_session import CameraSession
from gateway.sources.pending import now_us
from gateway.sources.pixel_formats import picture_of
from gateway.sources.worker import Worker

log = logging.getLogger(__name__)

MARGIN_US = 20_000
"""So much before the deadline the wait for a frame ends: then the answer says what failed."""
LAST_MARGIN_US = 5_000
"""So much before the deadline even a thread that hangs in the camera's library is no longer waited for."""
ASKING = 64
"""Questions that wait: far more than inspections can be in flight."""
OPEN_S = 10.0
"""How long finding and opening a camera may take: half a second of search, and its description of a megabyte."""
LOOK_S = 1.0
"""How often a camera that nobody triggers is asked whether it is there."""
ANSWER_S = 2.0
"""How long the answer to that may take."""
OWED_S = 1.0
"""So long after a trigger and its exposure a frame may still come; no camera keeps one longer."""
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 8.0
"""Pauses between attempts to reconnect: each twice as long as the one before."""


class GenicamSource:
    """An ImageSource. A camera that is lost is connected again in the background; triggers fail at once meanwhile."""

    def __init__(self, station: str, camera: GenicamCamera, exposure_s: float) -> None:
        self._station = station
        self._session = CameraSession(camera, OWED_S + exposure_s)
        self._thread = Worker(f"{station}-genicam", ASKING, "the camera")
        self._stack = AsyncExitStack()
        self._fault: SourceError | None = None
        self._lost = asyncio.Event()
        self._shooting = 0

    async def __aenter__(self) -> Self:
        """Raises SourceError where the camera is not there, or refuses a setting."""
        self._fault, self._lost = None, asyncio.Event()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._thread)
            stack.callback(self._thread.submit, self._session.disconnect)
            await self._thread.call(self._session.connect, OPEN_S)
            keeper = asyncio.create_task(self._keep_connected(), name=f"{self._station}-genicam-keeper")
            stack.push_async_callback(_end, keeper)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        """The frame that this trigger made.

        Raises SourceError: BAD_IMAGE for one with missing packets or an unknown format, NO_IMAGE where none came in
        time, SOURCE_FAILED, at once, while the camera is lost.
        """
        await self.check()
        abandoned = threading.Event()
        shoot = partial(self._shoot, order.deadline - MARGIN_US, abandoned)
        left_s = max(order.deadline - LAST_MARGIN_US - now_us(), 0) / 1e6
        self._shooting += 1
        try:
            return await self._thread.call(shoot, left_s)
        except SourceError as error:
            if error.reason is Reason.SOURCE_FAILED:
                self._lose(error)
            raise
        finally:
            abandoned.set()
            self._shooting -= 1

    def _shoot(self, deadline: int, abandoned: threading.Event) -> Picture:
        """In the camera's thread: turning a large frame's colours round takes milliseconds."""
        frame = self._session.shoot(deadline, abandoned)
        return picture_of(f"{self._station}-{frame.number}", frame)

    def collect(self, since: int | None) -> None:
        """Nothing to do: the camera takes a picture only when it is asked to."""

    async def arrival(self) -> None:
        """At once, where the camera is there: in a run it is triggered as often as pictures can be judged."""
        await self.check()

    async def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        """Nothing to do: there is no file."""

    async def check(self) -> None:
        """Raise SourceError, with the reason, while the camera is lost: it is looked after once a second."""
        if self._fault is not None:
            raise SourceError(str(self._fault), hint=self._fault.hint)

    # ---- keeping it connected --------------------------------------------------------------------------------

    def _lose(self, error: SourceError) -> None:
        if self._fault is None:
            log.warning("%s: the camera is lost: %s", self._station, error)
        self._fault = error
        self._lost.set()

    async def _keep_connected(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._lost.wait()
            if self._lost.is_set():
                await self._reconnect()
            elif not self._shooting:
                await self._look()

    async def _look(self) -> None:
        try:
            await self._thread.call(self._session.look, ANSWER_S)
        except SourceError as error:
            if not self._shooting:  # else it only waited for a frame, whose trigger finds out for itself
                self._lose(error)

    async def _reconnect(self) -> None:
        """Until it is done. What hangs in the camera's library fills no queue: each attempt has its time."""
        pause_s = FIRST_PAUSE_S
        self._thread.submit(self._session.disconnect)
        while self._fault is not None:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            try:
                await self._thread.call(self._session.connect, OPEN_S)
            except SourceError as error:
                log.debug("%s: %s", self._station, error)
                self._fault = error
            else:
                self._fault = None
        self._lost.clear()
        log.info("%s: the camera is connected again", self._station)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])

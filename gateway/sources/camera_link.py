"""One camera's threads and its connection: lost, it is connected again in the background."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Protocol, Self

from gateway.backoff import BackOff
from gateway.core.errors import SourceError
from gateway.sources.frame_reader import FrameReader
from gateway.sources.genicam_camera import Frame, GenicamCamera, Shutter
from gateway.sources.pending import now_us
from gateway.sources.worker import Worker

log = logging.getLogger(__name__)

ASKING = 64
"""Questions that wait: far more than inspections can be in flight."""
OPEN_S = 10.0
"""How long finding and opening a camera may take: half a second of search, and its description of a megabyte."""
RENEW_S = 5.0
"""How long settings and the begin of a stream may take; more than a camera needs for all of its registers."""
TRIGGER_S = 0.1
"""A camera is not lost before a trigger took that long, however little time its inspection has left."""
LOOK_S = 1.0
"""How often a camera is asked whether it is there."""
ANSWER_S = 2.0
"""How long the answer to that may take."""
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 8.0
"""Pauses between attempts to reconnect: each twice as long as the one before."""


class Listener(Protocol):
    """Who is told on the event loop what the camera does, and only of the stream that runs now."""

    def on_stream(self, shutter: Shutter) -> None:
        """A new stream begins; what belonged to the one before will not come."""
        ...

    def on_frame(self, frame: Frame, at: int) -> None:
        """A frame was there at this moment (monotonic us)."""
        ...

    def on_exposed(self, number: int, at: int) -> None:
        """The camera told at this moment that this frame's exposure is over."""
        ...

    def on_lost(self, error: SourceError) -> None:
        """No frame will come until the next stream begins."""
        ...


class CameraLink:
    """Part of a source, entered and left with it. `trigger`, `renew` and `check` raise SourceError."""

    def __init__(self, station: str, camera: GenicamCamera, listener: Listener) -> None:
        self._station, self._camera, self._listener = station, camera, listener
        self._thread = Worker(f"{station}-genicam", ASKING, "the camera")
        self._stack = AsyncExitStack()
        self._fault: SourceError | None = None
        self._lost = asyncio.Event()
        self._asking = 0
        self._streams = self._stream = 0
        self._open = False
        self._reader: FrameReader | None = None

    async def __aenter__(self) -> Self:
        """Raises SourceError where the camera is not there, or refuses a setting."""
        self._fault, self._lost = None, asyncio.Event()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._thread)
            stack.callback(self._thread.submit, self._disconnect)
            await self._thread.call(self._connect, OPEN_S)
            keeper = asyncio.create_task(self._keep_connected(), name=f"{self._station}-genicam-keeper")
            stack.push_async_callback(_end, keeper)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._stream = 0
        await self._stack.aclose()

    def check(self) -> None:
        """Raise SourceError, with the reason, while the camera is lost: it is looked after once a second."""
        if self._fault is not None:
            raise SourceError(str(self._fault), hint=self._fault.hint)

    async def trigger(self, within_s: float) -> None:
        """Returns when the camera has acknowledged it. A camera that does not is lost."""
        await self._ask(self._trigger, max(within_s, TRIGGER_S))

    async def renew(self) -> None:
        """Begin a new stream: what was still to come is nobody's. It goes on where its caller is cancelled."""
        await self._ask(self._begin_stream, RENEW_S)

    def lose(self, error: SourceError) -> None:
        """Have it connected again: until that is done, triggers fail at once."""
        if self._fault is None:
            log.warning("%s: the camera is lost: %s", self._station, error)
            self._stream = 0
            self._fault = error
            self._listener.on_lost(error)
        self._fault = error
        self._lost.set()

    async def _ask(self, work: Callable[[], None], within_s: float) -> None:
        self.check()
        self._asking += 1
        try:
            await self._thread.call(work, within_s)
        except SourceError as error:
            self.lose(error)
            raise
        finally:
            self._asking -= 1

    # ---- keeping it connected --------------------------------------------------------------------------------

    async def _keep_connected(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_S):
                    await self._lost.wait()
            if self._lost.is_set():
                await self._reconnect()
            elif not self._asking:
                await self._look()

    async def _look(self) -> None:
        try:
            await self._thread.call(self._look_at, ANSWER_S)
        except SourceError as error:
            if not self._asking:  # else it only waited for a trigger, which finds out for itself
                self.lose(error)

    async def _reconnect(self) -> None:
        """Until it is done. What hangs in the camera's library fills no queue: each attempt has its time."""
        pauses = BackOff(FIRST_PAUSE_S, LONGEST_PAUSE_S)
        while self._fault is not None:
            self._lost.clear()
            self._thread.submit(self._disconnect)
            await asyncio.sleep(pauses.failed())
            try:
                await self._thread.call(self._connect, OPEN_S)
            except SourceError as error:
                log.debug("%s: %s", self._station, error)
                self._fault = error
            else:
                if not self._lost.is_set():  # else it was lost again meanwhile
                    self._fault = None
        log.info("%s: the camera is connected again", self._station)

    # ---- in the camera's thread ------------------------------------------------------------------------------

    def _connect(self) -> None:
        """Open the camera if it is not open. Raises SourceError, and then it is closed."""
        if self._open:
            return
        try:
            self._camera.open()
            self._begin_stream()
        except SourceError:
            self._disconnect()
            raise
        self._open = True

    def _disconnect(self) -> None:
        self._open = False
        self._end_reader()
        self._camera.close()

    def _trigger(self) -> None:
        if not self._open:
            raise SourceError("the camera is not connected", hint="it is being searched for")
        self._camera.trigger()

    def _look_at(self) -> None:
        if not self._open:
            raise SourceError("the camera is not connected", hint="it is being searched for")
        self._camera.look()

    def _begin_stream(self) -> None:
        if not self._end_reader():
            raise SourceError("the camera's library does not come back", hint="start the gateway again")
        self._streams += 1
        stream = self._streams
        shutter = self._camera.configure(partial(self._exposed, stream))
        self._thread.tell(partial(self._on_stream, stream, shutter))
        self._reader = FrameReader(
            f"{self._station}-frames", self._camera, partial(self._frame, stream), partial(self._broken, stream)
        )
        self._reader.start()

    def _end_reader(self) -> bool:
        reader, self._reader = self._reader, None
        return reader is None or reader.stop()

    # ---- from the other threads to the event loop ------------------------------------------------------------

    def _exposed(self, stream: int, number: int) -> None:
        self._thread.tell(partial(self._on_exposed, stream, number, now_us()))

    def _frame(self, stream: int, frame: Frame, at: int) -> None:
        self._thread.tell(partial(self._on_frame, stream, self._reader, frame, at))

    def _broken(self, stream: int, error: SourceError) -> None:
        self._thread.tell(partial(self._on_broken, stream, error))

    def _on_stream(self, stream: int, shutter: Shutter) -> None:
        self._stream = stream
        self._listener.on_stream(shutter)

    def _on_exposed(self, stream: int, number: int, at: int) -> None:
        if stream == self._stream:
            self._listener.on_exposed(number, at)

    def _on_frame(self, stream: int, reader: FrameReader | None, frame: Frame, at: int) -> None:
        if reader is not None:
            reader.taken()
        if stream == self._stream:
            self._listener.on_frame(frame, at)

    def _on_broken(self, stream: int, error: SourceError) -> None:
        if stream == self._stream:
            self.lose(error)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])

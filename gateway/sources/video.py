"""Pictures out of a video stream that runs all the time: a network camera (RTSP), a USB camera, a recording.

A trigger gets the first frame that came after it, never one that waited: see video_clock.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Self

from gateway.core.errors import SourceError
from gateway.core.result import Judgement, Reason
from gateway.ports import Fate, Order, Picture, ignored
from gateway.sources.pending import now_us
from gateway.sources.video_drain import Drain
from gateway.sources.video_stream import Address, Frame, picture_of
from gateway.sources.worker import Worker

MARGIN_US = 10_000
"""So much before the deadline the wait ends: then the answer says what failed, not only that time is up."""
HANDED = 8
"""Frames on their way to an event loop that is busy; the oldest give way, so the memory stays bounded."""
CONVERSIONS = 64
"""Conversions that wait: far more than inspections can be in flight."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which frame is a trigger's (microseconds after it), and as which raw pixels it is handed on."""

    latency_us: int
    within_us: int
    pixel_format: str


@dataclass(slots=True)
class _Turn:
    """A trigger that waits for its frame."""

    after: int
    frame: asyncio.Future[Frame] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class VideoSource:
    """An ImageSource. One thread reads the stream, another turns the chosen frames into pixels."""

    def __init__(self, station: str, address: Address, choice: Choice) -> None:
        self._station = station
        self._address = address
        self._choice = choice
        self._reader = Worker(f"{station}-video", 1, "the stream")
        self._pixels = Worker(f"{station}-video-pixels", CONVERSIONS, "the conversion of frames")
        self._stack = AsyncExitStack()
        self._turns: deque[_Turn] = deque()
        self._handed: deque[Frame | SourceError] = deque(maxlen=HANDED)
        self._newest: Frame | None = None
        self._trouble: SourceError | None = None
        self._seen_at = 0
        self._news = asyncio.Event()
        self._since = 0

    async def __aenter__(self) -> Self:
        self._on_trouble(SourceError(f"{self._address.place}: not connected yet", hint="wait a moment"))
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._pixels)
            await stack.enter_async_context(self._reader)
            drain = Drain(
                self._address,
                self._hand_over,
            )
            stack.callback(drain.stop)
            self._reader.submit(drain.run)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        """The first frame that came `latency_us` after the trigger or later; no two triggers get the same.

        Raises SourceError: SOURCE_FAILED while the stream is down, NO_IMAGE where no frame comes in time.
        """
        last = order.deadline - MARGIN_US
        after = self._since
        if order.pictures_from is None:
            after = order.accepted_at + self._choice.latency_us
            last = min(last, after + self._choice.within_us)
        frame = await self._frame(after, last)
        exposed()
        name = f"{self._station}-{frame.number}"
        left_s = max(order.deadline - MARGIN_US - now_us(), 0) / 1e6
        return await self._pixels.call(lambda: picture_of(frame, name, self._choice.pixel_format), left_s)

    def collect(self, since: int | None) -> None:
        """A run takes what is newest when a picture can be judged, not every frame of the stream."""
        self._since = 0 if since is None else since + self._choice.latency_us

    async def arrival(self) -> None:
        """Wait for a frame of the run that nobody has got. Raises SourceError while the stream is down."""
        while True:
            if self._trouble is not None:
                raise _again(self._trouble)
            if self._newest is not None and self._newest.moment > self._since:
                return
            await self._news.wait()

    async def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        """Nothing to do: there is no file."""

    async def check(self) -> None:
        """Raise SourceError with the reason while the stream is down or silent."""
        if self._trouble is not None:
            raise _again(self._trouble)
        if now_us() - self._seen_at > self._address.silence_s * 1e6:
            wrong = f"{self._address.place}: no frame for more than {self._address.silence_s:g} s"
            raise SourceError(wrong, hint="is the camera on? is the network there?")

    async def _frame(self, after: int, last: int) -> Frame:
        await self.check()
        if not self._turns and (frame := self._newest) is not None and frame.moment > after:
            self._newest = None
            return frame
        turn = _Turn(after)
        self._turns.append(turn)
        try:
            async with asyncio.timeout(max(last - now_us(), 0) / 1e6):
                return await turn.frame
        except TimeoutError:
            wrong = f"{self._address.place}: no frame came in time after the trigger"
            hint = "is frame_within_ms shorter than the time between two frames?"
            raise SourceError(wrong, reason=Reason.NO_IMAGE, hint=hint) from None
        finally:
            if turn in self._turns:
                self._turns.remove(turn)

    def _hand_over(self, news: Frame | SourceError) -> None:
        """Called in the reading thread."""
        self._handed.append(news)
        self._reader.tell(self._take_over)

    # ---- called on the event loop, in the order of the frames ------------------------------------------------

    def _take_over(self) -> None:
        while self._handed:
            news = self._handed.popleft()
            if isinstance(news, Frame):
                self._on_frame(news)
            else:
                self._on_trouble(news)

    def _on_frame(self, frame: Frame) -> None:
        self._trouble, self._seen_at = None, now_us()
        while self._turns and self._turns[0].frame.done():  # cancelled
            self._turns.popleft()
        if self._turns and frame.moment > self._turns[0].after:
            self._turns.popleft().frame.set_result(frame)
        else:
            self._newest = frame
        self._tell()

    def _on_trouble(self, error: SourceError) -> None:
        self._trouble, self._newest = error, None
        for turn in self._turns:
            if not turn.frame.done():
                turn.frame.set_exception(_again(error))
        self._turns.clear()
        self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


def _again(error: SourceError) -> SourceError:
    """A new error of the same text: one that is raised twice gathers the tracebacks of both."""
    return SourceError(str(error), reason=error.reason, hint=error.hint)

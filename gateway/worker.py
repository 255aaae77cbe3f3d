"""A thread of one's own for blocking calls, as seen from asyncio.

No ThreadPoolExecutor: the interpreter waits at exit for its threads, and one that hangs in a resolver or a driver
would keep the gateway from ending. This thread is a daemon, and whoever lost it just makes a new one.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Any, Self, TypeVar

T = TypeVar("T")

log = logging.getLogger(__name__)

HOLD_S = 0.0005
"""How long a thread may keep the interpreter to itself."""
END_TIMEOUT_S = 0.5
"""An idle or aborted thread ends within a millisecond; one that hangs is left behind rather than waited for."""


class Worker:
    """One named daemon thread that does one thing after the other. Enter and leave it on one event loop.

    `farewell` runs on the thread as its last act, for what belongs to it.
    """

    def __init__(self, name: str, farewell: Callable[[], None] | None = None) -> None:
        self.name = name
        self._farewell = farewell
        self._queue: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = asyncio.Event()

    async def __aenter__(self) -> Self:
        self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.dismiss()
        await self.wait_ended()

    def start(self) -> None:
        """Start the thread. Called on the event loop."""
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, args=(self._loop,), name=self.name, daemon=True).start()

    def dismiss(self) -> None:
        """Have the thread end when it is through with what it does now."""
        self._queue.put(None)

    async def wait_ended(self) -> bool:
        """Whether the thread has ended, within half a second."""
        try:
            async with asyncio.timeout(END_TIMEOUT_S):
                await self._ended.wait()
        except TimeoutError:
            log.warning("thread %s still hangs in its call and is left behind", self.name)
            return False
        return True

    def submit(self, act: Callable[[], T]) -> asyncio.Future[T]:
        """Have `act` done on the thread; the future gets what it returns or raises. Cancelling it ends nothing there.

        Raises RuntimeError before `start`.
        """
        if self._loop is None:
            raise RuntimeError(f"worker {self.name} was not started")
        future: asyncio.Future[T] = self._loop.create_future()
        self._queue.put(partial(_do, self._loop, future, act))
        return future

    @property
    def ended(self) -> bool:
        """Whether the thread is through."""
        return self._ended.is_set()

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while (act := self._queue.get()) is not None:
            act()
        if self._farewell is not None:
            self._farewell()
        _tell(loop, self._ended.set)


def _do(loop: asyncio.AbstractEventLoop, future: asyncio.Future[T], act: Callable[[], T]) -> None:
    try:
        result = act()
    except Exception as error:  # noqa: BLE001  # nothing is swallowed: every error goes to whoever awaits the future
        _tell(loop, _fail, future, error)
    else:
        _tell(loop, _settle, future, result)


def _settle(future: asyncio.Future[T], result: T) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: asyncio.Future[T], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[..., None], *args: Any) -> None:
    """Call back on the loop, unless it is closed by now: then nobody waits any more."""
    if loop.is_closed():
        return
    try:
        loop.call_soon_threadsafe(callback, *args)
    except RuntimeError as error:  # closed between the two lines
        log.debug("nobody left to tell: %s", error)


class Courtesy:
    """For long work in a thread: lets the event loop have the interpreter now and then, before it is taken away.

    Python itself lets a thread go on for 5 ms when another one waits; that is a trigger's time.
    """

    def __init__(self) -> None:
        self._since, self._seen = time.thread_time(), time.monotonic()

    def step_aside(self) -> None:
        """Called between two pieces of the work; sleeps for a moment where HOLD_S are over.

        The thread's own time is never more than the wall's, which is asked for in a tenth of the time.
        """
        if time.monotonic() - self._seen > HOLD_S and time.thread_time() - self._since > HOLD_S:
            time.sleep(0)
            self._since, self._seen = time.thread_time(), time.monotonic()

    def given_away(self, act: Callable[[], T]) -> T:
        """What `act` returns. It gives the interpreter away by itself all the time, so what it takes is not counted."""
        since, seen = time.thread_time() - self._since, time.monotonic() - self._seen
        done = act()
        self._since, self._seen = time.thread_time() - since, time.monotonic() - seen
        return done

"""A named daemon thread that does a part's blocking file work, one piece after the other.

Not gateway.worker: there whoever asks waits for each answer, may cut it, and at the end a thread that hangs is left
behind after half a second. Here nobody waits for most of the work (files to be moved, read ahead), so it is counted
against a limit, logged where it fails, and given its time at the end: a picture that is not put aside today comes again
tomorrow.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable
from typing import Self, TypeVar

from gateway.core.errors import GatewayError, SourceError

log = logging.getLogger(__name__)

T = TypeVar("T")

STOP_S = 5.0
"""How long leaving waits for queued work: a large file on a slow disk. After that the thread is left behind."""


class Worker:
    """`async with` starts the thread; leaving ends it after the work that is queued, or after STOP_S.

    At most `limit` pieces of work wait. What hangs (`what`: a disk, a share, a camera), hangs this thread and nothing
    else.
    """

    def __init__(self, name: str, limit: int, what: str = "the file system") -> None:
        self._name = name
        self._limit = limit
        self._what = what
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._work.put(None)
        try:
            async with asyncio.timeout(STOP_S):
                await self._ended.wait()
        except TimeoutError:
            log.error("%s: %s does not answer; %d tasks are left undone", self._name, self._what, self._work.qsize())
            return
        self._thread.join(STOP_S)

    def submit(self, work: Callable[[], None]) -> bool:
        """Queue a piece of work; False where `limit` pieces wait already. An exception in it is logged."""
        if self._work.qsize() >= self._limit:
            return False
        self._work.put(work)
        return True

    async def call(self, work: Callable[[], T], timeout_s: float) -> T:
        """Do it there, wait for it here. Raises what `work` raises (OSError, GatewayError); SourceError if overdue."""
        future: asyncio.Future[T] = self._loop.create_future()
        if not self.submit(lambda: self._answer(work, future)):
            raise SourceError(f"{self._name}: too much work waits", hint=f"is {self._what} overloaded?")
        try:
            async with asyncio.timeout(timeout_s):  # wait_for swallows a cancellation that crosses the answer
                return await future
        except TimeoutError:
            raise SourceError(
                f"{self._name}: {self._what} did not answer within {timeout_s:g} s",
                hint=f"check {self._what} and the network on the way to it",
            ) from None

    def tell(self, callback: Callable[[], None]) -> None:
        """Called in the thread: have `callback` called on the event loop."""
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:  # the loop is closed: this thread hung longer than STOP_S
            log.warning("%s: ended after the gateway stopped listening", self._name)

    def _answer(self, work: Callable[[], T], future: asyncio.Future[T]) -> None:
        try:
            value = work()
        except (OSError, GatewayError) as error:
            failure = error
            self.tell(lambda: None if future.done() else future.set_exception(failure))
        else:
            self.tell(lambda: None if future.done() else future.set_result(value))

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                work()
            except Exception:
                # The thread has to outlive a fault in one piece of work; every caller has a time-out of its own.
                log.exception("%s: a piece of work failed", self._name)
        self.tell(self._ended.set)

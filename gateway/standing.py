"""Tasks and threads that should never end by themselves: where one does, that is told, and it is begun anew."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.backoff import BackOff
from gateway.worker import Worker

log = logging.getLogger(__name__)


async def standing(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run this, and again after it crashed or ended, with growing pauses, until cancelled."""
    pauses = BackOff()
    while True:
        pauses.well()
        try:
            await run()
            log.error("%s has ended by itself, and is begun anew", name)
        except Exception:
            log.exception("%s has crashed, and is begun anew", name)
        await asyncio.sleep(pauses.failed())


class StandingThread:
    """A thread in which `run` works until it is told to end. Where it crashes, `crashed` hears of it on the loop.

    Start it and stop it on one event loop.
    """

    def __init__(self, name: str, run: Callable[[], None], crashed: Callable[[Exception], None]) -> None:
        self._name, self._run, self._crashed = name, run, crashed
        self._worker = Worker(name)
        self._task: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self.restarts = 0

    def start(self) -> None:
        self._worker.start()
        self._task = asyncio.create_task(self._stand(), name=f"{self._name}-standing")

    async def stop(self, patience_s: float) -> bool:
        """`run` was told to end: wait for it. Whether the thread has ended; else it is left behind.

        Where it has crashed and not begun anew yet, it is begun now: it may have something to bring to an end.
        """
        self._ending.set()
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=patience_s)
            self._task.cancel()
        self._worker.dismiss()
        return await self._worker.wait_ended()

    async def _stand(self) -> None:
        pauses = BackOff()
        while True:
            last = self._ending.is_set()
            pauses.well()
            try:
                await self._worker.submit(self._run)
            except Exception as error:
                log.exception("%s has crashed%s", self._name, "" if last else ", and is begun anew")
                self._crashed(error)
            else:
                return
            if last:
                return
            self.restarts += 1
            try:
                async with asyncio.timeout(pauses.failed()):
                    await self._ending.wait()
            except TimeoutError:
                log.info("%s is begun anew", self._name)

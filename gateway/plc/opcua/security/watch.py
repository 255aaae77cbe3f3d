"""Looks at files once a second, in a thread of its own, and tells the loop when one of them changed."""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)

PERIOD_S = 1.0
"""How long a change waits to be seen. Polled: inotify does not see what another container or a share changed."""

LEAVING_S = 5.0
"""A look reads some small files; one that takes longer hangs on a disk that is gone, and is left to it."""


class FileWatch:
    """The thread. `looks` say whether something changed; then the loop calls `changed`. Errors of a look are logged."""

    def __init__(self, looks: Sequence[Callable[[], bool]], changed: Callable[[], None]) -> None:
        self._looks = tuple(looks)
        self._changed = changed
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._failing: set[int] = set()

    def start(self) -> None:
        """Begin to look; call it on the loop."""
        loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, args=(loop,), name="opcua-watch", daemon=True)
        self._thread.start()

    async def close(self) -> None:
        """No more looks; waits for the one that is under way."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            await asyncio.to_thread(thread.join, LEAVING_S)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._stop.wait(PERIOD_S):
            changes = [self._look(number) for number in range(len(self._looks))]
            if any(changes) and not self._stop.is_set():
                loop.call_soon_threadsafe(self._changed)

    def _look(self, number: int) -> bool:
        """One look. A disk that fails is told of once, until it works again."""
        try:
            changed = self._looks[number]()
        except OSError as error:
            if number not in self._failing:
                log.error("certificates and users cannot be looked at: %s; they stay as they were", error)
            self._failing.add(number)
            return False
        except Exception:  # a fault in one look must not end the thread, and with it the others
            if number not in self._failing:
                log.exception("certificates and users cannot be looked at; they stay as they were")
            self._failing.add(number)
            return False
        self._failing.discard(number)
        return changed

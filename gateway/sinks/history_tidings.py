"""What the writing thread tells those who wait for the disk: they hear it on the event loop."""

import logging
import threading
from collections import deque
from collections.abc import Sequence

from gateway.sinks.history_queue import Told

log = logging.getLogger(__name__)


class Tidings:
    """`tell` from any thread; the others on the event loop."""

    def __init__(self) -> None:
        self._told: deque[tuple[Sequence[Told], bool]] = deque()
        self._some = threading.Event()

    def tell(self, told: Sequence[Told], ok: bool) -> None:
        """These are to hear whether what they wait for is written: by whoever comes first, `hear` or `wait`."""
        self._told.append((told, ok))
        self._some.set()

    def hear(self) -> None:
        """Let everybody hear what there is for them."""
        self._some.clear()
        while self._told:
            told, ok = self._told.popleft()
            for one in told:
                self._hear_one(one, ok)

    @staticmethod
    def _hear_one(one: Told, ok: bool) -> None:
        """The others hear it too, and so does whoever waits for his own answer, should this one crash."""
        try:
            one(ok)
        except Exception:
            log.exception("history: who waited for an answer crashed")

    def wait(self, seconds: float) -> bool:
        """Block until there is something, for so long at most, and let it be heard at once; whether there was."""
        if not self._some.wait(seconds):
            return False
        self.hear()
        return True

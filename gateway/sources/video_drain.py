"""Keeps a stream open and drained, in a thread of its own: what is not read in time is old when it is read."""

import logging
import threading
from collections.abc import Callable

from gateway.core.errors import SourceError
from gateway.sources.pending import now_us
from gateway.sources.video_stream import Address, Frame, Stream

log = logging.getLogger(__name__)

SETTLE_US = 500_000
"""After connecting, so long frames are read and dropped: a server may send stored ones first."""
PAUSES_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Back-off: the pauses between attempts to connect; the last one stays."""


class Drain:
    """`run` is the thread's work and ends soon after `stop`: at most a blocking read's time-out later.

    `tell` is called in that thread with each frame, and with the reason when none can come.
    """

    def __init__(self, address: Address, tell: Callable[[Frame | SourceError], None]) -> None:
        self._address = address
        self._tell = tell
        self._stop = threading.Event()

    def stop(self) -> None:
        """Ask `run` to end. From any thread."""
        self._stop.set()

    def run(self) -> None:
        """Connect and read, again and again."""
        failures = 0
        try:
            while not self._stop.is_set():
                failures = 0 if self._connect() else failures + 1
                if not (self._address.is_file and failures == 0):  # a recording begins again at once
                    self._stop.wait(PAUSES_S[min(failures, len(PAUSES_S) - 1)])
        finally:
            ended = f"{self._address.place}: the thread that reads it has ended"
            self._tell(SourceError(ended, hint="restart the gateway; its log says why"))

    def _connect(self) -> bool:
        """One connection from its beginning to its end; whether frames came."""
        came = False
        try:
            with Stream(self._address) as stream:
                log.debug("%s: connected", self._address.place)
                came = self._read(stream)
        except SourceError as error:
            log.debug("%s", error)
            self._tell(error)
        return came

    def _read(self, stream: Stream) -> bool:
        settled_at = now_us() + (0 if self._address.is_file else SETTLE_US)
        came = False
        for frame in stream.frames():
            if self._stop.is_set():
                return came
            if now_us() >= settled_at:
                came = True
                self._tell(frame)
        if not self._address.is_file or not came:
            wrong = f"{self._address.place}: the stream ended"
            raise SourceError(wrong, hint="did the camera restart, or does somebody else use it?")
        return came

"""Keeps a stream open and drained, in a thread of its own: what is not read in time is old when it is read."""

import logging
import threading
from collections.abc import Callable, Iterator

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
        """One connection from its beginning to its end; whether frames came, however it ended."""
        frames = 0
        try:
            with Stream(self._address) as stream:
                log.debug("%s: connected", self._address.place)
                for _ in self._read(stream):
                    frames += 1
            if not self._stop.is_set() and not (self._address.is_file and frames):
                raise SourceError(f"{self._address.place}: the stream ended", hint="did the camera restart?")
        except SourceError as error:
            log.debug("%s", error)
            self._tell(error)
        return frames > 0

    def _read(self, stream: Stream) -> Iterator[None]:
        """Tells each frame, until the stream's end or `stop`."""
        settled_at = now_us() + (0 if self._address.is_file else SETTLE_US)
        for frame in stream.frames():
            if self._stop.is_set():
                return
            if now_us() >= settled_at:
                self._tell(frame)
                yield

"""When a frame of a stream reached this machine, and how far the reader runs behind. Reads no clock itself.

The time at which a frame was read proves nothing: a reader that was held up finds frames that waited in a queue.
A stream with time stamps shows it: read time minus time stamp is smallest where nothing waited, and what a frame has
more than that, it waited. Without time stamps only a read that had to wait shows that no frame was queued before it.
"""

DRIFT = 500e-6
"""So much (s per s) the camera's clock may run slower than this machine's; quartz clocks differ by a tenth of it."""
WAITED_US = 1000
"""A read that took so long found nothing there at first."""
LATE_US = 1_000_000
"""A frame that waited longer is late; a network that stumbles once makes some."""
PATIENCE_US = 2_000_000
"""With late frames only for so long, the reader does not keep up, or the camera's clock was set."""


class ArrivalClock:
    """For one connection. All times are monotonic microseconds; time stamps count from anywhere."""

    def __init__(self) -> None:
        self._least: float | None = None
        self._read_at = 0
        self._moment = 0
        self._late_since: int | None = None

    def moment(self, asked: int, read: int, stamp: int | None) -> int:
        """When the frame that was asked for and read at these times came, or sooner; `stamp` is the sender's time.

        Never later than the truth, as soon as one frame of this connection did not wait.
        """
        self._moment = self._by_waiting(asked, read) if stamp is None else self._by_stamp(read, stamp)
        if read - self._moment <= LATE_US:
            self._late_since = None
        elif self._late_since is None:
            self._late_since = read
        self._read_at = read
        return self._moment

    @property
    def behind_us(self) -> int:
        """How far the reader is behind where it will not catch up, else 0."""
        held = self._late_since is not None and self._read_at - self._late_since > PATIENCE_US
        return self._read_at - self._moment if held else 0

    def _by_stamp(self, read: int, stamp: int) -> int:
        lag = read - stamp
        crept = lag if self._least is None else self._least + (read - self._read_at) * DRIFT
        self._least = min(crept, lag)
        return stamp + int(self._least)

    def _by_waiting(self, asked: int, read: int) -> int:
        # It came in the time of the read; its beginning is what is sure, be this machine held up as it may.
        return asked if read - asked >= WAITED_US or not self._moment else self._moment

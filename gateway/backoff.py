"""How long to wait before what has crashed, or could not be had, is tried again."""

import time
from dataclasses import dataclass

FIRST_S = 1.0
LONGEST_S = 30.0


@dataclass(slots=True)
class BackOff:
    """A pause of `first_s`, and twice as long each further time, up to `longest_s`.

    It begins anew after what was restarted has been well for longer than the last pause: what crashes again and again,
    however well it looks in between, is tried ever less often.
    """

    first_s: float = FIRST_S
    longest_s: float = LONGEST_S
    pause_s: float = 0.0
    """The last one; 0 where all is well."""
    _well_since: float | None = None

    def failed(self) -> float:
        """It failed, now: how long to wait."""
        self._look()
        self._well_since = None
        self.pause_s = min(2 * self.pause_s, self.longest_s) if self.pause_s else self.first_s
        return self.pause_s

    def well(self) -> None:
        """It is well now; said again and again."""
        if self._well_since is None:
            self._well_since = time.monotonic()
        self._look()

    def _look(self) -> None:
        if self._well_since is not None and time.monotonic() - self._well_since > self.pause_s:
            self.pause_s = 0.0

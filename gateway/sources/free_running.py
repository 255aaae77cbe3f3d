"""A camera that cannot be triggered, used as if it could."""

import time
from collections.abc import Callable
from dataclasses import replace

from gateway.sources.genicam_camera import Frame

WAITING = 100
"""Frames thrown away at a trigger; no library keeps more."""
PASSING = 1
"""Frames after a trigger that are let pass: their exposure may have begun before it."""


class FreeRunning:
    """Each trigger takes the second frame that comes after it, under a count of its own: 1, 2, 3."""

    def __init__(self, take: Callable[[float], Frame | None]) -> None:
        """`take` gives the oldest frame that has come, waiting for the given time (seconds) at most."""
        self._take = take
        self._asked = False
        self._passing = 0
        self._wanted = False
        self._number = 0

    def trigger(self) -> None:
        """What came until now is nobody's. Frames belong to the thread of `next_frame`, so that throws them away."""
        self._asked = True

    def next_frame(self, timeout_s: float) -> Frame | None:
        """The frame of the last trigger, once; None where it does not come in this time."""
        end = time.monotonic() + timeout_s
        self._begin()
        while self._wanted:
            frame = self._take(max(end - time.monotonic(), 0))
            if frame is None:
                return None
            if not self._passing:
                self._wanted = False
                self._number += 1
                return replace(frame, number=self._number)
            self._passing -= 1
        time.sleep(max(end - time.monotonic(), 0))
        return None

    def _begin(self) -> None:
        if not self._asked:
            return
        self._asked = False
        for _ in range(WAITING):
            if self._take(0) is None:
                break
        self._passing, self._wanted = PASSING, True

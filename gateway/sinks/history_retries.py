"""When what the history could not write is tried again."""

import time

RETRY_S = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Pauses after the first failures in a row; the last one is repeated."""
RETRY_WAITED_FOR_S = 0.5
"""The longest pause where answers are kept before they are shown: until it is over none can be."""


class Retries:
    """When what has failed is tried again. `soon`: somebody waits for it."""

    def __init__(self, *, soon: bool) -> None:
        self._longest_s = RETRY_WAITED_FOR_S if soon else RETRY_S[-1]
        self._failures = 0
        self._at = 0.0

    @property
    def left_s(self) -> float:
        """Until then."""
        return max(0.0, self._at - time.monotonic())

    def failed(self) -> None:
        """Once more in a row."""
        self._at = time.monotonic() + min(RETRY_S[min(self._failures, len(RETRY_S) - 1)], self._longest_s)
        self._failures += 1

    def succeeded(self) -> None:
        """The row has ended."""
        self._failures = 0

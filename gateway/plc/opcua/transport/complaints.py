"""One line in the log for each thing that a client did wrong, and never more lines than a person can read."""

import zlib
from dataclasses import dataclass
from typing import Final

LINES: Final = 5
"""Lines at once for one address."""

EVERY_S: Final = 10.0
"""After them one line in this time."""

PLACES: Final = 64
"""Addresses are counted in so many places, whoever they are; two in one place only share their lines."""


@dataclass(slots=True)
class _Place:
    lines: float = LINES
    at: float = 0.0
    kept_back: int = 0


class Complaints:
    """Which lines may be written. `at` is monotonic seconds."""

    def __init__(self) -> None:
        self._places = [_Place() for _ in range(PLACES)]

    def line(self, address: str, text: str, at: float) -> str | None:
        """The text, with how many were kept back before it; None where it is one too many."""
        place = self._places[zlib.crc32(address.encode()) % PLACES]
        place.lines = min(place.lines + (at - place.at) / EVERY_S, LINES)
        place.at = at
        if place.lines < 1:
            place.kept_back += 1
            return None
        place.lines -= 1
        more, place.kept_back = place.kept_back, 0
        return f"{text} (and {more} more since the last such line)" if more else text

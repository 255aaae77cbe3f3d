"""How the inspections of a station are called, and when they were, for who writes them down."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """How the ids and times of a station's inspections are found."""

    result_id: Callable[[str, int], str]
    unix_us: Callable[[int], int]
    """When a monotonic microsecond was, in microseconds since 1970 (UTC)."""

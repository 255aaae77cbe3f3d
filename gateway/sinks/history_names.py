"""How the inspections of a station are called, and when they were, for who writes them down."""

from collections.abc import Callable
from dataclasses import dataclass

from gateway.core.resume import Memory


@dataclass(frozen=True, slots=True)
class Names:
    """How the ids and times of a station's inspections are found."""

    result_id: Callable[[str, int], str]
    unix_us: Callable[[int], int]
    """When a monotonic microsecond was, in microseconds since 1970 (UTC)."""

    def owed(self, station: str, memory: Memory) -> list[str]:
        """The ids of what the PLC has not taken."""
        return [self.result_id(station, one.inspection_id) for one in memory.owed]

"""How the inspections of a station are called, and when they were, for who writes them down."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Names:
    """How the ids and times of a station's inspections are found."""

    result_id: Callable[[str, int], str]
    at: Callable[[int], datetime]

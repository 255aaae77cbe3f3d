"""Old results go, a few at a time."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gateway.sinks.history_database import Database

OFTEN = 500
"""After so many new results old ones are looked for, too."""
TIDY_S = 60.0
"""How often they are looked for."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept; 0 stands for no limit."""

    days: int
    results: int

    def oldest(self) -> datetime | None:
        """What was answered before is dropped."""
        return datetime.now(UTC) - timedelta(days=self.days) if self.days else None


class Tidiness:
    """Drops what is too old or too much; go on with it at once where there is more, but after new results."""

    def __init__(self, retention: Retention) -> None:
        self._retention = retention
        self._at = 0.0
        self._new = 0

    def more(self, count: int) -> None:
        """So many new results were written."""
        self._new += count

    def see_to(self, database: "Database") -> None:
        """Drop a little, if it is time. Raises SinkError."""
        if time.monotonic() < self._at and self._new < OFTEN:
            return
        dropped = database.drop(before=self._retention.oldest(), keep=self._retention.results)
        self._new = 0
        self._at = time.monotonic() + (0.0 if dropped else TIDY_S)

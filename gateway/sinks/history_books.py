"""What the history has written and lost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HistoryBooks:
    """Since the start of the gateway. `fault`: why nothing can be written now; empty where it can."""

    stored: int
    lost: int
    waiting: int
    fault: str

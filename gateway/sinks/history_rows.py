"""What the writing thread took from its queue, as rows."""

from collections.abc import Sequence

from gateway.sinks.history_backend import Written
from gateway.sinks.history_queue import Noted, Taken
from gateway.sinks.history_table import row_of


def written(group: Sequence[Taken], notes: Sequence[Noted], *, durable: bool) -> Written:
    """One transaction for all of it."""
    rows = [row_of(one.stored) for one in group]
    amended = [one.entry.amends for one in group]
    return Written(rows, amended, [one.note() for one in notes], durable)

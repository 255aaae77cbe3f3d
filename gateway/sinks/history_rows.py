"""What the writing thread took from its queue, as rows."""

from collections.abc import Sequence

from gateway.sinks.history_backend import Written
from gateway.sinks.history_names import Names
from gateway.sinks.history_queue import Noted, Taken
from gateway.sinks.history_stations import row_of_station
from gateway.sinks.history_table import row_of


def written(group: Sequence[Taken], notes: Sequence[Noted], names: Names, *, durable: bool) -> Written:
    """One transaction for all of it."""
    rows = [row_of(one.stored) for one in group]
    amended = [one.entry.amends for one in group]
    stations = [row_of_station(one.station, one.memory, names, one.revision) for one in notes]
    return Written(rows, amended, stations, durable)

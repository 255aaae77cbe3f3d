"""A station's last results, in memory: for who asks soon after, and where no store is configured."""

from collections import OrderedDict
from collections.abc import Callable, Sequence

from gateway.core import actions as act
from gateway.ports import Recorded, ResultQuery, StationPort, Step, StoredResult
from gateway.records import Registrar

RECENT_RESULTS = 100
"""Results of each station kept in memory."""


class RecentResults:
    """`attach` it to follow the station, `detach` it at the end. Every answer is here before any event tells of it."""

    def __init__(self, station: StationPort, registrar: Registrar, size: int = RECENT_RESULTS) -> None:
        self._station = station
        self._registrar = registrar
        self._size = size
        self._results: OrderedDict[str, StoredResult] = OrderedDict()
        self._callbacks: list[Callable[[StoredResult], None]] = []
        self._end = _nothing

    @property
    def station(self) -> str:
        """Its name."""
        return self._station.name

    def attach(self) -> None:
        self._end = self._station.observe(self._note)

    def detach(self) -> None:
        self._end()
        self._end = _nothing

    def tell(self, callback: Callable[[StoredResult], None]) -> None:
        """Call back with each result from now on, at once. The callback must only take note."""
        self._callbacks.append(callback)

    def find(self, result_id: str) -> StoredResult | None:
        """The result with this id; None where it is not in memory."""
        return self._results.get(result_id)

    def read(self, query: ResultQuery) -> Sequence[StoredResult]:
        """The newest first, after `query.after` and before `query.end`; the other filters are left to the caller."""
        found = list(reversed(self._results.values()))
        after = query.after
        if after is not None and after.result_id in self._results:
            found = found[found.index(self._results[after.result_id]) + 1 :]
        elif after is not None:
            found = [one for one in found if one.answered < after.answered]
        return [one for one in found if query.end is None or one.answered < query.end][: query.limit]

    def _note(self, step: Step) -> None:
        for action in step.actions:
            if isinstance(action, act.Record):
                self._keep(Recorded(self._station.name, action.result, step.after.counts, action.presented))

    def _keep(self, recorded: Recorded) -> None:
        stored = self._registrar.stored(recorded)
        self._results[stored.result_id] = stored
        if len(self._results) > self._size:
            self._results.popitem(last=False)
        for callback in self._callbacks:
            callback(stored)


def _nothing() -> None:
    """What ends an observation that never began."""

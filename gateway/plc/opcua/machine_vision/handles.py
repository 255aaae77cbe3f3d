"""Handles: what a session has asked for and not yet released. They keep results at hand that are gone otherwise.

The client tells with each question how long it needs the answer (OPC 40100-1, 7.10.2.1: a hint in milliseconds; 0 not
at all, so that nothing is kept for it; below 0 unknown). A handle is gone when it is released, when that time is over,
and with its session.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count

from gateway.plc.opcua.methods import SessionEnd
from gateway.ports import StoredResult

HANDLES = 16
"""Handles of one session; its oldest one goes for one more."""

KEPT_RESULTS = 1000
"""Results that all handles together keep at hand. More of them, and the oldest handles keep theirs no longer."""

LONGEST_S = 600.0
"""However long a client thinks that it will need an answer."""

LAST = 2**32 - 1


@dataclass(slots=True)
class _Handle:
    session: SessionEnd
    kind: str
    until: float
    results: Sequence[StoredResult]


class Handles:
    """All handles of one server; `clock` in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._open: OrderedDict[int, _Handle] = OrderedDict()
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._open)

    def give(self, session: SessionEnd, kind: str, hint_ms: int, results: Sequence[StoredResult] = ()) -> int:
        """A new handle of this kind ("recipe", "configuration", "result"), unique as long as the server runs."""
        self._expire()
        number = (next(self._numbers) - 1) % LAST + 1
        seconds = min(hint_ms / 1000, LONGEST_S) if hint_ms > 0 else LONGEST_S
        session.tell(self, lambda: self._forget(session))
        self._open[number] = _Handle(session, kind, self._clock() + seconds, results if hint_ms else ())
        self._make_room(session)
        return number

    def release(self, session: SessionEnd, kind: str, number: int) -> bool:
        """False where this session has no such handle."""
        self._expire()
        held = self._open.get(number)
        if held is None or held.session is not session or held.kind != kind:
            return False
        del self._open[number]
        return True

    def find(self, session: SessionEnd, station: str, result_id: str) -> StoredResult | None:
        """A result that one of the session's handles keeps."""
        self._expire()
        mine = (one for held in self._open.values() if held.session is session for one in held.results)
        return next((one for one in mine if (one.station, one.result_id) == (station, result_id)), None)

    def _make_room(self, session: SessionEnd) -> None:
        mine = [number for number, held in self._open.items() if held.session is session]
        for number in mine[:-HANDLES]:
            del self._open[number]
        kept = 0
        for held in reversed(self._open.values()):
            kept += len(held.results)
            if kept > KEPT_RESULTS:
                held.results = ()

    def _expire(self) -> None:
        now = self._clock()
        for number in [number for number, held in self._open.items() if held.until <= now]:
            del self._open[number]

    def _forget(self, session: SessionEnd) -> None:
        for number in [number for number, held in self._open.items() if held.session is session]:
            del self._open[number]

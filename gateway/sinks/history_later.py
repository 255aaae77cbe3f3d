"""What becomes known of a result after its answer: gathered by everybody, written by the history's thread.

Nobody waits for it, and a result is whole without it: a gateway that is killed forgets what it learnt in the last
second.
"""

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

LATER_S = 1.0
"""How long it is gathered: what a PLC acknowledges within that time costs one row one change."""
AT_ONCE = 200
"""Results that are written in one go: new answers wait for no more than that."""
HELD = 5_000
"""Results of which something is held while the database is out of reach; of more, the oldest stay without."""

Key = tuple[str, str]
"""Station and result id."""


@dataclass(frozen=True, slots=True)
class Learnt:
    """Values by their columns, of one result."""

    key: Key
    values: dict[str, int | bool]


class Later:
    """`put` by any thread; `due` and `written` by the one that writes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        """Held for some lines only."""
        self._learnt: dict[Key, Learnt] = {}
        self._due_at = 0.0

    def put(self, station: str, result_id: str, column: str, value: int | bool) -> None:
        """Note it; a later value takes the place of an earlier one."""
        key = station, result_id
        with self._lock:
            known = self._learnt.get(key)
            if known is None and len(self._learnt) >= HELD:
                del self._learnt[next(iter(self._learnt))]
            self._learnt[key] = Learnt(key, {**known.values, column: value} if known is not None else {column: value})

    def due(self, *, now: bool = False) -> Sequence[Learnt]:
        """What is to be written, at most AT_ONCE; nothing until it was gathered for LATER_S, unless asked for `now`.

        Results that were put before this call have to be in the database first.
        """
        if not self._learnt or (not now and time.monotonic() < self._due_at):
            return ()
        with self._lock:
            learnt = [*self._learnt.values()][:AT_ONCE]
        self._due_at = time.monotonic() + (LATER_S if len(learnt) < AT_ONCE else 0.0)
        return learnt

    def written(self, learnt: Sequence[Learnt]) -> None:
        """The database has these. Of what has more to tell by now all is written once more."""
        with self._lock:
            for one in learnt:
                if self._learnt.get(one.key) is one:
                    del self._learnt[one.key]

    def __bool__(self) -> bool:
        return bool(self._learnt)

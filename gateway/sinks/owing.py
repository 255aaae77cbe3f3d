"""What the PLC does not take goes into the acceptance page as well, a moment after it was shown.

The database has it, and may not be readable at the next start. Most results are taken before: they cost nothing.
"""

import asyncio
from collections.abc import Sequence

from gateway.core.result import Result
from gateway.records import Registrar
from gateway.sinks.pages import Pages

OWED_S = 0.05
"""Within some cycles a PLC that is there has taken a result."""


class Owing:
    """Used on the event loop."""

    def __init__(self, registrar: Registrar, pages: Pages) -> None:
        self._registrar, self._pages = registrar, pages
        self._owed: dict[str, Sequence[Result]] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def note(self, station: str, owed: Sequence[Result]) -> None:
        """These are what the PLC has not taken now, in place of those before."""
        self._owed[station] = owed
        if (timer := self._timers.pop(station, None)) is not None:
            timer.cancel()
        if owed:
            self._timers[station] = asyncio.get_running_loop().call_later(OWED_S, self._owe, station)

    def close(self) -> None:
        """What is owed then is in the pages."""
        for station, timer in [*self._timers.items()]:
            timer.cancel()
            self._owe(station)

    def _owe(self, station: str) -> None:
        self._timers.pop(station, None)
        known = [self._registrar.known(station, one.inspection_id) for one in self._owed[station]]
        self._pages.owe(station, [one for one in known if one is not None])

"""When OPC UA has to wait because an inspection's own work is due.

Taking the image and asking for its judgement take some milliseconds of the event loop's attention in a dozen small
steps, and the machine waits for all of them. What OPC UA clients read and what they are told can wait for so long.
"""

import time
from collections.abc import Callable

from gateway.core import actions as act
from gateway.core.result import BY_TAGS
from gateway.ports import StationPort, Step

LONGEST_S = 0.003
"""An inspection has the right of way for this long after its trigger at most: about what the gateway itself takes
where PEKAT answers at once. Later it waits for PEKAT. Nobody gives way for longer than that, see `due`."""

SHORTEST_S = 0.001
"""Whoever waits for the rest of it waits at least so long: uvloop's timers count whole milliseconds, and one that is
asked for less fires at once. Looking again and again would take the interpreter from the thread that asks PEKAT."""


class RightOfWay:
    """Which stations have it, and until when."""

    def __init__(self) -> None:
        self._until: dict[str, float] = {}
        self.ended: Callable[[], None] = lambda: None
        """Called when nobody has it any longer because the answer is there."""

    def follow(self, station: StationPort, *, by_tags: bool) -> Callable[[], None]:
        """Give this station the right of way after each trigger by call, and by tags; returns what ends that.

        `by_tags` False for a station whose PLC is a client of OPC UA itself: it waits for what it reads.
        """
        return station.observe(lambda step: self._note(station.name, step, by_tags=by_tags))

    def due(self, since: float) -> float:
        """Monotonic seconds: when whoever waits `since` may go on. In the past, or now, where nobody has it."""
        return min(max(self._until.values(), default=0.0), since + LONGEST_S)

    def _note(self, station: str, step: Step, *, by_tags: bool) -> None:
        for action in step.actions:
            match action:
                case act.Start() if by_tags or action.origin.by != BY_TAGS.by:
                    self._until[station] = time.monotonic() + LONGEST_S
                case act.Record() if self._until.pop(station, None) is not None and not self._until:
                    self.ended()

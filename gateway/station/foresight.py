"""The step in which an answer is shown, made ready while the disk takes that answer.

The PLC waits for the disk, and then for the core and for the image that shows the result. Both are known beforehand,
for the core is pure. What is made ready counts only where nothing at all has happened in between.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from gateway.core import events as ev
from gateway.core.actions import Action
from gateway.core.deadlines import next_wake
from gateway.core.events import Event
from gateway.core.handshake import step
from gateway.core.image import Projection, TagImage
from gateway.core.state import State
from gateway.ports import Wait
from gateway.station.work import monotonic_us

QUIET_S = 0.0002
"""How long the event loop stands still once the journal has an answer to write.

Its thread needs the interpreter for about as long before it waits for the disk, and would wait for it: until the loop
is through with its turn, and each time that a PLC reads.
"""
ATTENTIVE_S = 0.0005
"""How long it stands still again once the step is ready, at most until the disk has the answer: then that is shown.

The thread needs the interpreter once more to say so, and the loop would serve a PLC that reads first. As the disk is
nearly done by then, it is 0.2 ms.

What both cost: every station, and every client, waits as long, at most once for each commit. Where other answers wait
for the disk too, nobody stands still, and nothing is made ready: their stations would stand still with this one.
"""
FRESH_US = 2_000
"""How old a step that was made ready may be: its only time that is seen is since when the result is shown."""


@dataclass(frozen=True, slots=True)
class _Foreseen:
    event: Event
    before: State
    at: int
    until: int
    """Time alone changes nothing before."""
    after: State
    actions: tuple[Action, ...]
    image: TagImage


class Foresight:
    """Of one station: does for it what `step` and `Projection.image` do. On the event loop's thread."""

    def __init__(self, projection: Projection, state: Callable[[], State]) -> None:
        self._projection, self._state = projection, state
        self._foreseen: _Foreseen | None = None
        self._image: TagImage | None = None

    def expect(self, inspection_id: int, wait: Wait) -> None:
        """The journal has begun to write this answer, and no other: make ready what comes when it has it.

        Blocks for QUIET_S, and once more, see ATTENTIVE_S, when what is under way is over and all is ready.
        """
        if self._is_next(inspection_id):
            wait(QUIET_S)  # meant to block: whatever else the loop did now would take the interpreter
            asyncio.get_running_loop().call_soon(self._look_ahead, inspection_id, wait)

    def step(self, before: State, event: Event, now: int) -> tuple[State, tuple[Action, ...]]:
        """See core.handshake.step."""
        foreseen, self._foreseen, self._image = self._foreseen, None, None
        if foreseen is None or foreseen.before is not before or foreseen.event != event:
            return step(before, event, now)
        if now >= foreseen.until:
            return step(before, event, now)
        self._image = foreseen.image
        return foreseen.after, foreseen.actions

    def image(self, state: State) -> TagImage:
        """See Projection.image; `state` is the one that the last step led to."""
        return self._image or self._projection.image(state)

    def _is_next(self, inspection_id: int) -> bool:
        """False: it is out already, or others come before it."""
        flight = self._state().flight
        return bool(flight) and flight[0].id == inspection_id

    def _look_ahead(self, inspection_id: int, wait: Wait) -> None:
        if not self._is_next(inspection_id):
            return
        before, event, at = self._state(), ev.Kept(inspection_id, True), monotonic_us()
        after, actions = step(before, event, at)
        until = min(next_wake(before), at + FRESH_US)
        self._foreseen = _Foreseen(event, before, at, until, after, actions, self._projection.image(after))
        wait(ATTENTIVE_S)

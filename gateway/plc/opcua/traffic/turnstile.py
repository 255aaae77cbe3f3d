"""Takes care that OPC UA never holds up what a machine waits for: one message for each pass of the event loop.

Modbus, the handshake and OPC UA share one event loop. asyncua answers whatever has come in before the loop looks at
its sockets again: twenty clients that read at once kept a trigger's answer waiting for sixty milliseconds. Here a
message has to pass a turnstile, and after each one the loop does everything else that is due first; while an
inspection has the right of way, none passes.

Whoever came first goes first. A connection waits with one message at a time, so that the connections take turns: a
client that sends a hundred requests at once delays each of the others by one of its messages, not by a hundred.

A loop in a thread of its own was measured as well, and took no less off a burst than this does: both threads need the
interpreter. The README has the figures of all designs.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from gateway.plc.opcua.traffic.right_of_way import SHORTEST_S, RightOfWay


class Turnstile:
    """Waits nowhere while nobody else wants to pass."""

    def __init__(self, right_of_way: RightOfWay) -> None:
        self._right_of_way = right_of_way
        right_of_way.ended = self._go_on
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._next: asyncio.Handle | None = None
        """The next look at who waits; None while the turnstile is open."""
        self._held_since: float | None = None

    async def turn(self) -> None:
        """Wait until it is one's turn. What follows up to the next `await` is what is let through."""
        loop = asyncio.get_running_loop()
        if self._next is None:
            now = time.monotonic()
            if self._right_of_way.due(now) <= now:
                self._next = loop.call_soon(self._pass_on)
                return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        if self._next is None:
            self._pass_on()
        await turn

    def held(self) -> bool:
        """Whether an inspection has the right of way just now."""
        now = time.monotonic()
        return self._right_of_way.due(now) > now

    def when_free(self, then: Callable[[], None]) -> None:
        """Call back once, when it is one's turn."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        turn.add_done_callback(lambda _: then())
        self._waiting.append(turn)
        if self._next is None:
            self._pass_on()

    def _pass_on(self) -> None:
        """The loop has been round: let the next one through, at the end of this pass, or when its time comes."""
        loop = asyncio.get_running_loop()
        self._next = None
        while self._waiting and self._waiting[0].done():  # its connection was cut while it waited
            self._waiting.popleft()
        if not self._waiting:
            return
        now = time.monotonic()
        self._held_since = self._held_since or now
        if (due := self._right_of_way.due(self._held_since)) > now:
            self._next = loop.call_later(max(due - now, SHORTEST_S), self._pass_on)
            return
        self._held_since = None
        self._waiting.popleft().set_result(None)
        self._next = loop.call_soon(self._pass_on)

    def _go_on(self) -> None:
        """Nobody has the right of way any longer: look again at the end of this pass, not when the time is over."""
        if self._held_since is not None and self._next is not None:
            self._next.cancel()
            self._next = asyncio.get_running_loop().call_soon(self._pass_on)

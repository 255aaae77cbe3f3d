"""Takes care that OPC UA never holds up what a machine waits for: one message for each pass of the event loop.

Modbus, the handshake and OPC UA share one event loop. asyncua answers whatever has come in before the loop looks at
its sockets again: twenty clients that read at once kept a trigger's answer waiting for sixty milliseconds. Here a
message has to pass a turnstile, and after each one the loop does everything else that is due first. So a trigger waits
for one OPC UA message at most at each of its stations, however many clients there are.

Whoever came first goes first. A connection waits with one message at a time, so that the connections take turns: a
client that sends a hundred requests at once delays each of the others by one of its messages, not by a hundred.
"""

import asyncio
from collections import deque


class Turnstile:
    """Waits nowhere while nobody else wants to pass."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False

    async def turn(self) -> None:
        """Wait until it is one's turn. What follows up to the next `await` is what is let through."""
        loop = asyncio.get_running_loop()
        if not self._closed:
            self._closed = True
            loop.call_soon(self._pass_on)
            return
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _pass_on(self) -> None:
        """The loop has been round: let the next one through, at the end of this pass."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():  # done: its connection was cut while it waited
                turn.set_result(None)
                asyncio.get_running_loop().call_soon(self._pass_on)
                return
        self._closed = False

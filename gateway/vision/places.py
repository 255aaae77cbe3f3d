"""Places at endpoints for images, handed out in turn: an image that finds none free waits, within its deadline."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from gateway.core.errors import InspectorError
from gateway.core.result import Reason
from gateway.vision.pool import Endpoint, choose


def now_us() -> int:
    """Monotonic microseconds, as the pool wants them."""
    return time.monotonic_ns() // 1000


@dataclass(slots=True, eq=False)
class _Waiting:
    endpoints: Sequence[Endpoint]
    tried: AbstractSet[Endpoint]
    place: asyncio.Future[Endpoint] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Places:
    """Used on one event loop. Whoever took a place gives it back."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()

    async def take(
        self, endpoints: Sequence[Endpoint], deadline: float, tried: AbstractSet[Endpoint] = frozenset()
    ) -> Endpoint:
        """A place at one of the endpoints. `deadline` is in seconds of `time.monotonic()`.

        One that comes from an endpoint that refused it (`tried`) is the eldest, and goes first. Raises InspectorError
        TIMEOUT where no place is free in time.
        """
        if (endpoint := choose(endpoints, tried)) is not None:  # whoever waits could not have it: see serve
            endpoint.begin(now_us())
            return endpoint
        waiting = _Waiting(endpoints, tried)
        if tried:
            self._waiting.appendleft(waiting)
        else:
            self._waiting.append(waiting)
        return await self._wait(waiting, deadline)

    def give_back(self, endpoint: Endpoint) -> None:
        """The image is through; whoever waits may have the place."""
        endpoint.end()
        self.serve()

    def serve(self) -> None:
        """Give those who wait what they may have now: called whenever a place is free, or an endpoint stands otherwise.

        So nobody waits for what can be had, and no newcomer overtakes.
        """
        if not self._waiting:
            return
        for waiting in tuple(self._waiting):
            if not waiting.place.done() and (endpoint := choose(waiting.endpoints, waiting.tried)) is not None:
                endpoint.begin(now_us())
                waiting.place.set_result(endpoint)
                self._waiting.remove(waiting)

    def close(self) -> None:
        """Nobody gets a place any more: whoever waits gets InspectorError SHUTDOWN."""
        while self._waiting:
            place = self._waiting.popleft().place
            if not place.done():
                place.set_exception(InspectorError("the inspector is being left", reason=Reason.SHUTDOWN))

    async def _wait(self, waiting: _Waiting, deadline: float) -> Endpoint:
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                return await waiting.place
        except TimeoutError as error:
            self._leave(waiting)
            urls = ", ".join(endpoint.url for endpoint in waiting.endpoints)
            text = f"{urls}: no answer within the inspection's time, other images are still there"
            raise InspectorError(text, reason=Reason.TIMEOUT) from error
        except asyncio.CancelledError:
            self._leave(waiting)
            raise

    def _leave(self, waiting: _Waiting) -> None:
        """Who goes at the very moment of getting a place leaves it to others."""
        place = waiting.place
        if place.done() and not place.cancelled() and place.exception() is None:
            self.give_back(place.result())
        elif waiting in self._waiting:
            self._waiting.remove(waiting)

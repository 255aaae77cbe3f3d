"""A link that cannot be had at the start, or dies while it runs: it keeps neither the other link nor the stations."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, Self

from gateway.backoff import BackOff
from gateway.core.errors import GatewayError, LinkError
from gateway.ports import Endpoint, PlcLink, StationView
from gateway.standing import standing

log = logging.getLogger(__name__)

LOOK_S = 0.5
"""How often it is looked whether a link still listens: that costs some microseconds."""
RETRY_S = 1.0
LONGEST_RETRY_S = 30.0
"""The pause is twice as long after each further try, up to this."""

Start = Literal["fail", "retry", "ignore"]


class KeptLink:
    """A ports.PlcLink. `make` makes the real one, at each attempt to enter it anew.

    `start` says what a failure at the start leads to. However it began, a link that once served is kept: what it has
    lost is mended at once, and then with growing pauses. `told` hears with True that it does not serve, with False that
    it does again.
    """

    def __init__(self, name: str, start: Start, make: Callable[[], PlcLink], told: Callable[[bool], None]) -> None:
        self._name, self._start, self._make, self._told = name, start, make, told
        self._link: PlcLink | None = None
        self._pauses = BackOff(RETRY_S, LONGEST_RETRY_S)
        self._caring: asyncio.Task[None] | None = None
        self._down = False
        self.mended = 0
        """How often it was brought to serve again."""

    @property
    def serving(self) -> bool:
        """As far as is known: it is looked for each LOOK_S."""
        return self._link is not None and not self._down

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        return self._link.endpoints if self._link is not None else ()

    @property
    def connections(self) -> int:
        return self._link.connections if self._link is not None else 0

    def rearrange(self, views: Sequence[StationView]) -> None:
        if self._link is not None:
            self._link.rearrange(views)

    def check(self) -> None:
        if self._link is not None:
            self._link.check()

    async def mend(self) -> None:
        if self._link is not None:
            await self._link.mend()

    async def __aenter__(self) -> Self:
        if self._start == "fail":
            link = self._make()
            await link.__aenter__()
            self._link = link
        elif not await self._enter():
            if self._start == "ignore":
                return self
            self._tell(down=True)
        self._caring = asyncio.create_task(standing(f"the care of {self._name}", self._care), name=f"{self._name}-care")
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._caring is not None:
            self._caring.cancel()
            await asyncio.wait({self._caring})
        if self._link is not None:
            await self._link.__aexit__(None, None, None)

    async def _care(self) -> None:
        pause = LOOK_S if self._link is not None else self._pauses.failed()
        while True:
            await asyncio.sleep(pause)
            pause = await self._look()

    async def _look(self) -> float:
        """Do what is to be done; when to look again."""
        if self._link is not None and self._serves(self._link):
            self._pauses.well()
            return LOOK_S
        self._tell(down=True)
        if await (self._enter() if self._link is None else self._mend(self._link)):
            self.mended += 1
            self._tell(down=False)
            for endpoint in self.endpoints:
                log.info("%s at %s", endpoint.link, endpoint.url)
        return max(LOOK_S, self._pauses.failed())

    def _serves(self, link: PlcLink) -> bool:
        try:
            link.check()
        except LinkError as error:
            if not self._down:
                log.error("%s is not served any more: %s", self._name, error)
            return False
        return True

    async def _mend(self, link: PlcLink) -> bool:
        return await self._attempt(link.mend)

    async def _enter(self) -> bool:
        link = self._make()
        if await self._attempt(link.__aenter__):
            self._link = link
        return self._link is not None

    async def _attempt(self, act: Callable[[], Awaitable[object]]) -> bool:
        yet = "" if self._start == "ignore" and self._link is None else " yet"
        try:
            await act()
        except GatewayError as error:
            log.error("%s is not served%s: %s", self._name, yet, error)
            return False
        except Exception:
            log.exception("%s is not served%s", self._name, yet)
            return False
        return True

    def _tell(self, *, down: bool) -> None:
        if down != self._down:
            self._down = down
            self._told(down)

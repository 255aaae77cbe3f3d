"""A link whose port cannot be had at the start need not keep the other link, and the stations, from working."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Literal, Self

from gateway.core.errors import GatewayError
from gateway.ports import Endpoint, PlcLink, StationView

log = logging.getLogger(__name__)

RETRY_S = 1.0
LONGEST_RETRY_S = 30.0
"""The pause is twice as long after each further try, up to this."""

Start = Literal["fail", "retry", "ignore"]


def by_policy(name: str, start: Start, make: Callable[[], PlcLink]) -> PlcLink:
    """The link itself, which fails the gateway's start, or one that may be late."""
    return make() if start == "fail" else LateLink(name, make, again=start == "retry")


class LateLink:
    """A ports.PlcLink. Where the inner one cannot be entered it is made anew and tried `again`, or left out."""

    def __init__(self, name: str, make: Callable[[], PlcLink], *, again: bool) -> None:
        self._name, self._make, self._again = name, make, again
        self._link: PlcLink | None = None
        self._trying: asyncio.Task[None] | None = None

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        return self._link.endpoints if self._link is not None else ()

    @property
    def connections(self) -> int:
        return self._link.connections if self._link is not None else 0

    def rearrange(self, views: Sequence[StationView]) -> None:
        if self._link is not None:
            self._link.rearrange(views)

    async def __aenter__(self) -> Self:
        if not await self._enter() and self._again:
            self._trying = asyncio.create_task(self._try(), name=f"{self._name}-late")
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._trying is not None:
            self._trying.cancel()
            await asyncio.wait({self._trying})
        if self._link is not None:
            await self._link.__aexit__(None, None, None)

    async def _try(self) -> None:
        pause = RETRY_S
        while True:
            await asyncio.sleep(pause)
            if await self._enter():
                break
            pause = min(2 * pause, LONGEST_RETRY_S)
        for endpoint in self.endpoints:
            log.info("%s at %s", endpoint.link, endpoint.url)

    async def _enter(self) -> bool:
        link = self._make()
        try:
            await link.__aenter__()
        except GatewayError as error:
            log.error("%s is not served%s: %s", self._name, " yet" if self._again else "", error)
            return False
        except Exception:
            log.exception("%s is not served%s", self._name, " yet" if self._again else "")
            return False
        self._link = link
        return True

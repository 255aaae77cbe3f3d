"""Threads with PEKAT clients, handed out for one call each. A lane whose call was cut short is thrown away."""

import asyncio
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Self, TypeVar

from gateway.core.errors import InspectorError
from gateway.core.result import Reason
from gateway.vision.pekat import ClientOptions, PekatClient
from gateway.vision.wire import Call
from gateway.worker import Worker

T = TypeVar("T")

log = logging.getLogger(__name__)

LOST_MAX = 16
"""Threads that hang where nothing can cut them (the resolver) are left behind; this many are a fault of the host."""


class _Lane:
    """One thread and its clients, one for each endpoint. The clients are touched on that thread only."""

    def __init__(self, name: str) -> None:
        self.worker = Worker(name, self._close)
        self.call: Call | None = None
        self._clients: dict[tuple[str, ClientOptions], PekatClient] = {}

    @property
    def endpoints(self) -> int:
        """How many it has a client for."""
        return len(self._clients)

    def knows(self, url: str, options: ClientOptions) -> bool:
        """Whether it has a client for this endpoint. Asked on the event loop, where a moment's delay does no harm."""
        return (url, options) in self._clients

    def perform(self, url: str, options: ClientOptions, call: Call, act: Callable[[PekatClient, Call], T]) -> T:
        call.begun = True
        client = self._clients.get((url, options))
        if client is None:
            client = self._clients[url, options] = PekatClient(url, options)
        return act(client, call)

    def _close(self) -> None:
        for client in self._clients.values():
            client.close()


class Lanes:
    """`count` lanes; entered, their threads wait. Calls beyond that number queue, within their own deadline."""

    def __init__(self, name: str, count: int) -> None:
        self._name, self._count = name, count
        self._free = asyncio.Semaphore(count)
        self._idle: list[_Lane] = []
        self._busy: set[_Lane] = set()
        self._lost: list[_Lane] = []

    async def __aenter__(self) -> Self:
        for _ in range(self._count):
            self._idle.append(self._open())
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Cut what is under way and end the threads; one that hangs is left behind within half a second."""
        lanes = [*self._idle, *self._busy, *self._lost]
        for lane in self._busy:
            if lane.call is not None:
                lane.call.abort()
        for lane in lanes:
            lane.worker.dismiss()
        await asyncio.gather(*(lane.worker.wait_ended() for lane in lanes))
        self._idle.clear()
        self._lost.clear()

    async def run(self, url: str, options: ClientOptions, call: Call, act: Callable[[PekatClient, Call], T]) -> T:
        """What `act` returns, done on a lane.

        Raises InspectorError, TIMEOUT at the call's deadline whatever the thread hangs in. Cancelling cuts the call.
        """
        if not self._idle and not self._busy:
            raise InspectorError(f"{self._name} is not running", reason=Reason.SHUTDOWN)
        self._lost = [lane for lane in self._lost if not lane.worker.ended]
        if len(self._lost) >= LOST_MAX:
            text = f"{len(self._lost)} threads hang in the name resolution of this PC"
            raise InspectorError(text, reason=Reason.INSPECTOR_OFFLINE, hint="write the address of PEKAT as a number")
        try:
            async with asyncio.timeout(call.deadline - time.monotonic()), self._free:
                return await self._on_lane(
                    self._pick(url, options), call, partial(_Lane.perform, url=url, options=options, call=call, act=act)
                )
        except TimeoutError as error:
            text = f"{url}: no answer within the inspection's time"
            raise InspectorError(text, reason=Reason.TIMEOUT) from error

    def _pick(self, url: str, options: ClientOptions) -> _Lane:
        """The idle lane that asked this endpoint last: its connection is open. Else the one that knows the fewest."""
        for at in range(len(self._idle) - 1, -1, -1):
            if self._idle[at].knows(url, options):
                return self._idle.pop(at)
        lane = min(self._idle, key=lambda lane: lane.endpoints)
        self._idle.remove(lane)
        return lane

    async def _on_lane(self, lane: _Lane, call: Call, perform: Callable[[_Lane], T]) -> T:
        lane.call = call
        self._busy.add(lane)
        future = lane.worker.submit(partial(perform, lane))
        try:
            return await future
        finally:
            self._busy.discard(lane)
            self._idle.append(self._replace(lane, call) if future.cancelled() else lane)

    def _open(self) -> _Lane:
        lane = _Lane(self._name)
        lane.worker.start()
        return lane

    def _replace(self, lane: _Lane, call: Call) -> _Lane:
        """Cut the call and let its thread go, so that the next call need not wait for either."""
        call.abort()
        lane.worker.dismiss()
        self._lost.append(lane)
        return self._open()

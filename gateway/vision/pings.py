"""Pings of PEKAT endpoints, each by itself: one that hangs holds up nobody's health but its own."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial

from gateway.core.errors import InspectorError
from gateway.core.result import Reason
from gateway.vision.breaker import Sign, sign_of_ping
from gateway.vision.lanes import Lanes
from gateway.vision.pekat import ClientOptions, PekatClient
from gateway.vision.pool import Endpoint
from gateway.vision.sending import Sender
from gateway.vision.wire import Call

log = logging.getLogger(__name__)

VERSION_TIMEOUT_S = 0.5
"""For a PEKAT that has just answered a ping."""

Ping = asyncio.Task[InspectorError | None]
"""Ends with what was wrong, or with None where the endpoint answered."""


class Pings:
    """Asks on lanes of its own, which it does not enter or leave. `told` hears what each ping says, and why."""

    def __init__(
        self,
        lanes: Lanes,
        sender: Sender,
        timeout_s: float,
        told: Callable[[Endpoint, Sign, InspectorError | None], None],
    ) -> None:
        self._lanes, self._sender, self._timeout_s, self._told = lanes, sender, timeout_s, told
        self._watching: dict[Endpoint, Ping] = {}
        self._pings: set[Ping] = set()

    def look(self, endpoint: Endpoint, options: ClientOptions) -> Ping:
        """A ping of the watch: the one under way, or a new one."""
        ping = self._watching.get(endpoint)
        if ping is None or ping.done():
            ping = self._watching[endpoint] = self._begin(endpoint, options)
        return ping

    async def watch(self, endpoints: Iterable[Endpoint], options: ClientOptions) -> None:
        """Look at all of them; return once one answers, the others are looked at to the end in the background.

        Raises InspectorError where none answers. Cancelling ends what is under way.
        """
        await _first([self.look(endpoint, options) for endpoint in endpoints])

    async def ask(self, endpoints: Iterable[Endpoint], options: ClientOptions) -> None:
        """The same with pings of its own, which wait for nothing that the watch began; the log names who is silent."""
        pings = {endpoint.url: self._begin(endpoint, options) for endpoint in endpoints}
        for url, ping in pings.items():
            if len(pings) > 1:
                ping.add_done_callback(partial(_log_silent, url))
        await _first(list(pings.values()))

    async def close(self) -> None:
        """End what is under way."""
        for ping in self._pings:
            ping.cancel()
        await asyncio.gather(*self._pings, return_exceptions=True)
        self._watching.clear()

    def _begin(self, endpoint: Endpoint, options: ClientOptions) -> Ping:
        ping = asyncio.create_task(self._ping(endpoint, options), name=f"ping {endpoint.url}")
        self._pings.add(ping)
        ping.add_done_callback(self._ended)
        return ping

    async def _ping(self, endpoint: Endpoint, options: ClientOptions) -> InspectorError | None:
        call, failed = Call(time.monotonic() + self._timeout_s), None
        try:
            await self._lanes.run(endpoint.url, options, call, PekatClient.ping)
        except InspectorError as error:
            failed = error
        sign = sign_of_ping(failed.reason if failed else Reason.NONE, sent=call.sent)
        if sign is not None and call.begun:
            self._told(endpoint, sign, failed)
        await self._find_way(endpoint, options, failed)
        return failed

    async def _find_way(self, endpoint: Endpoint, options: ClientOptions, failed: InspectorError | None) -> None:
        """What the ping means for how frames go there. Who was away may come back as another version; who is slow is
        still the same.
        """
        if failed is not None:
            if failed.reason is Reason.INSPECTOR_OFFLINE:
                self._sender.ways.forget(endpoint.url)
        elif self._sender.ways.wants_version(endpoint.url):
            try:
                await self._lanes.run(endpoint.url, options, Call.within(VERSION_TIMEOUT_S), self._sender.learn)
            except InspectorError as error:  # the way that every PEKAT understands is good until the next check
                log.debug("the shortest way is not known: %s", error)

    def _ended(self, ping: Ping) -> None:
        self._pings.discard(ping)
        if not ping.cancelled() and (error := ping.exception()) is not None:
            log.error("a ping crashed", exc_info=error)


def _log_silent(url: str, ping: Ping) -> None:
    if not ping.cancelled() and ping.exception() is None and (error := ping.result()) is not None:
        log.warning("%s is asked whether it is ready, and does not answer: %s", url, error)


async def _first(pings: Sequence[Ping]) -> None:
    """Until one endpoint answers. Raises InspectorError where none does."""
    pending, failures = set(pings), list[InspectorError]()
    try:
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            ended = [ping.result() for ping in done if not ping.cancelled()]
            if None in ended:
                return
            failures += [error for error in ended if error is not None]
    except asyncio.CancelledError:
        for ping in pending:
            ping.cancel()
        raise
    raise all_failed(failures)


def all_failed(failures: Sequence[InspectorError]) -> InspectorError:
    """What is raised where no endpoint would do: the one's own error, or all of them in one."""
    if len(failures) == 1:
        return failures[0]
    text = "; ".join(map(str, failures)) or "the pings were cut"
    return InspectorError(
        f"no endpoint answers: {text}",
        reason=failures[-1].reason if failures else Reason.CANCELLED,
        hint=failures[-1].hint if failures else "",
    )

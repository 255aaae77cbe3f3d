"""Sends each image to one endpoint of its recipe; to another one only while nothing of it has been sent."""

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Self

from gateway.core.errors import InspectorError
from gateway.core.result import Judgement, Reason
from gateway.ports import Order
from gateway.vision.breaker import WELL, BreakerRule, Sign, Standing, sign_of
from gateway.vision.lanes import Lanes
from gateway.vision.pekat import ClientOptions, PekatClient
from gateway.vision.pings import Pings, all_failed
from gateway.vision.places import Places, now_us
from gateway.vision.pool import Endpoint
from gateway.vision.sending import Sender
from gateway.vision.wire import Call

log = logging.getLogger(__name__)

PINGS_AT_A_TIME = 2
"""At each endpoint: the health check, and a recipe change that must not wait for it."""
FAIR_SHARE = 0.5
"""A time-out is held against an endpoint that had this share of the inspection's time; less, and it came too late."""


@dataclass(frozen=True, slots=True)
class _Route:
    """Where one recipe's images may go, and how its clients connect."""

    endpoints: tuple[Endpoint, ...]
    options: ClientOptions


class Dispatch:
    """The endpoints of one station's recipes. `routes`: by recipe, their URLs and how to connect.

    Recipes that name the same URL share its endpoint. `limit`: images at a time at each endpoint; `lanes`: at all
    together. `sender` is told what the pings find.
    """

    def __init__(
        self,
        station: str,
        routes: Mapping[int, tuple[tuple[str, ...], ClientOptions]],
        sender: Sender,
        *,
        limit: int,
        lanes: int,
        ping_timeout_s: float,
        rule: BreakerRule,
    ) -> None:
        self._station = station
        most = max((len(urls) for urls, _ in routes.values()), default=1)
        endpoints = {url: Endpoint(url, limit, rule) for urls, _ in routes.values() for url in urls}
        self._routes = {
            recipe: _Route(tuple(endpoints[url] for url in urls), options) for recipe, (urls, options) in routes.items()
        }
        self._pooled = {one for route in self._routes.values() if len(route.endpoints) > 1 for one in route.endpoints}
        self._left_out: set[Endpoint] = set()
        self._lanes = Lanes(f"{station}-pekat", lanes)
        self._ping_lanes = Lanes(f"{station}-pekat-check", PINGS_AT_A_TIME * most)
        self._places = Places()
        self._pings = Pings(self._ping_lanes, sender, ping_timeout_s, self._heed)

    async def __aenter__(self) -> Self:
        await self._lanes.__aenter__()
        await self._ping_lanes.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._places.close()
        await self._pings.close()
        await self._lanes.__aexit__(*exc)
        await self._ping_lanes.__aexit__(*exc)

    async def check(self, recipe: int) -> None:
        """Look at every endpoint of the recipe. Raises InspectorError where none answers."""
        route = self._routes[recipe]
        await self._pings.watch(route.endpoints, route.options)

    async def prepare(self, recipe: int) -> None:
        """Make sure that one endpoint of the recipe answers; the others are named in the log. Raises InspectorError."""
        route = self._routes[recipe]
        await self._pings.ask(route.endpoints, route.options)

    async def everywhere(self, recipe: int, until: float, act: Callable[[PekatClient, Call], None]) -> None:
        """Do this at every endpoint of the recipe, by `until` (seconds of `time.monotonic()`), beside the parts' lanes.

        Raises InspectorError where it went well at none; the others are named in the log.
        """
        route = self._routes[recipe]
        tries = [self._ping_lanes.run(one.url, route.options, Call(until), act) for one in route.endpoints]
        ended = await asyncio.gather(*tries, return_exceptions=True)
        failures = [one for one in ended if isinstance(one, InspectorError)]
        for one in ended:
            if isinstance(one, BaseException) and not isinstance(one, InspectorError):
                raise one
        if len(failures) == len(ended):
            raise all_failed(failures)
        for failure in failures:
            log.warning("%s: one of several addresses of recipe %d fails: %s", self._station, recipe, failure)

    async def judge(self, order: Order, act: Callable[[PekatClient, Call], Judgement]) -> Judgement:
        """What `act` makes of a client of one of the recipe's endpoints. Raises InspectorError.

        One that cannot be connected to leaves its image to the next, within the same deadline. An image of which
        anything was sent is never sent again.
        """
        route, tried, failures = self._routes[order.recipe], set[Endpoint](), list[InspectorError]()
        while len(tried) < len(route.endpoints):
            endpoint = await self._places.take(route.endpoints, order.deadline / 1e6, tried)
            tried.add(endpoint)
            call = _call(order.deadline / 1e6, others=len(route.endpoints) - len(tried))
            try:
                return await self._at(endpoint, route, order, call, act)
            except InspectorError as error:
                if call.sent or not call.begun or error.reason is not Reason.INSPECTOR_OFFLINE:
                    raise
                failures.append(error)
            finally:
                self._places.give_back(endpoint)
        raise all_failed(failures) from failures[-1]

    async def _at(
        self,
        endpoint: Endpoint,
        route: _Route,
        order: Order,
        call: Call,
        act: Callable[[PekatClient, Call], Judgement],
    ) -> Judgement:
        """One try, and what it says of the endpoint."""
        fair = order.deadline - now_us() >= FAIR_SHARE * (order.deadline - order.accepted_at)
        try:
            judgement = await self._lanes.run(endpoint.url, route.options, call, act)
        except InspectorError as error:
            if call.begun and (fair or error.reason is not Reason.TIMEOUT):
                self._learn(endpoint, route, error.reason, call, error)
            raise
        except asyncio.CancelledError:
            # The handshake answers at the deadline, and is first as often as not.
            if call.begun and call.spent and fair:
                self._learn(endpoint, route, Reason.TIMEOUT, call, "no answer within the inspection's time")
            raise
        self._learn(endpoint, route, judgement.reason, call, judgement.detail)
        if judgement.reason is not Reason.NONE and len(route.endpoints) > 1:
            return replace(judgement, detail=f"{endpoint.url}: {judgement.detail}")  # which of them has to be looked at
        return judgement

    def _learn(self, endpoint: Endpoint, route: _Route, reason: Reason, call: Call, why: object) -> None:
        if reason is Reason.NONE and endpoint.breaker is WELL:
            return  # nothing new, and on every trigger's path
        sign = sign_of(reason, sent=call.sent)
        if sign is None:
            return
        self._heed(endpoint, sign, why)
        if endpoint.standing is Standing.DOUBTFUL and len(route.endpoints) > 1:
            self._pings.look(endpoint, route.options)

    def _heed(self, endpoint: Endpoint, sign: Sign, why: object) -> None:
        """An image or a ping said something of an endpoint."""
        before = endpoint.standing
        endpoint.tell(sign, now_us())
        if endpoint.standing is before or endpoint not in self._pooled:
            return
        self._places.serve()
        if endpoint.standing is Standing.OPEN and endpoint not in self._left_out:
            self._left_out.add(endpoint)
            reason = str(why).removeprefix(f"{endpoint.url}: ")
            log.warning("%s: %s is left out until it is well again: %s", self._station, endpoint.url, reason)
        elif endpoint.standing is Standing.CLOSED and endpoint in self._left_out:
            self._left_out.discard(endpoint)
            log.info("%s: %s is used again", self._station, endpoint.url)


def _call(deadline: float, others: int) -> Call:
    """One try. As long as there are others, connecting gets only its share of the time that is left."""
    if not others:
        return Call(deadline)
    return Call(deadline, connect_s=max(deadline - time.monotonic(), 0.0) / (others + 1))

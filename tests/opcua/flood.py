"""Many requests at once, sent before the server's loop runs again, and turnstiles that count."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds

from benchmarks.opcua_wire import WireClient
from gateway.plc.opcua.traffic.right_of_way import RightOfWay
from gateway.plc.opcua.traffic.turnstile import Turnstile
from tests.opcua.desk import TIMEOUT_S, Bench, tag_id


class CountingTurnstile(Turnstile):
    """`turns`: how many messages were let through."""

    def __init__(self, right_of_way: RightOfWay) -> None:
        super().__init__(right_of_way)
        self.turns = 0

    async def turn(self) -> None:
        await super().turn()
        self.turns += 1


def turnstile_of(bench: Bench) -> CountingTurnstile:
    server = bench.link._server
    assert server is not None
    turnstile = server.iserver.turnstile  # type: ignore[attr-defined]  # a StationServer
    assert isinstance(turnstile, CountingTurnstile)
    return turnstile


@contextmanager
def _connected(port: int, count: int) -> Iterator[list[WireClient]]:
    with ExitStack() as stack:
        yield [stack.enter_context(WireClient(port)) for _ in range(count)]


class Crowd:
    """Connected clients without encryption. They block: the loop must not run while they wait for an answer."""

    def __init__(self, bench: Bench, count: int) -> None:
        self._port = int(bench.url.rsplit(":", 1)[1].partition("/")[0])
        self._count = count
        self._stack = ExitStack()
        self.clients: list[WireClient] = []

    async def __aenter__(self) -> "Crowd":
        self.clients = await asyncio.to_thread(self._stack.enter_context, _connected(self._port, self._count))
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._stack.close()

    def flood(self, client: WireClient, request: ua.ReadRequest, times: int) -> None:
        """Send so many requests, all before the server sees the first one."""
        message = client.encoded(request)
        for _ in range(times):
            client.send(message)

    async def answer(self, client: WireClient) -> ua.ReadResponse:
        """The next answer to this client."""
        async with asyncio.timeout(TIMEOUT_S):
            message = await asyncio.to_thread(client.message)
        return client.decoded(message, ua.ReadResponse)


def read_request(*paths: str) -> ua.ReadRequest:
    request = ua.ReadRequest()
    request.Parameters.NodesToRead = [ua.ReadValueId(tag_id(path), AttributeIds.Value) for path in paths]
    return request

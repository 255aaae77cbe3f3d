"""Places at several endpoints: how many images are where, who waits, and in which order they go."""

import asyncio
import socket
import threading

import pytest

from gateway.core.errors import InspectorError
from gateway.core.result import Reason, Verdict
from gateway.ports import Picture
from gateway.vision.breaker import USUAL_RULE, Breaker, Sign, Standing
from gateway.vision.places import Places, now_us
from gateway.vision.pool import Endpoint
from gateway.vision.settings import PekatSettings, RecipeSettings
from tests.vision.judging import order, until
from tests.vision.pooled import endpoints, hanging, images, judged, one_flight, outcome, pooled
from tests.vision.servers import ScriptedServer, answering, http, read_request


class Counting:
    """A server that knows how many images it had at a time."""

    def __init__(self) -> None:
        self.now = self.most = self.all = 0
        self._lock = threading.Lock()
        self.server = ScriptedServer(self._script)

    def _script(self, server: ScriptedServer, connection: socket.socket) -> None:
        while read_request(connection):
            with self._lock:
                self.now, self.all = self.now + 1, self.all + 1
                self.most = max(self.most, self.now)
            server.left.wait(0.03)
            with self._lock:
                self.now -= 1
            connection.sendall(http())


@pytest.mark.parametrize("workers", [1, 2])
async def test_each_endpoint_has_as_many_images_as_there_are_workers_and_all_have_their_share(workers: int) -> None:
    first, second, third = counting = Counting(), Counting(), Counting()
    with first.server, second.server, third.server:
        async with pooled(*(one.server.url for one in counting), workers=workers, in_flight=18) as part:
            found = await asyncio.gather(*(judged(part) for _ in range(18)))
            assert one_flight(part) == 0
    assert {one.verdict for one in found} == {Verdict.OK}
    assert [one.most for one in counting] == [workers] * 3
    assert all(3 <= one.all <= 9 for one in counting), [one.all for one in counting]


def two(limit: int = 1) -> list[Endpoint]:
    return [Endpoint(f"http://{n}", limit, USUAL_RULE) for n in range(2)]


def later(seconds: float = 5.0) -> float:
    return now_us() / 1e6 + seconds


async def waiting(places: Places, pool: list[Endpoint], *tried: Endpoint) -> asyncio.Task[Endpoint]:
    task = asyncio.create_task(places.take(pool, later(), set(tried)))
    await asyncio.sleep(0)
    return task


async def test_who_waits_is_served_in_turn_but_one_that_was_refused_goes_first() -> None:
    places, pool = Places(), two()
    first, second = await places.take(pool, later()), await places.take(pool, later())
    early, late = await waiting(places, pool), await waiting(places, pool)
    refused = await waiting(places, pool, first)
    places.give_back(second)
    assert await refused is second
    places.give_back(first)
    assert await early is first
    assert not late.done()
    places.give_back(first)
    assert await late is first
    assert [endpoint.in_flight for endpoint in pool] == [1, 1]


async def test_nobody_overtakes_who_waits() -> None:
    places, pool = Places(), two()
    taken = [await places.take(pool, later()) for _ in pool]
    early = await waiting(places, pool)
    places.give_back(taken[0])  # belongs to who waits, although that one has not run yet
    newcomer = await waiting(places, pool)
    assert await early is taken[0]
    assert not newcomer.done()
    newcomer.cancel()
    await asyncio.wait({newcomer})
    assert places._waiting == type(places._waiting)()


async def test_a_place_that_comes_at_the_moment_of_a_cancel_is_not_lost() -> None:
    places, pool = Places(), two()
    taken = [await places.take(pool, later()) for _ in pool]
    early, late = await waiting(places, pool), await waiting(places, pool)
    places.give_back(taken[0])
    early.cancel()
    await asyncio.wait({early})
    assert early.cancelled()
    assert await late is taken[0]
    assert [endpoint.in_flight for endpoint in pool] == [1, 1]


async def test_waiting_ends_at_the_deadline() -> None:
    places, pool = Places(), two()
    for _ in pool:
        await places.take(pool, later())
    with pytest.raises(InspectorError) as caught:
        await places.take(pool, later(0.05))
    assert caught.value.reason is Reason.TIMEOUT
    assert not places._waiting


async def test_who_waits_for_a_full_one_that_falls_ill_may_have_another_ill_one() -> None:
    places, (full, ill) = Places(), two()
    pool = [full, ill]
    ill.breaker = Breaker(Standing.OPEN)
    assert await places.take(pool, later()) is full
    waits = await waiting(places, pool)
    assert not waits.done()
    full.tell(Sign.UNREACHABLE, now_us())
    places.serve()
    assert await waits is ill


async def test_one_recipes_images_do_not_hold_up_anothers() -> None:
    places, (mine, other) = Places(), two()
    await places.take([mine], later())
    waits = await waiting(places, [mine])
    assert await places.take([other], later()) is other
    places.give_back(mine)
    assert await waits is mine


async def test_leaving_ends_who_waits() -> None:
    with hanging() as slow:
        part = pooled(slow.url, in_flight=2, workers=1)
        async with part:
            busy, waits = asyncio.create_task(outcome(part)), asyncio.create_task(outcome(part))
            await until(lambda: images(slow) == 1)
        assert (await busy, await waits) == (Reason.CANCELLED, Reason.SHUTDOWN)
        assert endpoints(part)[0].in_flight == 0


async def test_images_go_over_connections_that_are_open() -> None:
    """Lanes and endpoints find each other again: no more connections than images at a time, whoever gets which."""
    servers = [answering(http()) for _ in range(3)]
    with servers[0], servers[1], servers[2]:
        async with pooled(*(server.url for server in servers), in_flight=3, workers=1) as part:
            for _ in range(10):
                await asyncio.gather(*(judged(part) for _ in range(3)))
    assert [images(server) for server in servers] == [10] * 3
    assert [server.accepted for server in servers] == [1] * 3


async def test_recipes_that_name_the_same_address_share_its_places() -> None:
    counting = Counting()
    with counting.server, answering(http()) as other:
        recipes = [
            RecipeSettings.model_validate({"number": number, "name": "part", "urls": urls})
            for number, urls in ((1, [counting.server.url, other.url]), (2, [counting.server.url]))
        ]
        async with PekatSettings(workers=1).create("station1", recipes, [], 8) as part:
            asked = [part.inspect(Picture("x", b"image"), order(recipe=1 + number % 2)) for number in range(8)]
            assert {judgement.verdict for judgement in await asyncio.gather(*asked)} == {Verdict.OK}
    assert counting.most == 1
    assert counting.all >= 4

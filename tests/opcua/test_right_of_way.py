"""While an inspection's own work is due, OPC UA clients wait; but never longer than for some milliseconds."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from gateway.core import events as ev
from gateway.plc.opcua import server
from gateway.plc.opcua.server import StationProtocol
from gateway.plc.opcua.traffic import right_of_way
from gateway.plc.opcua.traffic.right_of_way import RightOfWay
from tests.opcua.desk import Bench, DeskStation, bench, read, tag_id, until, view
from tests.opcua.flood import CountingTurnstile, Crowd, read_request, turnstile_of

WANTED = read_request("status.result_seq", "status.busy")
PASSES = 50
FOR_EVER = 3600.0


@pytest.fixture
async def desk(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    """Two stations: the first one's control tags are Modbus's, the other one's are OPC UA's."""
    monkeypatch.setattr(server, "Turnstile", CountingTurnstile)
    stations = DeskStation(), DeskStation("station2")
    for station in stations:
        station.enable()
    async with bench(view(stations[0], controls=False), view(stations[1])) as made:
        yield made


async def passes() -> None:
    for _ in range(PASSES):
        await asyncio.sleep(0)


async def test_a_read_waits_for_the_inspection_and_goes_on_with_its_answer(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    turnstile = turnstile_of(desk)
    async with Crowd(desk, 2) as crowd:
        await passes()
        monkeypatch.setattr(right_of_way, "LONGEST_S", FOR_EVER)
        desk.station.post(ev.TriggerAsked(1, "part"))
        before = turnstile.turns
        for client in crowd.clients:
            crowd.flood(client, WANTED, 2)
        await passes()
        assert turnstile.turns == before
        desk.station.answer()
        found = [(await crowd.answer(client)).Results for client in crowd.clients for _ in range(2)]
    assert {tuple(one.Value.Value for one in values) for values in found} == {(1, False)}


async def test_what_was_sent_meanwhile_is_read_afterwards_as_it_came(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole messages, parts of them, and the end of a connection."""
    async with Crowd(desk, 3) as crowd:
        whole, part, leaving = crowd.clients
        await passes()
        monkeypatch.setattr(right_of_way, "LONGEST_S", FOR_EVER)
        desk.station.post(ev.TriggerAsked(1, "part"))
        message = part.encoded(WANTED)
        part.send(message[:50])
        crowd.flood(whole, WANTED, 20)
        crowd.flood(leaving, WANTED, 1)
        leaving.socket.close()
        await passes()
        part.socket.sendall(message[50:])
        await passes()
        server_ = desk.link._server
        assert server_ is not None
        assert server_.bserver is not None
        protocols = [one for one in server_.bserver.clients if isinstance(one, StationProtocol)]
        assert len(protocols) == 3
        assert [one for one in protocols if one._unread]
        assert all(one.messages.empty() for one in protocols)
        desk.station.answer()
        for client, times in ((whole, 20), (part, 1)):
            for _ in range(times):
                assert [one.Value.Value for one in (await crowd.answer(client)).Results] == [1, False]
        await until(lambda: len([one for one in protocols if one in desk_clients(desk)]) == 2)


def desk_clients(desk: Bench) -> list[object]:
    server_ = desk.link._server
    assert server_ is not None
    assert server_.bserver is not None
    return list(server_.bserver.clients)


async def test_an_inspection_that_takes_long_holds_nobody_up(desk: Bench) -> None:
    """Each message waits for its few milliseconds, also where triggers come one after the other."""
    client = await desk.connect()
    desk.station.post(ev.TriggerAsked(1, "part"))
    assert await read(client, "status.busy", "status.result_seq") == [True, 0]
    for _ in range(3):
        desk.station.answer()
        desk.station.post(ev.TriggerAsked(1, "part"))
        assert await read(client, "status.busy") == [True]


async def test_a_station_that_is_driven_over_opc_ua_does_not_wait_for_itself(
    desk: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await desk.connect()
    monkeypatch.setattr(right_of_way, "LONGEST_S", FOR_EVER)
    other = desk.stations[1]
    other.post(ev.TriggerAsked(1, "part"))
    assert await client.get_node(tag_id("status.busy", "station2")).read_value() is True
    other.answer()
    calling = asyncio.create_task(other.inspect("part", 0, 0))
    await passes()
    reading = asyncio.create_task(client.get_node(tag_id("status.result_seq", "station2")).read_value())
    await passes()
    assert not reading.done(), "who calls waits for the answer and for nothing else"
    other.answer()
    assert (await calling).result_seq == await reading


async def test_tags_are_shown_after_the_inspection_too(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    face = desk.link.faces[0]
    busy = face.nodes["busy"].place
    monkeypatch.setattr(right_of_way, "LONGEST_S", 0.2)
    desk.station.post(ev.TriggerAsked(1, "part"))
    began = time.monotonic()
    await until(lambda: busy.value is not None and busy.value.Value is not None and busy.value.Value.Value)
    assert time.monotonic() - began >= 0.19


def test_who_has_it_and_until_when() -> None:
    road, stations, ended = RightOfWay(), [DeskStation(f"station{n}") for n in range(2)], []
    ends = [road.follow(station, by_tags=True) for station in stations]
    road.ended = lambda: ended.append(time.monotonic())
    now = time.monotonic()
    assert road.due(now) <= now
    for station in stations:
        station.enable()
        station.post(ev.TriggerAsked(1, "part"))
    longest = right_of_way.LONGEST_S
    assert now < road.due(time.monotonic()) <= time.monotonic() + longest
    assert road.due(now - longest) <= now, "who waited for so long need not wait any longer"
    stations[0].answer()
    assert road.due(time.monotonic()) > now
    assert not ended
    stations[1].answer()
    assert len(ended) == 1
    assert road.due(now) <= now
    for end in ends:
        end()
    stations[0].post(ev.TriggerAsked(1, "part"))
    assert road.due(now) <= now

"""No client of OPC UA keeps another one waiting, nor what comes over Modbus: counted in messages, not in time."""

import asyncio
import struct
from collections.abc import AsyncIterator
from statistics import median

import pytest
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway.plc.modbus.link import Limits as ModbusLimits
from gateway.plc.modbus.link import ModbusLink
from gateway.plc.opcua import server
from gateway.plc.opcua.traffic.item_slices import AT_ONCE
from gateway.plc.opcua.traffic.right_of_way import RightOfWay
from gateway.plc.opcua.traffic.turnstile import Turnstile
from gateway.ports import Identity, StationView
from gateway.tagmap import load_map
from tests.modbus.stand import EVERYBODY, connected, frame
from tests.opcua.desk import Bench, DeskStation, bench, tag_id, view
from tests.opcua.flood import CountingTurnstile, Crowd, read_request, turnstile_of

STATUS = ("result_seq", "verdict", "ok", "nok", "result_part_id", "count_ok", "result_seq_end", "result_valid")
WANTED = read_request(*(f"status.{tag}" for tag in STATUS))
FLOOD, CROWD = 200, 20
BOTH = ua.TimestampsToReturn.Both
PASSES = 12
"""A request over another connection takes some passes of the loop: to be received, answered, received again."""
TRIES = 5
"""On a busy machine the kernel may hand a message on late: most of them come at once. Who has to wait for a flood does
so each time.
"""


@pytest.fixture
def counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "Turnstile", CountingTurnstile)


@pytest.fixture
async def counted_desk(counting: None) -> AsyncIterator[Bench]:
    station = DeskStation()
    station.enable()
    async with bench(view(station)) as made:
        yield made


async def test_a_client_that_floods_delays_another_one_by_its_share_only(counted_desk: Bench) -> None:
    turnstile = turnstile_of(counted_desk)
    async with Crowd(counted_desk, 2) as crowd:
        flooding, other = crowd.clients
        crowd.flood(flooding, WANTED, FLOOD)
        other.socket.setblocking(False)
        started, waited = turnstile.turns, list[int]()
        for _ in range(TRIES):
            await until_turns(turnstile, turnstile.turns + 3)
            before = turnstile.turns
            crowd.flood(other, WANTED, 1)
            assert await asyncio.get_running_loop().sock_recv(other.socket, 1 << 16)
            waited.append(turnstile.turns - before)
        assert median(waited) <= PASSES, waited
        assert turnstile.turns - started < FLOOD, "the flood was over before the end"


async def test_a_modbus_request_waits_for_some_messages_only_and_not_for_a_burst(counting: None) -> None:
    """Twenty clients have 400 reads under way; what comes over Modbus is answered between them."""
    station = DeskStation(user_tags=())
    station.enable()
    modbus_view = StationView(station, load_map("standard"), controls=False)
    limits = ModbusLimits(8, 0.0, EVERYBODY)
    async with (
        bench(view(station), max_connections=CROWD + 5) as desk,
        ModbusLink([modbus_view], Identity(), "127.0.0.1", 0, limits) as modbus,
        connected(int(modbus.endpoints[0].url.rsplit(":", 1)[1])) as plc,
        Crowd(desk, CROWD) as crowd,
    ):
        turnstile = turnstile_of(desk)
        started, waited = turnstile.turns, list[int]()
        for client in crowd.clients:
            crowd.flood(client, WANTED, 20)
        for _ in range(TRIES):
            await until_turns(turnstile, turnstile.turns + 3)
            before = turnstile.turns
            plc.writer.write(frame(struct.pack(">BHH", 3, 0, 16)))
            await plc.frame()
            waited.append(turnstile.turns - before)
        assert median(waited) <= PASSES, waited
        assert turnstile.turns - started < CROWD * 20


async def test_answers_of_one_connection_keep_their_order(counted_desk: Bench) -> None:
    async with Crowd(counted_desk, 1) as crowd:
        (client,) = crowd.clients
        asked = [*STATUS] * 4
        for tag in asked:
            crowd.flood(client, read_request(f"status.{tag}"), 1)
        expected = [counted_desk.station.image.values[tag] for tag in asked]
        found = [(await crowd.answer(client)).Results[0].Value.Value for _ in asked]
        assert [value or "" for value in found] == [value or "" for value in expected]


async def test_one_message_goes_through_in_each_pass_and_the_first_comes_first() -> None:
    turnstile, through = Turnstile(RightOfWay()), list[tuple[int, int]]()
    passes = 0

    def count() -> None:
        nonlocal passes
        passes += 1
        if len(through) < 12:
            asyncio.get_running_loop().call_soon(count)

    async def go(number: int) -> None:
        for _ in range(3):
            await turnstile.turn()
            through.append((passes, number))

    asyncio.get_running_loop().call_soon(count)
    await asyncio.gather(*(go(number) for number in range(4)))
    assert len({at for at, _ in through}) == len(through), "two in one pass"
    assert [number for _, number in through] == [0, *(0, 1, 2, 3), *(0, 1, 2, 3), 1, 2, 3]  # 0 asks again at once


async def test_who_leaves_while_waiting_takes_nobody_with_him() -> None:
    turnstile, through = Turnstile(RightOfWay()), list[int]()

    async def go(number: int) -> None:
        await turnstile.turn()
        through.append(number)

    tasks = [asyncio.create_task(go(number)) for number in range(4)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await asyncio.wait(tasks)
    assert through == [0, 2, 3]
    await asyncio.wait_for(go(4), 1)


async def test_nobody_waits_alone() -> None:
    turnstile = Turnstile(RightOfWay())
    await asyncio.sleep(0)
    coroutine = turnstile.turn()
    with pytest.raises(StopIteration):
        coroutine.send(None)


async def until_turns(turnstile: CountingTurnstile, turns: int) -> None:
    """Looked at in each pass."""
    async with asyncio.timeout(5):
        while turnstile.turns < turns:
            await asyncio.sleep(0)


async def test_a_thousand_monitored_items_are_made_in_slices(counted_desk: Bench) -> None:
    turnstile = turnstile_of(counted_desk)
    client = await counted_desk.connect()
    subscription = await client.create_subscription(1000, _Deaf())
    items = [monitored(tag) for tag in STATUS * 125]
    number = subscription.subscription_id
    assert number is not None
    params = ua.CreateMonitoredItemsParameters(ua.IntegerId(number), BOTH, items)
    before = turnstile.turns
    results = await client.uaclient.create_monitored_items(params)
    assert turnstile.turns - before >= 2 * 1000 // AT_ONCE - 2
    assert all(result.StatusCode.is_good() for result in results)
    assert len({result.MonitoredItemId for result in results}) == 1000
    params.SubscriptionId = ua.IntegerId(number + 1)
    with pytest.raises(UaStatusCodeError) as refused:
        await client.uaclient.create_monitored_items(params)
    assert refused.value.code == StatusCodes.BadSubscriptionIdInvalid


class _Deaf:
    def datachange_notification(self, node: object, value: object, data: object) -> None:
        """Nothing is done with it."""


def monitored(tag: str) -> ua.MonitoredItemCreateRequest:
    item = ua.MonitoredItemCreateRequest()
    item.ItemToMonitor = ua.ReadValueId(tag_id(f"status.{tag}"), AttributeIds.Value)
    item.MonitoringMode = ua.MonitoringMode.Reporting
    return item

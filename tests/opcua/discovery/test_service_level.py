"""ServiceLevel: the rule, what subscribed clients see of it, and the end of the server."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds

from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.errors import Cause, ErrorCode, Fault, OfflineReason
from gateway.core.state import Options, State
from gateway.plc.opcua.about.service_level import Fitness, fitness, service_level
from tests.opcua.desk import PLAIN, DeskStation, bench, until, view

FIT, STANDBY, ILL, ABSENT = Fitness.FIT, Fitness.STANDBY, Fitness.ILL, Fitness.ABSENT
CAMERA = Fault(ErrorCode.SOURCE_DOWN, Cause.SOURCE)
PEKAT = Fault(ErrorCode.INSPECTOR_DOWN, Cause.INSPECTOR)
NO_FAULTS: frozenset[ErrorCode] = frozenset()
IN_A_SET = {"redundancy": {"peers": [{"uri": "urn:other", "urls": ["opc.tcp://other:4840/pekat"]}]}}


@pytest.mark.parametrize(
    ("stations", "level"),
    [
        ([FIT], 255),
        ([FIT] * 16, 255),
        ([FIT, ILL], 149),
        ([FIT] * 15 + [ILL], 192),
        ([ILL] * 15 + [FIT], 106),
        ([FIT, ABSENT], 149),
        ([FIT, STANDBY], 149),
        ([STANDBY], 99),
        ([STANDBY, ILL], 50),
        ([ILL], 2),
        ([ILL, ABSENT], 2),
        ([ABSENT, ABSENT], 1),
    ],
)
def test_the_level_is_in_its_sub_range(stations: list[Fitness], level: int) -> None:
    assert service_level(stations) == level


def test_more_that_works_is_never_a_lower_level() -> None:
    """And what works at all is never below what does not."""
    for total in range(1, 17):
        levels = [service_level([FIT] * fit + [ILL] * (total - fit)) for fit in range(total + 1)]
        assert levels == sorted(levels)
        assert levels[0] == 2
        assert levels[-1] == 255
        assert all(100 <= level < 199 for level in levels[1:-1])


def _state(*offline: OfflineReason, enable: bool = True) -> State:
    return State(Options(), 1, 1, frozenset({1}), offline=frozenset(offline), commands=Commands(enable=enable))


@pytest.mark.parametrize(
    ("offline", "faults", "alone", "in_a_set"),
    [
        ((), NO_FAULTS, FIT, FIT),
        ((), {ErrorCode.SOURCE_DOWN}, ILL, ILL),
        ((), {ErrorCode.INSPECTOR_DOWN}, ILL, ILL),
        ((OfflineReason.SOURCE,), NO_FAULTS, ILL, ILL),
        ((OfflineReason.INSPECTOR, OfflineReason.PLC), NO_FAULTS, ILL, ILL),
        ((OfflineReason.PLC,), NO_FAULTS, FIT, STANDBY),
        ((OfflineReason.OPERATOR,), NO_FAULTS, FIT, STANDBY),
        ((OfflineReason.WATCHDOG,), {ErrorCode.WATCHDOG}, FIT, STANDBY),
        ((OfflineReason.STARTING,), {ErrorCode.SOURCE_DOWN}, ABSENT, ABSENT),
        ((OfflineReason.STOPPING,), NO_FAULTS, ABSENT, ABSENT),
    ],
)
def test_what_a_station_is_good_for(
    offline: tuple[OfflineReason, ...], faults: set[ErrorCode], alone: Fitness, in_a_set: Fitness
) -> None:
    known = frozenset(faults)
    assert fitness(_state(*offline), known, in_a_set=False) is alone
    assert fitness(_state(*offline), known, in_a_set=True) is in_a_set


def test_the_one_that_the_plc_did_not_enable_stands_by() -> None:
    assert fitness(_state(enable=False), NO_FAULTS, in_a_set=True) is STANDBY
    assert fitness(_state(enable=False), NO_FAULTS, in_a_set=False) is FIT


class Watcher:
    """Takes note of what a subscribed client is told."""

    def __init__(self) -> None:
        self.seen: dict[int, list[Any]] = {}

    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        self.seen.setdefault(node.nodeid.Identifier, []).append(value)

    def status_change_notification(self, status: Any) -> None:
        """The subscription ended with its server."""

    @property
    def levels(self) -> list[int]:
        return self.seen.get(ObjectIds.Server_ServiceLevel, [])


@asynccontextmanager
async def watching(client: Client, *nodes: int, period_ms: int = 20) -> AsyncIterator[Watcher]:
    watcher = Watcher()
    subscription = await client.create_subscription(period_ms, watcher)
    await subscription.subscribe_data_change([client.get_node(ua.NodeId(ua.Int32(one))) for one in nodes])
    await until(lambda: len(watcher.seen) == len(nodes))
    yield watcher


async def test_subscribed_clients_see_an_illness_come_and_go() -> None:
    """Stations that answer "no decision" stay online, so no other tag of the server would tell."""
    stations = [DeskStation("one"), DeskStation("two")]
    async with (
        bench(*(view(one) for one in stations), **PLAIN) as made,
        watching(await made.connect(), ObjectIds.Server_ServiceLevel) as watcher,
    ):
        for event, level in (
            (ev.PartFailed(CAMERA), 149),
            (ev.PartFailed(PEKAT), None),
            (ev.PartRecovered(CAMERA), None),
            (ev.PartRecovered(PEKAT), 255),
            (ev.PartFailed(PEKAT, OfflineReason.INSPECTOR), 149),
            (ev.PartRecovered(PEKAT, OfflineReason.INSPECTOR), 255),
            (ev.WentOffline(OfflineReason.OPERATOR), None),
        ):
            before = len(watcher.levels)
            stations[0].post(event)
            if level is not None:
                await until(lambda: len(watcher.levels) > before)  # noqa: B023 - awaited in the same round
        await asyncio.sleep(0.1)
        assert watcher.levels == [255, 149, 255, 149, 255]


async def test_an_illness_before_the_server_came_up_is_known() -> None:
    station = DeskStation()
    station.post(ev.PartFailed(CAMERA))
    async with bench(view(station), **PLAIN) as made:
        client = await made.connect()
        level = client.get_node(ua.NodeId(ua.Int32(ObjectIds.Server_ServiceLevel)))
        assert await level.read_value() == 2


async def test_in_a_redundant_set_the_level_is_that_of_whom_the_plc_enables() -> None:
    station = DeskStation()
    async with (
        bench(view(station), **PLAIN, **IN_A_SET) as made,
        watching(await made.connect(), ObjectIds.Server_ServiceLevel) as watcher,
    ):
        station.enable()
        await until(lambda: len(watcher.levels) == 2)
        station.post(ev.PlcWrote(Commands()))
        await until(lambda: len(watcher.levels) == 3)
        assert watcher.levels == [99, 255, 99]


END = (
    ObjectIds.Server_ServerStatus_State,
    ObjectIds.Server_ServerStatus_SecondsTillShutdown,
    ObjectIds.Server_ServerStatus_ShutdownReason,
    ObjectIds.Server_ServiceLevel,
)


async def test_clients_are_told_of_the_end_before_it_comes() -> None:
    async with (
        bench(view(DeskStation()), **PLAIN) as made,
        watching(await made.connect(), ObjectIds.Server_ServerStatus, *END, period_ms=100) as watcher,
    ):
        ending = time.monotonic()
        await made.link.__aexit__()
        assert 0.1 < time.monotonic() - ending < 2.5
        last = [watcher.seen[one][-1] for one in END]
        whole = watcher.seen[ObjectIds.Server_ServerStatus][-1]
    assert last[0] == ua.ServerState.Shutdown
    assert last[1] == 1
    assert last[2].Text == "The gateway was stopped."
    assert last[3] == 1
    assert (whole.State, whole.SecondsTillShutdown, whole.BuildInfo.SoftwareVersion) == (last[0], 1, "1.2.3")


async def test_without_subscriptions_nobody_is_waited_for() -> None:
    async with bench(view(DeskStation()), **PLAIN) as made:
        client = await made.connect()
        await client.disconnect()
        made.clients.clear()
        ending = time.monotonic()
    assert time.monotonic() - ending < 1.0

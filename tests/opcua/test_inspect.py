"""The method Inspect: its answer, its refusals, and who waits for it."""

import asyncio
import json
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway.core.commands import Commands
from gateway.core.errors import OfflineReason
from gateway.core.events import WentOffline
from gateway.core.result import Origin, Reason, no_decision
from gateway.plc.opcua.processor import CALLS_AT_ONCE
from tests.opcua.desk import (
    NOK,
    PAT,
    Bench,
    DeskStation,
    bench,
    bit,
    item,
    read,
    tag_id,
    text,
    u16,
    u32,
    until,
    view,
    write,
)

Arguments = list[ua.Variant]


async def call(client: Client, arguments: Arguments, *, on: str = "station1", method: str = "") -> ua.CallMethodResult:
    """One Call request, as it is: nothing of asyncua's client in between that would check or convert."""
    request = ua.CallMethodRequest()
    request.ObjectId = ua.NodeId(ua.String(on), ua.Int16(2))
    request.MethodId = tag_id("Inspect", method or on)
    request.InputArguments = arguments
    result: ua.CallMethodResult = (await client.uaclient.call([request]))[0]
    return result


def arguments(part_id: str = "P-1", recipe: int = 0, timeout_ms: int = 0) -> Arguments:
    return [text(part_id), u16(recipe), u32(timeout_ms)]


async def test_the_answer_comes_back_with_everything(desk: Bench, client: Client) -> None:
    calling = asyncio.create_task(call(client, arguments("Teil ä")))
    await until(lambda: desk.station.started)
    desk.station.answer(NOK)
    result = await calling
    assert result.StatusCode.is_good()
    verdict, reason, seq, found, times = [output.Value for output in result.OutputArguments]
    assert [output.VariantType.name for output in result.OutputArguments] == ["UInt16"] * 3 + ["String"] * 2
    assert (verdict, reason, seq) == (2, 0, 1)
    assert json.loads(found) == [
        {"label": "Scratch", "class": 1, "confidence": 0.987, "x": 10, "y": 20, "width": 30, "height": 40},
        {"label": "Fleck ä", "class": 2, "confidence": 0.5, "x": 50, "y": 60, "width": 7, "height": 8},
    ]
    durations = json.loads(times)
    assert set(durations) == {"exposed_ms", "inspector_ms", "total_ms"}
    assert durations["inspector_ms"] == 4.0
    assert 0 <= durations["exposed_ms"] <= durations["total_ms"] < 5_000
    assert await read(client, "status.result_seq", "status.result_part_id", "status.verdict") == [1, "Teil ä", 2]


async def test_no_decision_is_an_answer_too(desk: Bench, client: Client) -> None:
    calling = asyncio.create_task(call(client, arguments()))
    await until(lambda: desk.station.started)
    desk.station.answer(no_decision(Reason.BAD_IMAGE))
    result = await calling
    assert result.StatusCode.is_good()
    assert [output.Value for output in result.OutputArguments[:2]] == [3, Reason.BAD_IMAGE]


async def test_an_inspection_past_its_time_is_answered_with_no_decision(desk: Bench, client: Client) -> None:
    """H7: the time-out comes from the arguments; the answer is verdict 3, not an error."""
    calling = asyncio.create_task(call(client, arguments(timeout_ms=30)))
    await until(lambda: desk.station.started)
    await asyncio.sleep(0.04)  # real time has to pass: the core's clock is the machine's
    desk.station.write(Commands(enable=True))
    result = await calling
    assert [output.Value for output in result.OutputArguments[:2]] == [3, Reason.TIMEOUT]


async def test_the_inspection_knows_who_asked_for_it(desk: Bench, client: Client) -> None:
    """By the method, and by the tags; a user's name, and where he called from."""
    calling = asyncio.create_task(call(client, arguments()))
    await until(lambda: desk.station.started)
    desk.station.answer()
    await calling
    await write(client, item("control.trigger_seq", u16(77)))
    await until(lambda: len(desk.station.started) == 2)
    asked = [one.origin for one in desk.station.started]
    assert asked == [Origin("inspect", client=f"opcua {PAT} 127.0.0.1"), Origin(client=f"opcua {PAT} 127.0.0.1")]


@pytest.mark.parametrize("given", ["too few", "none", "too many", "types", "array", "long"])
async def test_wrong_arguments_have_their_own_status(desk: Bench, client: Client, given: str) -> None:
    """asyncua calls a method with whatever arguments come, however many."""
    cases: dict[str, tuple[Arguments, str, list[str]]] = {
        "too few": (arguments()[:2], "BadArgumentsMissing", []),
        "none": ([], "BadArgumentsMissing", []),
        "too many": ([*arguments(), u16(1)], "BadTooManyArguments", []),
        "types": ([u16(1), u16(1), u16(1)], "BadInvalidArgument", ["BadTypeMismatch", "Good", "BadTypeMismatch"]),
        "array": (
            [text("a"), ua.Variant([1], ua.VariantType.UInt16), u32(0)],
            "BadInvalidArgument",
            ["Good", "BadTypeMismatch", "Good"],
        ),
        "long": (arguments("ä" * 17), "BadInvalidArgument", ["BadOutOfRange", "Good", "Good"]),
    }
    sent, status, each = cases[given]
    result = await call(client, sent)
    assert result.StatusCode.name == status
    assert [one.name for one in result.InputArgumentResults][: len(each)] == each
    assert result.OutputArguments == []
    assert desk.station.started == []
    assert desk.station.state.counts.missed == 0


async def test_a_station_that_is_not_ready_refuses_and_its_tags_say_why(desk: Bench, client: Client) -> None:
    """H4: rejected and counted; the reason is readable where every other rejection's is."""
    desk.station.post(WentOffline(OfflineReason.OPERATOR))
    result = await call(client, arguments())
    assert (result.StatusCode.name, result.OutputArguments) == ("BadInvalidState", [])
    words = await read(client, "status.reject_reason.ValueAsText", "status.trigger_rejected", "status.count_missed")
    assert [words[0].Text, *words[1:]] == ["offline", True, 1]


async def test_a_busy_station_refuses_a_second_call(desk: Bench, client: Client) -> None:
    first = asyncio.create_task(call(client, arguments()))
    await until(lambda: desk.station.started)
    assert (await call(client, arguments())).StatusCode.name == "BadInvalidState"
    desk.station.answer()
    assert (await first).StatusCode.is_good()


async def test_recipes(desk: Bench, client: Client) -> None:
    """A recipe that is not in force is changed to first; an unknown one is the argument's fault."""
    unknown = await call(client, arguments(recipe=9))
    assert unknown.StatusCode.name == "BadInvalidArgument"
    assert [one.name for one in unknown.InputArgumentResults] == ["Good", "BadOutOfRange", "Good"]
    calling = asyncio.create_task(call(client, arguments(recipe=2)))
    await until(lambda: desk.station.started)
    assert desk.station.started[0].recipe == 2
    desk.station.answer()
    assert (await calling).StatusCode.is_good()


async def test_a_station_of_another_link_is_not_to_be_inspected_from_here() -> None:
    """Exactly one link owns the control tags."""
    station = DeskStation()
    station.enable()
    async with bench(view(station, controls=False)) as made:
        client = await made.connect()
        assert (await call(client, arguments())).StatusCode.name == "BadUserAccessDenied"
        assert station.started == []
        assert station.state.counts.missed == 0


async def test_the_method_of_another_station_is_not_this_ones() -> None:
    stations = [DeskStation("a"), DeskStation("b")]
    async with bench(*map(view, stations)) as made:
        client = await made.connect()
        assert (await call(client, arguments(), on="a", method="b")).StatusCode.name == "BadMethodInvalid"
        assert not stations[0].started
        assert not stations[1].started


async def test_nobody_waits_for_a_call_not_even_its_own_connection(desk: Bench, client: Client) -> None:
    """The same connection reads, writes and is told of changes while Inspect waits, and so do others."""
    other = await desk.connect()
    calling = asyncio.create_task(call(client, arguments()))
    await until(lambda: desk.station.started)
    for one in (client, other):
        async with asyncio.timeout(1.0):
            assert await read(one, "status.busy") == [True]
            assert await write(one, item("control.enable", bit(True))) == ["Good"]
    assert not calling.done()
    desk.station.answer()
    assert (await calling).StatusCode.is_good()


async def test_calls_under_way_are_limited(desk: Bench, client: Client) -> None:
    """The one that is too many gets a fault; those under way are not disturbed."""
    stations = desk.station
    waiting: list[asyncio.Future[Any]] = []

    async def never_ready(part_id: str, recipe: int, timeout_ms: int, client: str = "") -> Any:
        waiting.append(asyncio.get_running_loop().create_future())
        return await waiting[-1]

    stations.inspect = never_ready  # type: ignore[method-assign]  # a station that keeps everybody waiting
    calls = [asyncio.create_task(call(client, arguments())) for _ in range(CALLS_AT_ONCE)]
    await until(lambda: len(waiting) == CALLS_AT_ONCE)
    with pytest.raises(UaStatusCodeError) as refused:
        await call(client, arguments())
    assert refused.value.code == StatusCodes.BadTooManyOperations
    assert await read(client, "status.busy") == [False]
    for task in calls:
        task.cancel()
    await asyncio.wait(calls)


async def test_a_client_that_leaves_takes_its_call_along_and_the_answer_still_reaches_the_tags(desk: Bench) -> None:
    """H7, H23: the inspection is answered all the same."""
    leaving = await desk.connect()
    calling = asyncio.create_task(call(leaving, arguments("orphan")))
    await until(lambda: desk.station.started)
    calling.cancel()
    desk.clients.remove(leaving)
    await leaving.disconnect()
    await asyncio.wait([calling])
    desk.station.answer(NOK)
    staying = await desk.connect()
    assert await read(staying, "status.verdict", "status.result_part_id") == [2, "orphan"]

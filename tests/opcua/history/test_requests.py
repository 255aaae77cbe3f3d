"""HistoryRead requests that are wrong, in part or as a whole, and what the address space says of the history."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from asyncua import ua
from asyncua.common.node import Node
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway.core.errors import SinkError
from gateway.core.image import result_values
from gateway.core.result import Judgement, Verdict
from gateway.plc.opcua import history as service
from gateway.plc.opcua.history import MOST_NODES
from gateway.plc.opcua.history_points import MOST_POINTS, Points
from gateway.plc.opcua.history_tags import HISTORIZED
from tests.opcua.desk import DeskStation, bench, tag_id, view
from tests.opcua.history.past import OPEN, Past, answered_at, at, history_read, node, past, raw, status, values
from tests.sinks.results import SCRATCH, recorded

ALL: dict[str, Any] = {"start": at(-1), "end": at(100)}


async def refused(opened: Past, details: Any, *items: Any, **more: Any) -> str:
    """The status by which the request as a whole is refused."""
    with pytest.raises(UaStatusCodeError) as caught:
        await history_read(opened.client, details, *items, **more)
    return str(ua.StatusCode(ua.UInt32(caught.value.code)).name)


async def test_requests_that_are_wrong_as_a_whole() -> None:
    async with past(*answered_at(1, 2, 3)) as opened:
        good = raw(**ALL)
        assert await refused(opened, good) == "BadNothingToDo"
        assert await refused(opened, good, *[node()] * (MOST_NODES + 1)) == "BadTooManyOperations"
        assert await refused(opened, None, node()) == "BadHistoryOperationInvalid"
        assert await refused(opened, ua.Range(), node()) == "BadHistoryOperationInvalid"
        for bad in (raw(at(1)), raw(OPEN, at(1)), raw(count=5), raw(count=5, bounds=True), raw()):
            assert await refused(opened, bad, node()) == "BadHistoryOperationInvalid"
        neither = ua.TimestampsToReturn.Neither
        assert await refused(opened, good, node(), stamps=neither) == "BadTimestampsToReturnInvalid"
        assert len(values((await opened.read(node(), **ALL))[0])) == 3


async def test_each_node_has_its_own_status() -> None:
    encoded = ua.QualifiedName("Default Binary", 0)
    items = {
        "Good": node(),
        "BadNodeIdUnknown": node("status.nothing"),
        "BadHistoryOperationUnsupported": node("status.heartbeat"),
        "BadDataEncodingInvalid": node(DataEncoding=encoded),
        "BadIndexRangeInvalid": node("status.result_part_id", IndexRange="3:1"),
        "BadContinuationPointInvalid": node(point=b"unknown"),
    }
    async with past(*answered_at(1, 2, 3)) as opened:
        results = await opened.read(*items.values(), **ALL)
        assert [status(one) for one in results] == list(items)
        assert [len(values(one)) for one in results] == [3, 0, 0, 0, 0, 0]


@pytest.mark.parametrize(
    "details",
    [
        raw(at(0), at(9), modified=True),
        ua.ReadProcessedDetails(at(0), at(9), 1000, [ua.NodeId(ua.Int32(ObjectIds.AggregateFunction_Average))]),
        ua.ReadAtTimeDetails([at(1)]),
        ua.ReadAnnotationDataDetails([at(1)]),
    ],
    ids=lambda details: type(details).__name__,
)
async def test_other_reads_are_not_supported(details: Any) -> None:
    async with past(*answered_at(1, 2, 3)) as opened:
        results = await history_read(opened.client, details, node(), node("status.nothing"))
        assert [status(one) for one in results] == ["BadHistoryOperationUnsupported", "BadNodeIdUnknown"]


async def test_modified_values_have_no_bounds() -> None:
    async with past(*answered_at(1)) as opened:
        (result,) = await history_read(opened.client, raw(at(0), at(9), modified=True, bounds=True), node())
        assert status(result) == "BadInvalidArgument"


async def test_writing_the_history_is_refused() -> None:
    async with past(*answered_at(1)) as opened:
        update = ua.HistoryUpdateRequest()
        update.Parameters.HistoryUpdateDetails = [ua.DeleteRawModifiedDetails(tag_id("status.verdict", "s1"))]
        protocol: Any = opened.client.uaclient.protocol
        with pytest.raises(UaStatusCodeError) as caught:
            await protocol.send_request(update)
        assert ua.StatusCode(ua.UInt32(caught.value.code)).name == "BadServiceUnsupported"
        assert len(values((await opened.read(node(), **ALL))[0])) == 1


async def test_both_times_are_those_of_the_answer() -> None:
    async with past(*answered_at(1)) as opened:
        for stamps, expected in (
            (ua.TimestampsToReturn.Source, (at(1), None)),
            (ua.TimestampsToReturn.Server, (None, at(1))),
            (ua.TimestampsToReturn.Both, (at(1), at(1))),
        ):
            (result,) = await history_read(opened.client, raw(**ALL), node(), stamps=stamps)
            (value,) = result.HistoryData.DataValues
            assert (value.SourceTimestamp, value.ServerTimestamp) == expected


async def test_every_tag_has_the_values_that_it_showed() -> None:
    judgements = [
        Judgement(Verdict.NOK, detections=(SCRATCH,) * 3, score=0.75, inspector_us=4_500),
        Judgement(Verdict.OK, score=1e9),
        Judgement(Verdict.OK, score=-1.0, inspector_us=10**9),
    ]
    answers = [recorded(number, judgement=judgement) for number, judgement in enumerate(judgements, 1)]
    answers[1] = replace(answers[1], presented=False)
    paths = [f"status.{name}" for name in HISTORIZED]
    async with past(*answers) as opened:
        results = await opened.read(*map(node, paths), **ALL)
    for name, result in zip(HISTORIZED, results, strict=True):
        found = [value for value, _, _ in values(result)]
        if name.startswith("count_"):
            assert found == [getattr(one.counts, name.removeprefix("count_")) for one in answers]
        elif name == "result_seq":
            assert found == [1, 3]
        else:
            shown = [result_values(one.result, ())[name] for one in answers if one.presented]
            assert found == shown, name


async def test_a_part_of_a_text_and_of_what_is_none() -> None:
    answers = [recorded(1, part_id="abcdef"), recorded(2, part_id="a"), recorded(3, part_id="")]
    async with past(*answers) as opened:
        texts, numbers = await opened.read(node("status.result_part_id", IndexRange="1:3"), node(IndexRange="0"), **ALL)
    nothing = (None, "BadIndexRangeNoData")
    assert [(value, state) for value, _, state in values(texts)] == [("bcd", "Good"), nothing, nothing]
    assert [(value, state) for value, _, state in values(numbers)] == [nothing] * 3


async def test_stations_have_pasts_of_their_own() -> None:
    answers = [recorded(1), recorded(2, station="s2"), recorded(3)]
    async with past(*answers, stations=["s1", "s2"]) as opened:
        results = await opened.read(node(), node(station="s2"), **ALL)
        assert [[value for value, _, _ in values(one)] for one in results] == [[1, 3], [2]]


# ---- continuation points -----------------------------------------------------------------------------------------


@pytest.fixture
def small_pages() -> Any:
    with patch.object(service, "MOST_VALUES", 2):
        yield


async def points(opened: Past, count: int) -> Sequence[bytes]:
    results = await opened.read(*[node()] * count, **ALL)
    assert all(one.ContinuationPoint for one in results)
    return [one.ContinuationPoint for one in results]


@pytest.mark.usefixtures("small_pages")
class TestContinuationPoints:
    async def test_a_point_is_good_once(self) -> None:
        async with past(*answered_at(1, 2, 3, 4, 5)) as opened:
            (point,) = await points(opened, 1)
            (second,) = await opened.read(node(point=point), **ALL)
            assert [value for value, _, _ in values(second)] == [3, 4]
            (again,) = await opened.read(node(point=point), **ALL)
            assert status(again) == "BadContinuationPointInvalid"
            (last,) = await opened.read(node(point=second.ContinuationPoint), **ALL)
            assert ([value for value, _, _ in values(last)], last.ContinuationPoint) == ([5], None)

    async def test_a_released_point_is_gone(self) -> None:
        async with past(*answered_at(1, 2, 3)) as opened:
            (point,) = await points(opened, 1)
            released = await history_read(
                opened.client, raw(**ALL), node(point=point), node(point=b"unknown"), node(), release=True
            )
            wrong = "BadContinuationPointInvalid"
            assert [status(one) for one in released] == ["Good", wrong, wrong]
            assert all(not values(one) for one in released)
            (result,) = await opened.read(node(point=point), **ALL)
            assert status(result) == wrong

    async def test_a_point_is_of_its_node(self) -> None:
        async with past(*answered_at(1, 2, 3)) as opened:
            (point,) = await points(opened, 1)
            (result,) = await opened.read(node("status.verdict", point), **ALL)
            assert status(result) == "BadContinuationPointInvalid"

    async def test_a_point_is_of_its_session(self) -> None:
        async with past(*answered_at(1, 2, 3)) as opened:
            (point,) = await points(opened, 1)
            other = await opened.bench.connect()
            (stolen,) = await history_read(other, raw(**ALL), node(point=point))
            assert status(stolen) == "BadContinuationPointInvalid"
            (own,) = await opened.read(node(point=point), **ALL)
            assert status(own) == "Good"

    async def test_the_oldest_point_gives_way(self) -> None:
        async with past(*answered_at(1, 2, 3)) as opened:
            old = await points(opened, MOST_POINTS)
            (new,) = await points(opened, 1)
            items = [node(point=one) for one in (old[0], old[1], new)]
            results = await opened.read(*items, **ALL)
            assert [status(one) for one in results] == ["BadContinuationPointInvalid", "Good", "Good"]

    async def test_new_results_come_in_their_place(self) -> None:
        """A read that is under way while the line runs neither repeats nor skips anything."""
        async with past(*answered_at(1, 2, 3)) as opened:
            (first,) = await opened.read(node(), start=at(0), end=at(100))
            opened.history.put(recorded(4, 4_000_000))
            (second,) = await opened.read(node(point=first.ContinuationPoint), start=at(0), end=at(100))
            assert [value for value, _, _ in [*values(first), *values(second)]] == [1, 2, 3, 4]

    async def test_a_point_outlives_a_store_that_is_out_of_order(self, tmp_path: Path) -> None:
        async with past(*answered_at(1, 2, 3), file=tmp_path / "h.db") as opened:
            (point,) = await points(opened, 1)
            with patch.object(opened.history, "_database", side_effect=SinkError("gone for a while")):
                (failed,) = await opened.read(node(point=point), **ALL)
                (fresh,) = await opened.read(node(), **ALL)
            assert (status(failed), status(fresh)) == ("BadDataUnavailable", "BadDataUnavailable")
            (result,) = await opened.read(node(point=point), **ALL)
            assert [value for value, _, _ in values(result)] == [3]


def test_points_of_one_request_do_not_push_each_other_out() -> None:
    kept: Points[int] = Points()
    request: set[bytes] = set()
    made = [kept.keep(number, request) for number in range(MOST_POINTS + 3)]
    assert made[MOST_POINTS:] == [None] * 3
    assert [kept.take(point) for point in made if point is not None] == list(range(MOST_POINTS))


# ---- what the address space says -----------------------------------------------------------------------------------


async def attribute(place: Node, number: AttributeIds) -> Any:
    value = (await place.read_attribute(number)).Value
    assert value is not None
    return value.Value


async def test_nodes_say_that_they_have_a_history() -> None:
    async with past() as opened:
        client = opened.client
        for name, readable in (("verdict", True), ("count_ok", True), ("heartbeat", False), ("error_code", False)):
            place = client.get_node(tag_id(f"status.{name}", "s1"))
            levels = [await attribute(place, one) for one in (AttributeIds.AccessLevel, AttributeIds.UserAccessLevel)]
            assert levels == [5, 5] if readable else [1, 1]
            assert await attribute(place, AttributeIds.Historizing) is readable
            found = await place.get_references(ObjectIds.HasHistoricalConfiguration, ua.BrowseDirection.Forward)
            assert [one.BrowseName.Name for one in found] == (["HA Configuration"] if readable else [])
        assert await client.get_node(ObjectIds.HAConfiguration_Stepped).read_value() is True
        names = ("TreatUncertainAsBad", "PercentDataBad", "PercentDataGood", "UseSlopedExtrapolation")
        aggregate = [getattr(ObjectIds, f"HAConfiguration_AggregateConfiguration_{name}") for name in names]
        assert [await client.get_node(one).read_value() for one in aggregate] == [True, 100, 100, False]


async def test_the_server_tells_what_it_can() -> None:
    async with past() as opened:
        capabilities = opened.client.get_node(ObjectIds.HistoryServerCapabilities)
        told: dict[str | None, Any] = {
            (await one.read_browse_name()).Name: await one.read_value() for one in await capabilities.get_properties()
        }
        assert told.pop("AccessHistoryDataCapability") is True
        assert told.pop("ServerTimestampSupported") is True
        assert told.pop("MaxReturnDataValues") == 1000
        events = told.pop("AccessHistoryEventsCapability"), told.pop("MaxReturnEventValues")
        assert events in {(True, 200), (False, 0)}
        assert set(told.values()) == {False}
        limit = ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData
        assert await opened.client.get_node(limit).read_value() == MOST_NODES
        most = ObjectIds.Server_ServerCapabilities_MaxHistoryContinuationPoints
        assert await opened.client.get_node(most).read_value() == MOST_POINTS


async def test_without_a_store_nothing_has_a_history() -> None:
    async with bench(view(DeskStation("s1", user_tags=()))) as opened:
        client = await opened.connect()
        (result,) = await history_read(client, raw(**ALL), node())
        assert status(result) == "BadHistoryOperationUnsupported"
        place = client.get_node(tag_id("status.verdict", "s1"))
        assert await attribute(place, AttributeIds.AccessLevel) == 1
        told = client.get_node(ObjectIds.HistoryServerCapabilities_AccessHistoryDataCapability)
        assert await told.read_value() is False


async def test_a_viewer_may_read_the_past_and_nobody_needs_a_name_for_it_where_reading_needs_none() -> None:
    async with past(*answered_at(1), user=None) as opened:
        assert len(values((await opened.read(node(), **ALL))[0])) == 1


async def test_other_requests_of_the_connection_are_answered_meanwhile(tmp_path: Path) -> None:
    async with past(*answered_at(1), file=tmp_path / "h.db") as opened:
        go = asyncio.get_running_loop().create_future()
        ask = opened.history.read

        async def slow(query: Any) -> Any:
            await go
            return await ask(query)

        with patch.object(opened.history, "read", slow):
            reading = asyncio.create_task(opened.read(node(), **ALL))
            async with asyncio.timeout(5):
                params = ua.ReadParameters()
                params.NodesToRead = [ua.ReadValueId(tag_id("status.boot_id", "s1"), AttributeIds.Value)]
                (value,) = await opened.client.uaclient.read(params)
            assert value.Value is not None
            assert value.Value.Value == 77
            assert not reading.done()
            go.set_result(None)
            assert len(values((await reading)[0])) == 1

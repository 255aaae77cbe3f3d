"""HistoryRead requests that are wrong, in part or as a whole, and what each tag's values are."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway.core.image import result_values
from gateway.core.result import Judgement, Verdict
from gateway.plc.opcua.history_read.service import MOST_NODES
from gateway.plc.opcua.history_read.tags import HISTORIZED
from tests.opcua.desk import NOK, USER_TAGS, tag_id
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
    answers[1] = answers[1]._replace(presented=False)
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


async def test_user_values_have_a_history_too() -> None:
    answers = [recorded(1, judgement=NOK), recorded(2, judgement=Judgement(Verdict.OK, user_values=(("gap", 10**9),)))]
    async with past(*answers, user_tags=USER_TAGS) as opened:
        gap, text = await opened.read(node("status.user.gap"), node("status.user.text"), **ALL)
        assert [value for value, _, _ in values(gap)] == [123, 65535]
        assert [value for value, _, _ in values(text)] == ["", ""]


async def test_the_ends_of_time_are_times() -> None:
    latest = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    earliest = datetime(1601, 1, 1, 0, 0, 1, tzinfo=UTC)
    async with past(*answered_at(1, 2)) as opened:
        for start, end, count, expected in (
            (earliest, latest, 0, [1, 2]),
            (latest, earliest, 0, [2, 1]),
            (OPEN, latest, 5, [2, 1]),
            (latest, OPEN, 5, []),
            (latest, latest, 0, []),
        ):
            for bounds in (False, True):
                (result,) = await opened.read(node(), start=start, end=end, count=count, bounds=bounds)
                found = [value for value, _, state in values(result) if state == "Good"]
                outside = [2] if bounds and start == latest and end in (OPEN, latest) else []
                assert found == outside + expected, (start, end, bounds)


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

"""Browsing in portions: continuation points, BrowseNext, and what is wrong with a request."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds

from gateway.plc.opcua.continuation_points import MOST_POINTS
from gateway.plc.opcua.nodes import node_id, standard_id
from tests.opcua.desk import PLAIN, DeskStation, bench, view

STATUS = node_id("station1", "status")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with bench(view(DeskStation()), **PLAIN) as made:
        yield await made.connect()


def _asked(*nodes: ua.NodeId, most: int = 0, **more: Any) -> ua.BrowseParameters:
    wanted = [
        ua.BrowseDescription(
            NodeId=node, ReferenceTypeId=standard_id(ObjectIds.HierarchicalReferences), ResultMask=63, **more
        )
        for node in nodes
    ]
    return ua.BrowseParameters(RequestedMaxReferencesPerNode=ua.UInt32(most), NodesToBrowse=wanted)


async def _next(client: Client, *points: bytes | None, release: bool = False) -> list[ua.BrowseResult]:
    given = [ua.ByteString(point) if point is not None else None for point in points]
    params = ua.BrowseNextParameters(release, given)
    results: list[ua.BrowseResult] = await client.uaclient.browse_next(params)
    return results


def _names(result: ua.BrowseResult) -> list[str]:
    return [one.BrowseName.Name or "" for one in result.References]


@pytest.mark.parametrize("most", [1, 7, 1000])
async def test_portions_together_are_the_whole(client: Client, most: int) -> None:
    (whole,) = await client.uaclient.browse(_asked(STATUS))
    assert whole.ContinuationPoint is None
    (result,) = await client.uaclient.browse(_asked(STATUS, most=most))
    found = _names(result)
    while result.ContinuationPoint is not None:
        assert len(result.References) == most
        point = result.ContinuationPoint
        (result,) = await _next(client, point)
        found += _names(result)
    assert found == _names(whole)
    assert len(found) > 30


async def test_a_point_is_good_once_and_in_its_session_alone(client: Client) -> None:
    (first,) = await client.uaclient.browse(_asked(STATUS, most=3))
    point = first.ContinuationPoint
    (second,) = await _next(client, point)
    assert second.StatusCode.is_good()
    for stale in (point, b"", None, b"made up"):
        (refused,) = await _next(client, stale)
        assert refused.StatusCode.name == "BadContinuationPointInvalid"
    stranger = Client(client.server_url.geturl())
    async with stranger:
        (refused,) = await _next(stranger, second.ContinuationPoint)
        assert refused.StatusCode.name == "BadContinuationPointInvalid"
    (third,) = await _next(client, second.ContinuationPoint)
    assert len(third.References) == 3


async def test_points_that_are_given_back_are_none_any_more(client: Client) -> None:
    results = await client.uaclient.browse(_asked(STATUS, STATUS, most=3))
    points = [one.ContinuationPoint for one in results]
    released = await _next(client, *points, release=True)
    assert [(one.StatusCode.name, one.References, one.ContinuationPoint) for one in released] == [
        ("Good", [], None)
    ] * 2
    assert [one.StatusCode.name for one in await _next(client, *points)] == ["BadContinuationPointInvalid"] * 2


async def test_there_are_as_many_points_as_is_told(client: Client) -> None:
    number = standard_id(ObjectIds.Server_ServerCapabilities_MaxBrowseContinuationPoints)
    assert await client.get_node(number).read_value() == MOST_POINTS
    results = await client.uaclient.browse(_asked(*[STATUS] * (MOST_POINTS + 1), most=3))
    codes = [one.StatusCode.name for one in results]
    assert codes == ["Good"] * MOST_POINTS + ["BadNoContinuationPoints"]
    assert results[-1].References == []
    (again,) = await client.uaclient.browse(_asked(STATUS, most=3))
    assert again.StatusCode.is_good()  # in the place of the oldest
    old, newest = await _next(client, results[0].ContinuationPoint, again.ContinuationPoint)
    assert (old.StatusCode.name, newest.StatusCode.name) == ("BadContinuationPointInvalid", "Good")


async def test_what_is_not_there_is_told_of(client: Client) -> None:
    unknown = node_id("nowhere")
    (no_node,) = await client.uaclient.browse(_asked(unknown))
    assert no_node.StatusCode.name == "BadNodeIdUnknown"
    wanted = _asked(STATUS)
    wanted.NodesToBrowse[0].ReferenceTypeId = unknown
    (no_type,) = await client.uaclient.browse(wanted)
    assert no_type.StatusCode.name == "BadReferenceTypeIdInvalid"

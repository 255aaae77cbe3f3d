"""Continuation points: good once, for their node and session, and not for ever."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from gateway.core.errors import SinkError
from gateway.plc.opcua.continuation_points import MOST_POINTS, Points
from gateway.plc.opcua.history_read import service
from tests.opcua.history.past import Past, answered_at, at, history_read, node, past, raw, status, values
from tests.sinks.results import recorded

ALL: dict[str, Any] = {"start": at(-1), "end": at(100)}


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

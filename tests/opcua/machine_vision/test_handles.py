"""Handles belong to a session, end with it, with their time or by release, and keep a bounded number of results."""

from datetime import UTC, datetime

import pytest

from gateway.core.counts import NO_COUNTS
from gateway.core.result import Judgement, Result, Verdict
from gateway.plc.opcua.machine_vision.handles import HANDLES, KEPT_RESULTS, LONGEST_S, Handles
from gateway.plc.opcua.methods import SessionEnd
from gateway.ports import StoredResult, microseconds

NOW_US = microseconds(datetime(2026, 1, 31, tzinfo=UTC))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def stored(number: int, station: str = "a") -> StoredResult:
    result = Result(number, 1, 1, "", 1, Judgement(Verdict.OK), 0, 0, 1)
    return StoredResult(f"r-{number}", station, result, NOW_US, None, NOW_US, NO_COUNTS, "bottle")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def handles(clock: Clock) -> Handles:
    return Handles(clock)


def test_a_handle_is_released_once_by_its_own_session_and_as_what_it_is(handles: Handles) -> None:
    mine, other = SessionEnd(), SessionEnd()
    handle = handles.give(mine, "result", -1, [stored(1)])
    assert not handles.release(other, "result", handle)
    assert not handles.release(mine, "recipe", handle)
    assert not handles.release(mine, "result", handle + 1)
    assert handles.release(mine, "result", handle)
    assert not handles.release(mine, "result", handle)


def test_two_handles_are_never_the_same(handles: Handles) -> None:
    sessions = [SessionEnd(), SessionEnd()]
    assert len({handles.give(session, "result", 0) for session in sessions for _ in range(50)}) == 100


def test_a_result_is_kept_for_its_own_session_and_station(handles: Handles) -> None:
    mine, other = SessionEnd(), SessionEnd()
    handles.give(mine, "result", -1, [stored(1), stored(2)])
    assert handles.find(mine, "a", "r-2") == stored(2)
    assert handles.find(other, "a", "r-2") is None
    assert handles.find(mine, "b", "r-2") is None


def test_nothing_is_kept_for_who_says_that_he_needs_nothing(handles: Handles) -> None:
    session = SessionEnd()
    handle = handles.give(session, "result", 0, [stored(1)])
    assert handles.find(session, "a", "r-1") is None
    assert handles.release(session, "result", handle), "he may release it all the same"


@pytest.mark.parametrize(("hint_ms", "seconds"), [(1, 0.001), (5_000, 5), (-1, LONGEST_S), (2**31 - 1, LONGEST_S)])
def test_a_handle_ends_when_its_time_is_over(hint_ms: int, seconds: float, handles: Handles, clock: Clock) -> None:
    session = SessionEnd()
    handle = handles.give(session, "result", hint_ms, [stored(1)])
    clock.now += seconds - 0.0005
    assert handles.find(session, "a", "r-1") is not None
    clock.now += 0.001
    assert handles.find(session, "a", "r-1") is None
    assert not handles.release(session, "result", handle)
    assert len(handles) == 0


def test_a_session_that_ends_takes_its_handles_along(handles: Handles) -> None:
    leaving, staying = SessionEnd(), SessionEnd()
    for _ in range(3):
        handles.give(leaving, "result", -1, [stored(1)])
    kept = handles.give(staying, "result", -1, [stored(1)])
    leaving.over()
    assert len(handles) == 1
    assert handles.release(staying, "result", kept)


def test_a_session_has_so_many_handles_and_then_loses_its_oldest(handles: Handles) -> None:
    greedy, modest = SessionEnd(), SessionEnd()
    first = handles.give(modest, "result", -1)
    given = [handles.give(greedy, "result", -1) for _ in range(HANDLES + 2)]
    assert len(handles) == HANDLES + 1
    assert [handles.release(greedy, "result", one) for one in given] == [False, False, *[True] * HANDLES]
    assert handles.release(modest, "result", first), "nobody else's"


def test_all_handles_together_keep_so_many_results_the_newest_ones(handles: Handles) -> None:
    sessions = [SessionEnd(), SessionEnd()]
    old = [stored(number) for number in range(KEPT_RESULTS // 2)]
    new = [stored(10_000 + number) for number in range(KEPT_RESULTS // 2 + 1)]
    handle = handles.give(sessions[0], "result", -1, old)
    handles.give(sessions[1], "result", -1, new)
    assert handles.find(sessions[0], "a", "r-0") is None
    assert handles.find(sessions[1], "a", "r-10000") is not None
    assert handles.release(sessions[0], "result", handle), "the handle itself is still there"

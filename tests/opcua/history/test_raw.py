"""Raw values over the wire: every combination of start, end, count and bounds, against a plain list."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.plc.opcua.history_read import service
from tests.opcua.history.past import OPEN, Value, answered_at, at, node, past, raw, whole

MISSING = "BadBoundNotFound"


def minutes(text: str) -> float:
    """`5:02` in seconds after 4 o'clock."""
    hours, _, rest = text.partition(":")
    return (int(hours) - 4) * 3600 + int(rest) * 60


VALUES = [minutes(one) for one in ("5:00", "5:02", "5:03", "5:05", "5:06")]

# Start, end, count, bounds, what comes: OPC UA Part 11, table 1. F and L are bounds that are missing.
TABLE = """
5:00 5:05 0 Y 5:00 5:02 5:03 5:05      | 5:00 5:05 0 N 5:00 5:02 5:03
5:01 5:04 0 Y 5:00 5:02 5:03 5:05      | 5:01 5:04 0 N 5:02 5:03
5:05 5:00 0 Y 5:05 5:03 5:02 5:00      | 5:05 5:00 0 N 5:05 5:03 5:02
5:04 5:01 0 Y 5:05 5:03 5:02 5:00      | 5:04 5:01 0 N 5:03 5:02
4:59 5:05 0 Y F 5:00 5:02 5:03 5:05    | 4:59 5:05 0 N 5:00 5:02 5:03
5:01 5:07 0 Y 5:00 5:02 5:03 5:05 5:06 L | 5:01 5:07 0 N 5:02 5:03 5:05 5:06
5:00 5:05 3 Y 5:00 5:02 5:03           | 5:00 5:05 3 N 5:00 5:02 5:03
5:01 5:04 3 Y 5:00 5:02 5:03           | 5:01 5:04 3 N 5:02 5:03
5:05 5:00 3 Y 5:05 5:03 5:02           | 5:05 5:00 3 N 5:05 5:03 5:02
5:04 5:01 3 Y 5:05 5:03 5:02           | 5:04 5:01 3 N 5:03 5:02
4:59 5:05 3 Y F 5:00 5:02              | 4:59 5:05 3 N 5:00 5:02 5:03
5:01 5:07 3 Y 5:00 5:02 5:03           | 5:01 5:07 3 N 5:02 5:03 5:05
5:00 -    3 Y 5:00 5:02 5:03           | 5:00 -    3 N 5:00 5:02 5:03
5:00 -    6 Y 5:00 5:02 5:03 5:05 5:06 L+ | 5:00 -  6 N 5:00 5:02 5:03 5:05 5:06
5:07 -    6 Y 5:06 L+                  | 5:07 -    6 N
-    5:06 3 Y 5:06 5:05 5:03           | -    5:06 3 N 5:06 5:05 5:03
-    5:06 6 Y 5:06 5:05 5:03 5:02 5:00 F- | - 5:06 6 N 5:06 5:05 5:03 5:02 5:00
-    4:48 6 Y 5:00 F-                  | -    4:48 6 N
4:48 4:48 0 Y F 5:00                   | 4:48 4:48 0 N
4:48 4:48 1 Y F                        | 4:48 4:48 1 N
4:48 4:48 2 Y F 5:00                   | 5:00 5:00 0 Y 5:00 5:02
5:00 5:00 0 N 5:00                     | 5:00 5:00 1 Y 5:00
5:00 5:00 1 N 5:00                     | 5:01 5:01 0 Y 5:00 5:02
5:01 5:01 0 N                          | 5:01 5:01 1 Y 5:00
5:01 5:01 1 N
"""
ROWS = [row.split() for line in TABLE.strip().splitlines() for row in line.split("|")]


def moment(word: str) -> datetime:
    return OPEN if word == "-" else at(minutes(word))


def described(page: Sequence[Value], start: datetime, end: datetime) -> list[str]:
    """A page in the table's words."""
    words: list[str] = []
    for number, (value, stamp, state) in enumerate(page):
        assert stamp is not None
        if state == MISSING:
            assert value is None
            before = page[number - 1][1] if number else None
            second = timedelta(seconds=1)
            ends = {before + second: "L+", before - second: "F-"} if before is not None else {}
            words.append("F" if stamp == start else "L" if stamp == end else ends[stamp])
        else:
            assert (state, stamp) == ("Good", at(VALUES[value - 1]))
            words.append(f"{4 + int(VALUES[value - 1]) // 3600}:{int(VALUES[value - 1]) % 3600 // 60:02}")
    return words


async def test_every_example_of_part_11() -> None:
    assert len(ROWS) == 49
    async with past(*answered_at(*VALUES)) as opened:
        for start, end, count, bounds, *expected in ROWS:
            first, last = moment(start), moment(end)
            details = raw(first, last, int(count), bounds=bounds == "Y")
            (result,) = await opened.read(node(), start=first, end=last, count=int(count), bounds=bounds == "Y")
            pages = await whole(opened.client, details)
            assert described(pages[0], first, last) == expected, (start, end, count, bounds)
            assert result.StatusCode.name == ("Good" if expected else "GoodNoData")


# ---- the reference ---------------------------------------------------------------------------------------------


def reference(data: list[datetime], start: datetime, end: datetime, *, bounds: bool) -> list[tuple[datetime, bool]]:
    """Everything that such a read gives if it is gone on with: (time, is there a value), by plain list work."""
    backward = start == OPEN or (end != OPEN and end < start)
    begin, stop = (end, OPEN) if start == OPEN else (start, end)
    ordered = sorted(data, reverse=backward)

    def before(one: datetime, other: datetime) -> bool:
        """In reading direction."""
        return one > other if backward else one < other

    found = [one for one in ordered if not before(one, begin) and (stop == OPEN or before(one, stop))]
    if begin == stop:
        found = [one for one in ordered if one == begin]
    answer = [(one, True) for one in found]
    if not bounds:
        return answer
    if begin not in data:
        outside = [one for one in ordered if before(one, begin)]
        answer.insert(0, (outside[-1], True) if outside else (begin, False))
    if stop == OPEN:
        second = timedelta(seconds=-1 if backward else 1)
        return [*answer, ((answer[-1][0] if answer else begin) + second, False)]
    outside = [one for one in ordered if not before(one, stop) and not (one == begin == stop)]
    return [*answer, (outside[0], True) if outside else (stop, False)]


_seconds = st.integers(0, 12)
_asked = st.tuples(st.none() | _seconds, st.none() | _seconds, st.integers(0, 7), st.booleans()).filter(
    lambda asked: (asked[0] is not None) + (asked[1] is not None) + (asked[2] > 0) >= 2
)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seconds=st.lists(_seconds, unique=True, max_size=10).map(sorted),
    asked=st.lists(_asked, min_size=5, max_size=40),
    page=st.integers(1, 4),
)
def test_every_combination_gives_what_a_list_gives(
    seconds: list[int], asked: list[tuple[int | None, int | None, int, bool]], page: int
) -> None:
    async def play() -> None:
        async with past(*answered_at(*seconds)) as opened:
            for first, last, count, bounds in asked:
                start, end = (OPEN if one is None else at(one) for one in (first, last))
                pages = await whole(opened.client, raw(start, end, count, bounds=bounds))
                expected = reference([at(one) for one in seconds], start, end, bounds=bounds)
                if OPEN in (start, end):
                    expected = expected[:count]
                found = [(stamp, state != MISSING) for one in pages for _, stamp, state in one]
                assert found == expected, (start, end, count, bounds)
                assert all(len(one) <= min(page, count or page) for one in pages)

    with patch.object(service, "MOST_VALUES", page):
        asyncio.run(play())


@pytest.mark.parametrize("backward", [False, True])
async def test_a_long_history_comes_in_pages_of_the_size_that_the_server_tells(backward: bool) -> None:
    answers = answered_at(*(number * 0.001 for number in range(2500)))
    async with past(*answers) as opened:
        start, end = (at(100), at(-1)) if backward else (at(-1), at(100))
        pages = await whole(opened.client, raw(start, end))
        assert [len(page) for page in pages] == [1000, 1000, 500]
        found = [value for page in pages for value, _, _ in page]
        assert found == sorted(range(1, 2501), reverse=backward)

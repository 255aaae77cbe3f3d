"""The gateway is restarted while somebody reads the history: what was read stays read, the rest is still there."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.opcua.history.past import answered_at, at, node, past, raw, status, values, whole
from tests.sinks.results import recorded, registrar

TICK = timedelta(microseconds=1)


@pytest.mark.parametrize("backward", [False, True])
async def test_a_read_goes_on_by_time_after_a_restart(tmp_path: Path, backward: bool) -> None:
    file = tmp_path / "h.db"
    ends = (at(-1), at(100))
    start, end = reversed(ends) if backward else ends
    async with past(*answered_at(*(number * 0.001 for number in range(1500))), file=file) as opened:
        (first,) = await opened.read(node(), start=start, end=end)
        point = first.ContinuationPoint
        assert point
    seen = values(first)

    async with past(recorded(1501, 50_000_000), file=file, made=registrar(18)) as opened:
        (stale,) = await opened.read(node(point=point), start=start, end=end)
        assert status(stale) == "BadContinuationPointInvalid"
        last = seen[-1][1]
        assert last is not None
        pages = await whole(opened.client, raw(last - TICK if backward else last + TICK, end))
    numbers = [value for value, _, _ in [*seen, *(one for page in pages for one in page)]]
    # The newest came after the restart: a read backward had passed its place by then.
    assert numbers == (list(range(1500, 0, -1)) if backward else list(range(1, 1502)))


async def test_the_past_of_before_the_restart_reads_as_before(tmp_path: Path) -> None:
    file = tmp_path / "h.db"
    async with past(*answered_at(1, 2, 3), file=file) as opened:
        before = await opened.read(node(), node("status.result_part_id"), start=at(0), end=at(9))
    async with past(file=file, made=registrar(18)) as opened:
        after = await opened.read(node(), node("status.result_part_id"), start=at(0), end=at(9))
    assert [values(one) for one in after] == [values(one) for one in before]
    assert len(values(after[0])) == 3

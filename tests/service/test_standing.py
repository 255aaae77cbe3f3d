"""A task that should never end, and does."""

import asyncio
import time

import pytest

from gateway.backoff import BackOff
from gateway.standing import standing


async def test_it_is_begun_anew_after_a_crash_and_after_an_end(caplog: pytest.LogCaptureFixture) -> None:
    begun = 0

    async def run() -> None:
        nonlocal begun
        begun += 1
        if begun == 1:
            raise KeyError("planted")
        if begun == 3:
            await asyncio.sleep(30)

    with pytest.MonkeyPatch.context() as quick:
        quick.setattr(BackOff, "failed", lambda _: 0.01)
        task = asyncio.create_task(standing("the clock", run))
        async with asyncio.timeout(5):
            while begun < 3:
                await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "the clock has crashed" in caplog.text
    assert "the clock has ended by itself" in caplog.text


def test_pauses_double_up_to_the_longest_unless_it_was_well_for_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    pauses = BackOff(1.0, 5.0)
    assert [pauses.failed() for _ in range(4)] == [1.0, 2.0, 4.0, 5.0]
    pauses.well()
    now += 4.9
    assert pauses.failed() == 5.0
    pauses.well()
    now += 5.1
    assert pauses.failed() == 1.0
    pauses.well()
    now += 2
    pauses.well()
    assert pauses.pause_s == 0.0

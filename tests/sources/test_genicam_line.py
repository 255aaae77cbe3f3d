"""A camera that a signal line triggers, as a source: by time to triggers, in a run one by one."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.ports import Picture
from gateway.sources import genicam_line
from gateway.sources.genicam_camera import Shutter
from gateway.sources.genicam_line import RUN_LIMIT, LineSource
from gateway.sources.line_frames import Window
from tests.sources.gige import SETTINGS, refused
from tests.sources.pictures import Run, order, until
from tests.sources.scripted_camera import ScriptedCamera

WINDOW = Window(100_000, 200_000)


@asynccontextmanager
async def source(camera: ScriptedCamera) -> AsyncIterator[LineSource]:
    async with LineSource("line", camera, WINDOW) as made:
        yield made
    assert not camera.overlapped


async def settled() -> None:
    """Longer than any window: what came before is over."""
    await asyncio.sleep(0.4)


async def expected(made: LineSource, send: Callable[[], None]) -> Picture:
    """A trigger whose frame comes 20 ms after it."""
    task = asyncio.create_task(made.acquire(order()))
    await asyncio.sleep(0.02)
    send()
    return await task


async def test_a_frame_that_came_before_its_trigger_or_after_it_is_its_own() -> None:
    camera = ScriptedCamera()
    async with source(camera) as made:
        assert (await expected(made, lambda: camera.send(7))).name == "line-7"
        await settled()
        camera.send(8)
        await until(lambda: made.frames.remembers, "the frame is there")
        assert (await made.acquire(order())).name == "line-8"
        assert camera.triggers == 0


async def test_a_missing_frame_is_told_when_its_window_is_over_and_shifts_nothing() -> None:
    camera = ScriptedCamera()
    async with source(camera) as made:
        began = time.monotonic()
        error = await refused(made, within_s=5)
        assert error.reason is Reason.NO_IMAGE
        assert 0.2 <= time.monotonic() - began < 1
        await settled()
        assert (await expected(made, lambda: camera.send(1))).name == "line-1"


async def test_a_frame_that_nobody_asked_for_is_reported_and_shifts_nothing(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(genicam_line, "REPORT_S", 0.0)
    camera = ScriptedCamera()
    async with source(camera) as made:
        camera.send(1)
        await until(lambda: made.frames.unasked == 1, "it is reported by itself")
        assert "frame 1 came, and no trigger" in caplog.text
        assert (await expected(made, lambda: camera.send(2))).name == "line-2"


async def test_a_line_faster_than_the_window_gets_no_decision_and_is_told_why() -> None:
    camera = ScriptedCamera()
    async with source(camera) as made:
        tasks = [asyncio.create_task(refused(made)) for _ in range(2)]
        await asyncio.sleep(0.02)
        camera.send(1)
        for task in tasks:
            error = await task
            assert error.reason is Reason.NO_IMAGE
            assert "window_before_ms + window_after_ms" in error.hint


async def test_the_part_may_move_before_its_picture_is_there() -> None:
    camera = ScriptedCamera(shutter=Shutter(tells=True))
    async with source(camera) as made:
        camera.tell(1)
        await expected(made, lambda: camera.send(1))
        await settled()
        over: list[bool] = []
        task = asyncio.create_task(made.acquire(order(), lambda: over.append(True)))
        await asyncio.sleep(0.02)
        camera.tell(2)
        await until(lambda: bool(over), "the exposure is over")
        await settled()  # a long transfer: the exposure was within the window, the frame need not be
        assert not task.done()
        camera.send(2)
        assert (await task).name == "line-2"
        assert over == [True]


async def test_in_a_run_each_frame_is_a_trigger_in_order() -> None:
    camera = ScriptedCamera()
    async with source(camera) as made:
        camera.send(1)  # before the run
        await until(lambda: made.frames.remembers, "the frame is there")
        run = Run(made)
        assert await run.none()
        for number in (2, 3, 4):
            camera.send(number)
        names = [(await run.next()).name for _ in range(3)]
        assert names == ["line-2", "line-3", "line-4"]
        made.collect(None)
        assert (await expected(made, lambda: camera.send(5))).name == "line-5"


async def test_a_run_that_is_too_slow_loses_the_oldest_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    camera = ScriptedCamera()
    async with source(camera) as made:
        run = Run(made)
        for number in range(1, RUN_LIMIT + 3):
            camera.send(number)
        await until(lambda: caplog.text.count("is dropped") == 2, "reported")
        assert (await run.next()).name == "line-3"


async def test_a_camera_that_is_lost_fails_what_waits_at_once() -> None:
    camera = ScriptedCamera()
    async with source(camera) as made:
        run = Run(made)
        waiting: list[Coroutine[Any, Any, Any]] = [made.arrival(), made.acquire(order())]
        tasks = [asyncio.create_task(one) for one in waiting]
        await asyncio.sleep(0.02)
        camera.waiting.put(SourceError("cable pulled"))
        for task in tasks:
            with pytest.raises(SourceError, match="cable pulled"):
                await task
        await until(lambda: camera.streams == 2, "connected again")
        camera.send(1)
        async with asyncio.timeout(5):
            while (picture := await next_of(run)) is None:
                await asyncio.sleep(0.02)
        assert picture.name == "line-1"


async def next_of(run: Run) -> Picture | None:
    try:
        return await run.next()
    except SourceError:
        return None


@pytest.mark.parametrize(
    "wrong",
    [
        {"trigger_line": "Line2"},
        {"window_after_ms": 10},
        {"trigger": "hardware", "trigger_line": "Line 2"},
        {"trigger": "hardware", "window_before_ms": -1},
        {"transport": "usb3", "packet_size": 1500},
        {"transport": "usb3", "driver": "pylon"},
    ],
)
def test_settings_that_do_not_go_together_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SETTINGS.validate_python({"kind": "genicam", **wrong})

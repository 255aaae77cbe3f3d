"""A source with a camera in memory: what is triggered when, who gets which frame, and when the part may move."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.ports import Picture
from gateway.sources import genicam
from gateway.sources.genicam import ACTING_S, GenicamSource
from gateway.sources.genicam_camera import Shutter
from gateway.sources.genicam_settings import ExposureDone
from gateway.sources.shots import UNASKED_LIMIT
from tests.sources.gige import fails, refused, works
from tests.sources.pictures import order, until
from tests.sources.scripted_camera import ScriptedCamera

TELLS = Shutter(tells=True)


@asynccontextmanager
async def source(
    camera: ScriptedCamera, exposure_s: float = 0.0, exposure_done: ExposureDone = "auto"
) -> AsyncIterator[GenicamSource]:
    async with GenicamSource("line", camera, exposure_s, exposure_done) as made:
        yield made
    assert not camera.overlapped, "open, configure or close while next_frame was under way"
    assert camera.closed >= camera.opened


class Taking:
    """One picture that is waited for; notes when its exposure was told to be over."""

    def __init__(self, made: GenicamSource, within_s: float = 5.0) -> None:
        self.exposed: list[float] = []
        self.task = asyncio.create_task(made.acquire(order(within_s=within_s), self._over))

    def _over(self) -> None:
        self.exposed.append(time.monotonic())

    async def picture(self) -> Picture:
        return await self.task

    async def reason(self) -> Reason:
        with pytest.raises(SourceError) as caught:
            await self.task
        return caught.value.reason


async def triggered(camera: ScriptedCamera, times: int) -> None:
    await until(lambda: camera.triggers == times, f"trigger {times}")


async def reason_of(made: GenicamSource, within_s: float) -> Reason:
    return (await refused(made, within_s)).reason


async def number(made: GenicamSource) -> str:
    return (await made.acquire(order())).name


async def test_a_trigger_without_its_frame_begins_a_new_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(genicam, "OWED_S", 0.15)
    camera = ScriptedCamera([1], [], [1], [2])
    async with source(camera) as made:
        assert await number(made) == "line-1"
        assert await reason_of(made, 0.1) is Reason.NO_IMAGE
        assert [await number(made), await number(made)] == ["line-1", "line-2"]
        assert camera.streams == 2


async def test_before_the_frame_that_is_owed_has_come_nothing_is_triggered() -> None:
    camera = ScriptedCamera([1], [], [3])
    async with source(camera, exposure_s=60) as made:
        await made.acquire(order())
        assert [await reason_of(made, 0.1), await reason_of(made, 0.1)] == [Reason.NO_IMAGE] * 2
        assert camera.triggers == 2
        camera.send(2)
        assert await number(made) == "line-3"
        assert (camera.triggers, camera.streams) == (3, 1)


async def test_nothing_is_triggered_for_an_order_that_is_over() -> None:
    camera = ScriptedCamera()
    async with source(camera) as made:
        assert await reason_of(made, -1) is Reason.NO_IMAGE
    assert camera.triggers == 0


async def test_a_camera_that_runs_free_is_found_out() -> None:
    camera = ScriptedCamera()
    async with source(camera) as made:
        for one in range(1, UNASKED_LIMIT + 2):
            camera.send(one)
        assert "without a trigger" in str(await fails(made, 5))


async def test_the_next_trigger_goes_out_while_the_frame_before_is_on_its_way() -> None:
    camera = ScriptedCamera(shutter=TELLS)
    async with source(camera) as made:
        first = Taking(made)
        await triggered(camera, 1)
        camera.tell(1)
        camera.send(1)
        await first.picture()
        second, third, fourth = Taking(made), Taking(made), Taking(made)
        for place, one in ((2, second), (3, third)):
            await triggered(camera, place)
            assert not one.exposed
            camera.tell(place)
            await until(lambda one=one: bool(one.exposed), "the part may move")  # type: ignore[misc]  # a default
            assert not one.task.done()
        await triggered(camera, 4)
        for place in (2, 3, 4):
            camera.send(place)
        names = [(await one.picture()).name for one in (second, third, fourth)]
        assert names == ["line-2", "line-3", "line-4"]
        assert [len(one.exposed) for one in (first, second, third, fourth)] == [1, 1, 1, 1]


async def test_a_frame_that_is_lost_in_the_pipeline_costs_its_own_trigger_alone() -> None:
    camera = ScriptedCamera(shutter=TELLS)
    async with source(camera) as made:
        first = Taking(made)
        await triggered(camera, 1)
        camera.tell(1)
        camera.send(1)
        await first.picture()
        lost, damaged, whole = Taking(made), Taking(made), Taking(made)
        for place in (2, 3, 4):
            await triggered(camera, place)
            camera.tell(place)
        camera.send(3, damage="7 packets are missing")
        camera.send(4)
        assert await lost.reason() is Reason.FRAME_INCOMPLETE
        assert await damaged.reason() is Reason.FRAME_INCOMPLETE
        assert (await whole.picture()).name == "line-4"
        assert len(lost.exposed) == 1


async def test_a_camera_that_does_not_tell_is_triggered_once_the_frame_before_is_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    camera = ScriptedCamera(shutter=Shutter(exposure_s=0.05))
    async with source(camera) as made:
        first = Taking(made)
        await triggered(camera, 1)
        acknowledged = time.monotonic()
        await until(lambda: bool(first.exposed), "the exposure is over by time")
        assert first.exposed[0] - acknowledged > 0.05 + ACTING_S - 0.01
        second = Taking(made)
        await asyncio.sleep(0.1)
        assert camera.triggers == 1
        camera.send(1)
        await triggered(camera, 2)
        camera.send(2)
        assert [(await one.picture()).name for one in (first, second)] == ["line-1", "line-2"]
        assert len(first.exposed) == 1
        assert "ms late: it had to wait for the frame before" in caplog.text


@pytest.mark.parametrize(
    ("exposure_done", "shutter", "tells"),
    [
        ("frame", Shutter(exposure_s=0.001, tells=True), True),
        ("event", Shutter(exposure_s=0.001), False),
        ("auto", Shutter(), True),
    ],
)
async def test_where_nothing_tells_of_the_exposure_its_frame_does(
    exposure_done: ExposureDone, shutter: Shutter, *, tells: bool
) -> None:
    """By setting, because the camera tells nothing, and for the first frame: its number is not known before."""
    camera = ScriptedCamera(shutter=shutter)
    async with source(camera, exposure_done=exposure_done) as made:
        for number in range(1, 2 if exposure_done == "auto" else 4):
            taking = Taking(made)
            await triggered(camera, number)
            if tells:
                camera.tell(number)
            await asyncio.sleep(0.05)
            assert not taking.exposed
            camera.send(number)
            await taking.picture()
            assert len(taking.exposed) == 1


async def test_a_frame_that_does_not_come_after_its_exposure_is_no_decision() -> None:
    camera = ScriptedCamera(shutter=Shutter(exposure_s=0.001))
    async with source(camera) as made:
        taking = Taking(made, within_s=0.2)
        assert await taking.reason() is Reason.NO_IMAGE
        assert len(taking.exposed) == 1


async def test_a_cancelled_trigger_is_not_told_of_and_its_frame_is_not_the_next_ones() -> None:
    camera = ScriptedCamera([1], [], [3], shutter=TELLS)
    async with source(camera) as made:
        await made.acquire(order())
        taking = Taking(made)
        await triggered(camera, 2)
        taking.task.cancel()
        await asyncio.gather(taking.task, return_exceptions=True)
        camera.tell(2)
        camera.send(2)
        assert await number(made) == "line-3"
        assert not taking.exposed


@pytest.mark.parametrize(
    "breaks", [SourceError("cable pulled"), RuntimeError("a bug in the library")], ids=["told", "untold"]
)
async def test_a_stream_that_breaks_fails_what_waits_and_the_camera_is_connected_again(breaks: Exception) -> None:
    camera = ScriptedCamera([1], [], [1])
    async with source(camera) as made:
        await made.acquire(order())
        taking = Taking(made)
        await triggered(camera, 2)
        began = time.monotonic()
        camera.waiting.put(breaks)
        assert await taking.reason() is Reason.SOURCE_FAILED
        assert time.monotonic() - began < 1
        await works(made)
        assert camera.opened == 2


async def test_what_a_stream_that_has_ended_still_tells_is_nobodys() -> None:
    camera = ScriptedCamera([1], [1], [], shutter=TELLS)
    async with source(camera) as made:
        await made.acquire(order())
        tell_of_before = camera.exposed
        camera.waiting.put(SourceError("cable pulled"))
        await fails(made, 5)
        await until(lambda: camera.streams == 2, "connected again")
        await until(lambda: not lost(made), "healthy")
        await made.acquire(order())
        camera.tell(1)
        taking = Taking(made, within_s=0.3)
        await triggered(camera, 3)
        tell_of_before(2)
        assert await taking.reason() is Reason.NO_IMAGE
        assert not taking.exposed


class LostAgain(ScriptedCamera):
    """Is lost once more while it is connected the second time."""

    again: Callable[[], object]

    def configure(self, exposed: Callable[[int], None]) -> Shutter:
        shutter = super().configure(exposed)
        if self.streams == 2:
            self.again()
        return shutter


async def test_a_camera_that_is_lost_again_while_it_is_connected_is_connected_once_more() -> None:
    camera = LostAgain([1])
    async with source(camera) as made:
        loop, lose = asyncio.get_running_loop(), made._link.lose
        camera.again = lambda: loop.call_soon_threadsafe(lose, SourceError("again"))
        lose(SourceError("cable pulled"))
        await until(lambda: camera.streams == 3 and not lost(made), "connected again")
        assert await number(made) == "line-1"


def lost(made: GenicamSource) -> bool:
    try:
        made._link.check()  # `check` is asynchronous, `until` is not
    except SourceError:
        return True
    return False

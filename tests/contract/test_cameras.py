"""What every driver of a GenICam camera promises, each tried with a camera that needs no hardware."""

import asyncio
import gc
import itertools
import threading
import time
from collections.abc import Iterator

import pytest

from gateway.core.errors import SourceError
from gateway.ports import RawFormat
from gateway.sources.frame_count import steps_after
from gateway.sources.genicam_camera import GenicamCamera
from tests.contract.cameras import BENCHES, Bench, next_of, not_told, shot
from tests.sources.pictures import order

GONE_S = 6.0
"""Aravis waits 5 s for the answer of a camera that is gone, the others much less."""

DRIVERS = ["viva", "pylon", "harvesters", pytest.param("aravis", marks=pytest.mark.foreign)]


@pytest.fixture(autouse=True, scope="module", params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    """Each library is used once first: what it keeps as long as the process lives is no test's."""
    name = str(request.param)
    with BENCHES[name]() as bench:
        bench.camera().close()
    return name


@pytest.fixture
def bench(driver: str) -> Iterator[Bench]:
    with BENCHES[driver]() as made:
        yield made
        for camera in made.opened:
            camera.close()
        made.opened.clear()
        gc.collect()


def test_a_trigger_makes_one_frame_as_it_was_set(bench: Bench) -> None:
    camera = bench.camera()
    assert camera.next_frame(0.1) is None
    frame = shot(camera)
    assert (frame.width, frame.height) == bench.size
    assert (frame.pixel_format, frame.padding, frame.damage) == ("Mono8", 0, "")
    assert len(frame.data) == frame.width * frame.height
    assert next_of(camera, 0.3) is None


def test_50_triggers_in_a_row_get_the_next_frame_each(bench: Bench) -> None:
    camera = bench.camera()
    frames = [shot(camera) for _ in range(50)]
    steps = [steps_after(one.number, other.number) for one, other in itertools.pairwise(frames)]
    assert steps == [1] * 49
    assert not any(frame.damage for frame in frames)
    assert len({frame.data for frame in frames}) > 25, "the pictures move"


def test_what_came_before_the_trigger_can_be_thrown_away(bench: Bench) -> None:
    camera = bench.camera()
    for _ in range(3):
        late = shot(camera).number
        assert camera.next_frame(0) is None
        assert steps_after(late, shot(camera).number) == 1


def test_another_region_after_it_was_opened_again(bench: Bench) -> None:
    bench.camera().close()
    camera = bench.camera(region=(0, 0, *bench.other_size))
    frame = shot(camera)
    assert (frame.width, frame.height) == bench.other_size
    assert len(frame.data) == frame.width * frame.height


def test_configured_again_a_stream_of_its_own_begins(bench: Bench) -> None:
    camera = bench.camera()
    first = shot(camera)
    camera.configure(not_told)
    assert camera.next_frame(0.1) is None
    assert shot(camera).data != b""
    assert first.data != b""


def test_a_camera_that_is_gone_is_an_error_within_its_time_and_can_be_opened_again(bench: Bench) -> None:
    camera = bench.camera()
    shot(camera)
    bench.unplug(camera)
    began = time.monotonic()
    with pytest.raises(SourceError) as caught:
        use(camera)
    assert time.monotonic() - began < GONE_S
    assert caught.value.hint
    camera.close()
    bench.plug()
    opened_again(bench)


def use(camera: GenicamCamera) -> None:
    camera.trigger()
    next_of(camera, 1.0)
    camera.look()


def opened_again(bench: Bench) -> None:
    end = time.monotonic() + 15
    while True:
        try:
            assert shot(bench.camera()).data
        except SourceError:
            assert time.monotonic() < end, "never opened again"
        else:
            return


def test_it_is_closed_twice_and_used_no_more(bench: Bench) -> None:
    camera = bench.camera()
    camera.close()
    camera.close()
    for ask in (camera.trigger, camera.look, lambda: camera.configure(not_told)):
        with pytest.raises(SourceError) as caught:
            ask()
        assert caught.value.hint
    camera.open()
    camera.configure(not_told)
    assert shot(camera).data


def test_a_camera_that_is_not_there_is_told_with_those_that_are(bench: Bench) -> None:
    with pytest.raises(SourceError) as caught:
        bench.camera(camera="127.0.0.9")
    assert "127.0.0.9" in str(caught.value)
    assert caught.value.hint


def test_frames_larger_than_allowed_are_refused_before_one_comes(bench: Bench) -> None:
    with pytest.raises(SourceError, match="more than 1000000") as caught:
        bench.camera(max_frame_mb=1, region=(0, 0, *bench.large))
    assert caught.value.hint


def test_a_format_that_the_camera_does_not_have_is_told_with_those_that_it_has(bench: Bench) -> None:
    if bench.settings.driver == "pylon":
        pytest.skip("Basler's emulation has every format")
    with pytest.raises(SourceError, match="has no BGR8") as caught:
        bench.camera(pixel_format="BGR8")
    assert "Mono8" in caught.value.hint


def test_the_camera_answers_while_another_thread_waits_for_a_frame(bench: Bench) -> None:
    camera = bench.camera()
    frames: list[object] = []
    waiting = threading.Thread(target=lambda: frames.append(next_of(camera, 5.0)))
    waiting.start()
    try:
        camera.look()
        camera.trigger()
    finally:
        waiting.join(10)
    assert frames
    assert frames[0] is not None


async def test_as_a_source_it_gives_pictures_and_everything_else_goes_on(bench: Bench) -> None:
    worst = 0.0

    async def turn() -> None:
        nonlocal worst
        while True:
            since = time.monotonic()
            await asyncio.sleep(0.005)
            worst = max(worst, time.monotonic() - since)

    async with bench.settings.create("line") as made:
        turning = asyncio.create_task(turn())
        pictures = [await made.acquire(order(number)) for number in range(1, 6)]
        turning.cancel()
        await made.check()
    assert {picture.raw for picture in pictures} == {RawFormat(*bench.size)}
    assert len({picture.name for picture in pictures}) == 5
    assert worst < 0.25

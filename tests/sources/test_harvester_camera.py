"""Cameras through a GenTL producer: one producer for several of them, and a camera that runs free."""

import time
from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from gateway.core.errors import SourceError
from gateway.sources.camera_drivers import Search, find_cameras
from gateway.sources.free_running import FreeRunning
from gateway.sources.genicam_camera import Frame
from gateway.sources.genicam_settings import GenicamSettings
from tests.contract.cameras import Bench, harvesters, shot

BUFFERS = 8
"""Frames that may wait before the notice is seen."""
PERIOD_S = 0.05
"""This producer's cameras make 20 frames a second."""


@pytest.fixture
def bench() -> Iterator[Bench]:
    with harvesters() as made:
        yield made
        for camera in made.opened:
            camera.close()


def test_cameras_of_one_producer_are_used_at_once_and_one_by_one_closed(bench: Bench) -> None:
    red, green = (bench.camera(camera=name) for name in ("VikyTL_DEV_red", "VikyTL_DEV_green"))
    assert shot(red).data
    assert shot(green).data
    assert [found.access for found in find_cameras("harvesters", Search(producer=str(bench.settings.producer)))] == [
        "used by this program",
        "used by this program",
        "free",
    ]
    red.close()
    assert shot(green).data
    again = bench.camera(camera="VikyTL_DEV_red")
    assert shot(again).data
    assert shot(green).data


def test_a_frame_is_never_older_than_its_trigger(bench: Bench) -> None:
    """However long frames pile up: the second one after the trigger ends one to two periods after it."""
    camera = bench.camera()
    for pause_s in (0.0, 0.02, 1.2):
        time.sleep(pause_s)
        began = time.monotonic()
        shot(camera)
        assert PERIOD_S * 0.9 < time.monotonic() - began < 1.0


def test_a_frame_that_the_library_throws_away_as_incomplete_is_a_damaged_one(bench: Bench) -> None:
    """This producer loses nothing, so the library's own notice of it is given here."""
    from gateway.sources.harvester_camera import HarvesterCamera

    camera = bench.camera()
    assert isinstance(camera, HarvesterCamera)
    acquirer = camera._opened()
    acquirer._emit_callbacks(acquirer.Events.INCOMPLETE_BUFFER)
    taken = [frame for frame in (camera._taken(1.0) for _ in range(BUFFERS + 1)) if frame is not None]
    (damaged,) = (frame for frame in taken if frame.damage)
    assert "incomplete" in damaged.damage
    assert (damaged.width, damaged.height, damaged.pixel_format) == (128, 100, "Mono8")
    assert any(frame.data for frame in taken)


def test_a_file_that_is_no_producer_is_told(bench: Bench) -> None:
    with pytest.raises(SourceError) as caught:
        bench.camera(producer=__file__)
    assert __file__ in str(caught.value)
    assert ".cti" in caught.value.hint
    with pytest.raises(SourceError, match="there is no GenTL producer"):
        bench.camera(producer="nowhere.cti")


@pytest.mark.parametrize(
    "wrong",
    [{"driver": "harvesters"}, {"producer": "x.cti"}, {"driver": "aravis", "interface": "127.0.0.1"}, {"driver": "x"}],
)
def test_settings_that_do_not_fit_the_driver_are_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        GenicamSettings.model_validate(wrong)


def frame(number: int) -> Frame:
    return Frame(number, 1, 1, "Mono8", 0, b"\0")


def test_a_free_running_camera_gives_each_trigger_the_second_frame_after_it() -> None:
    waiting = [frame(number) for number in range(10, 15)]
    free = FreeRunning(lambda timeout_s: waiting.pop(0) if waiting else None)
    assert free.next_frame(0) is None
    assert len(waiting) == 5
    free.trigger()
    assert free.next_frame(0) is None
    waiting += [frame(20), frame(21), frame(22)]
    assert free.next_frame(0) == Frame(1, 1, 1, "Mono8", 0, b"\0")
    assert waiting == [frame(22)]
    assert free.next_frame(0) is None
    free.trigger()
    assert free.next_frame(0) is None
    waiting += [frame(30), frame(31)]
    taken = free.next_frame(0)
    assert taken is not None
    assert taken.number == 2

"""Basler cameras, as their library emulates them: pixels of known pictures, failed frames, formats, who has it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.ports import RawFormat
from gateway.sources.camera_drivers import Search, find_cameras
from gateway.sources.genicam_camera import GenicamCamera
from gateway.sources.pixel_formats import picture_of
from tests.contract.cameras import Bench, not_told, pylon, shot

SIZE = (64, 48)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with pylon() as made:
        yield made
        for camera in made.opened:
            camera.close()


def nodes(camera: GenicamCamera) -> Any:
    """The emulation's own features."""
    from gateway.sources.pylon_camera import PylonCamera

    assert isinstance(camera, PylonCamera)
    return camera._opened()


def set_node(camera: GenicamCamera, name: str, value: object) -> None:
    getattr(nodes(camera), name).SetValue(value)


def test_the_pixels_are_those_of_the_picture_that_the_camera_shows(bench: Bench, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    pixels = rng.integers(0, 256, (2, SIZE[1], SIZE[0]), np.uint8)
    for number, one in enumerate(pixels):
        Image.fromarray(one).save(tmp_path / f"part{number}.png")
    camera = bench.camera()
    nodes(camera).StopGrabbing()
    set_node(camera, "ImageFilename", str(tmp_path))
    set_node(camera, "ImageFileMode", "On")
    set_node(camera, "TestImageSelector", "Off")
    camera.configure(not_told)
    pictures = [picture_of("p", shot(camera)) for _ in range(4)]
    assert [bytes(picture.data) for picture in pictures] == [one.tobytes() for one in pixels] * 2
    assert {picture.raw for picture in pictures} == {RawFormat(*SIZE)}


@pytest.mark.parametrize(
    ("pixel_format", "raw"),
    [
        ("Mono8", RawFormat(*SIZE)),
        ("Mono12", RawFormat(*SIZE)),
        ("BGR8", RawFormat(*SIZE, 3)),
        ("RGB8", RawFormat(*SIZE, 3)),
        ("BayerRG8", RawFormat(*SIZE, bayer=True)),
    ],
)
def test_formats_that_pekat_takes(bench: Bench, pixel_format: str, raw: RawFormat) -> None:
    picture = picture_of("p", shot(bench.camera(pixel_format=pixel_format)))
    assert picture.raw == raw
    assert len(picture.data) == SIZE[0] * SIZE[1] * raw.channels


def test_colours_are_not_turned_round(bench: Bench) -> None:
    """The same test picture in two orders of colour becomes the same picture."""
    pictures = []
    for pixel_format in ("BGR8", "RGB8"):
        camera = bench.camera(pixel_format=pixel_format)
        set_node(camera, "TestImageSelector", "Testimage1")
        pictures.append([bytes(picture_of("p", shot(camera)).data) for _ in range(2)][1])
        camera.close()
    first, second = (np.frombuffer(one, np.uint8).reshape(-1, 3) for one in pictures)
    assert {tuple(colour) for colour in first} == {tuple(colour) for colour in second}


def test_exposure_and_gain_reach_the_camera(bench: Bench) -> None:
    camera = bench.camera(exposure_us=1500.0, gain=3.0)
    assert nodes(camera).ExposureTime.GetValue() == pytest.approx(1500)
    assert nodes(camera).Gain.GetValue() == pytest.approx(3, abs=0.1)


def test_a_failed_frame_is_a_damaged_one_and_the_next_is_whole(bench: Bench) -> None:
    camera = bench.camera()
    first = shot(camera)
    set_node(camera, "ForceFailedBufferCount", 1)
    nodes(camera).ForceFailedBuffer.Execute()
    failed = shot(camera)
    assert "incompletely grabbed" in failed.damage
    assert failed.number == first.number + 1
    with pytest.raises(SourceError) as caught:
        picture_of("p", failed)
    assert caught.value.reason in (Reason.BAD_IMAGE, Reason.FRAME_INCOMPLETE)
    whole = shot(camera)
    assert (whole.damage, whole.number) == ("", first.number + 2)


def test_found_by_its_serial_number_and_told_as_such(bench: Bench) -> None:
    (found,) = find_cameras("pylon", Search("127.0.0.1"))
    assert (found.vendor, found.model, found.access) == ("Basler", "Emulation", "free")
    assert shot(bench.camera(camera=found.serial)).data


def test_several_cameras_have_to_be_told_apart(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYLON_CAMEMU", "2")
    with pytest.raises(SourceError, match="several cameras answer"):
        bench.camera()
    one, other = (bench.camera(camera=found.serial) for found in find_cameras("pylon", Search("127.0.0.1")))
    assert shot(one).number == shot(other).number
    one.configure(not_told)
    assert shot(one).data


def test_an_exposure_is_known_where_nothing_but_its_time_ends_it(bench: Bench) -> None:
    camera = bench.camera(exposure_us=1500.0)
    assert camera.configure(not_told).exposure_s is None, "the emulation limits its frame rate at first"
    set_node(camera, "AcquisitionFrameRateEnable", False)
    assert camera.configure(not_told).exposure_s == pytest.approx(0.0015)
    set_node(camera, "TriggerDelay", 500.0)
    assert camera.configure(not_told).exposure_s == pytest.approx(0.002)


def test_a_signal_line_triggers_where_it_is_set(bench: Bench) -> None:
    camera = bench.camera(trigger="hardware", trigger_line="Line2", trigger_edge="falling")
    made = nodes(camera)
    values = (made.TriggerMode.GetValue(), made.TriggerSource.GetValue(), made.TriggerActivation.GetValue())
    assert values == ("On", "Line2", "FallingEdge")
    assert camera.next_frame(0.2) is None, "no signal, no frame"
    with pytest.raises(SourceError, match="Line9") as caught:
        bench.camera(trigger="hardware", trigger_line="Line9")
    assert "Line1" in caught.value.hint

"""The driver aravis with its library's own camera: lost packets, settings under older names, several streams."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.ports import RawFormat
from gateway.sources.camera_drivers import camera_of
from gateway.sources.genicam_camera import Frame, GenicamCamera
from gateway.sources.genicam_settings import GenicamSettings
from gateway.sources.pixel_formats import picture_of
from tests.contract.cameras import ARAVIS_CAMERA, next_of, not_told, shot
from tests.sources.debian_gi import aravis_installed
from tests.sources.gige import works
from tests.sources.gige_port import gige_port
from tests.sources.pictures import order

pytestmark = pytest.mark.foreign


@contextmanager
def fake(*options: str) -> Iterator[None]:
    program = shutil.which(ARAVIS_CAMERA)
    if program is None or not aravis_installed():
        pytest.skip("Aravis is not installed (Debian: aravis-tools, gir1.2-aravis-0.8, python3-gi)")
    with gige_port(), subprocess.Popen([program, "-i", "127.0.0.1", *options], stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.kill()
            process.wait(5)


def opened(**more: object) -> GenicamCamera:
    """The camera, once it has started."""
    settings = {"driver": "aravis", "camera": "127.0.0.1", "region": (0, 0, 256, 256), "pixel_format": "Mono8"}
    camera = camera_of(GenicamSettings.model_validate({**settings, **more}), "line")
    end = time.monotonic() + 10
    while True:
        try:
            camera.open()
        except SourceError:
            assert time.monotonic() < end, "the camera never answered"
        else:
            camera.configure(not_told)
            return camera


@pytest.fixture(autouse=True, scope="module")
def library_runs() -> None:
    """The library keeps some sockets as long as the process lives."""
    with fake():
        opened().close()


def test_lost_packets_are_damage_and_whole_frames_are_whole() -> None:
    """One packet in twenty is lost, and this camera cannot send it again."""
    with fake("-r", "50"):
        camera = opened()
        frames: list[Frame] = []
        end = time.monotonic() + 40
        while len({bool(frame.damage) for frame in frames}) < 2 and time.monotonic() < end:
            camera.trigger()
            frames += [frame for frame in [next_of(camera, 0.5)] if frame is not None]
        camera.close()
    (damaged, *_), (whole, *_) = ([frame for frame in frames if bool(frame.damage) is wrong] for wrong in (True, False))
    with pytest.raises(SourceError) as caught:
        picture_of("p", damaged)
    assert caught.value.reason is Reason.FRAME_INCOMPLETE
    rows = [whole.data[y * 256 : (y + 1) * 256] for y in range(256)]
    assert rows[0] == bytes((x + whole.number) % 255 for x in range(256)), "its own pattern, not a row is missing"
    assert rows[255] == bytes((x + 255 + whole.number) % 255 for x in range(256))


@pytest.mark.parametrize(
    ("pixel_format", "raw"),
    [("BayerRG8", RawFormat(256, 256, bayer=True)), ("RGB8", RawFormat(256, 256, 3)), ("Mono16", RawFormat(256, 256))],
)
def test_formats_and_settings_of_an_older_camera(pixel_format: str, raw: RawFormat) -> None:
    """It has ExposureTimeAbs and GainRaw; what can be known of an exposure is read back."""
    with fake():
        camera = opened(pixel_format=pixel_format, exposure_us=3000.0, gain=2.0)
        shot(camera)  # a stream's first frame still has the system's small receive buffer, and may not be whole
        assert picture_of("p", shot(camera)).raw == raw
        assert camera.configure(not_told).exposure_s == pytest.approx(0.003)
        camera.close()


async def test_while_the_library_hangs_triggers_are_answered_and_the_camera_comes_back() -> None:
    """A command to a camera that is gone takes the library 2.5 s and more."""
    settings = {"driver": "aravis", "camera": "127.0.0.1", "region": (0, 0, 64, 48), "pixel_format": "Mono8"}
    with ExitStack() as first, ExitStack() as later:
        first.enter_context(fake())
        opened().close()
        async with GenicamSettings.model_validate(settings).create("line") as made:
            await made.acquire(order())
            first.close()
            for _ in range(3):
                began = time.monotonic()
                with pytest.raises(SourceError):
                    await made.acquire(order(within_s=0.5))
                assert time.monotonic() - began < 0.5 + 0.2
            later.enter_context(fake())
            await works(made, within_s=40)
            assert (await made.acquire(order())).raw == RawFormat(64, 48)

"""A second camera of other authors: Debian's arv-fake-gv-camera-0.8 (package aravis-tools), on loopback."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import pytest
from PIL import Image
from pydantic import TypeAdapter
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.ports import ImageSource, RawFormat
from gateway.sources import SourceSettings
from gateway.sources.viva_camera import find_cameras
from tests.sources.gige_port import gige_port
from tests.sources.pictures import order
from tests.sources.test_grab_command import config

pytest.importorskip("viva_genicam", reason="viva-genicam has no wheel for this platform")
PROGRAM = shutil.which("arv-fake-gv-camera-0.8")
pytestmark = [
    pytest.mark.foreign,
    pytest.mark.skipif(PROGRAM is None, reason="arv-fake-gv-camera-0.8 is not installed (Debian: aravis-tools)"),
]

SETTINGS: TypeAdapter[SourceSettings] = TypeAdapter(SourceSettings)
LOOPBACK = "127.0.0.1"


@pytest.fixture(autouse=True, scope="module")
def library_runs() -> None:
    """The library's own event loop keeps its two sockets as long as the process lives."""
    find_cameras(LOOPBACK)


@contextmanager
def aravis_camera(*options: str) -> Iterator[None]:
    """A camera for one test: after a client that died it would send frames of the wrong size."""
    assert PROGRAM is not None
    command = [PROGRAM, "-i", LOOPBACK, "-s", "GV01", *options]
    with gige_port(), subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(5)


@asynccontextmanager
async def source(**more: object) -> AsyncIterator[ImageSource]:
    """The source, once the camera has started."""
    settings = SETTINGS.validate_python({"kind": "genicam", "interface": LOOPBACK, **more})
    made = settings.create("line")
    end = time.monotonic() + 10
    while True:
        try:
            await made.__aenter__()
            break
        except SourceError as error:
            if time.monotonic() > end or "no camera" not in str(error):
                raise
    try:
        yield made
    finally:
        await made.__aexit__(None, None, None)


async def until_check(made: ImageSource, wanted: bool) -> None:
    end = time.monotonic() + 15
    while await healthy(made) is not wanted:
        assert time.monotonic() < end, f"never {wanted}"
        await asyncio.sleep(0.02)


async def healthy(made: ImageSource) -> bool:
    try:
        await made.check()
    except SourceError:
        return False
    return True


async def test_frames_are_counted_over_the_end_of_a_16_bit_counter() -> None:
    """The camera's first frame has number 65401."""
    with aravis_camera():
        async with source(region=[0, 0, 64, 64]) as made:
            names = [(await made.acquire(order())).name for _ in range(140)]
            await made.check()
    numbers = [int(name.removeprefix("line-")) for name in names]
    assert numbers[0] < 65535
    assert 0 < numbers[-1] < 10
    assert len(set(numbers)) == 140


@pytest.mark.parametrize(
    ("pixel_format", "raw"),
    [
        ("Mono8", RawFormat(320, 240)),
        ("BayerRG8", RawFormat(320, 240, bayer=True)),
        ("RGB8", RawFormat(320, 240, 3)),
    ],
)
async def test_settings_of_an_older_camera_are_found_under_their_older_names(pixel_format: str, raw: RawFormat) -> None:
    """It has ExposureTimeAbs and GainRaw."""
    with aravis_camera():
        settings = {"pixel_format": pixel_format, "exposure_us": 3000.0, "gain": 2.0, "region": [0, 0, 320, 240]}
        async with source(**settings) as made:
            picture = await made.acquire(order())
            assert picture.raw == raw
            assert len(picture.data) == 320 * 240 * raw.channels


def test_cameras_and_grab(tmp_path: Path) -> None:
    with aravis_camera():
        end = time.monotonic() + 10
        while not (found := find_cameras(LOOPBACK)) and time.monotonic() < end:
            pass
        assert [(one.ip, one.vendor, one.model, one.serial) for one in found] == [(LOOPBACK, "Aravis", "Fake", "GV01")]
        file = config(tmp_path, f'kind = "genicam"\ninterface = "{LOOPBACK}"\nregion = [0, 0, 320, 240]')
        result = CliRunner().invoke(app, ["grab", str(file), "station1", str(tmp_path / "out.png")])
        assert result.exit_code == 0, result.output
        assert "320 x 240" in result.stdout
        with Image.open(tmp_path / "out.png") as image:
            assert (image.format, image.mode, image.size) == ("PNG", "L", (320, 240))


async def test_lost_packets_give_incomplete_frames_and_never_wrong_ones() -> None:
    """One packet in twenty is lost, and this camera cannot send it again: some frames have no first packet at all."""
    with aravis_camera("-r", "50"):
        async with source(region=[0, 0, 256, 256], pixel_format="Mono8") as made:
            good, reasons = 0, set()
            end = time.monotonic() + 40
            while (not good or Reason.FRAME_INCOMPLETE not in reasons) and time.monotonic() < end:
                try:
                    picture = await made.acquire(order(within_s=0.5))
                except SourceError as error:
                    reasons.add(error.reason)
                else:
                    good += len(picture.data) == 256 * 256
            await made.check()
    assert good
    assert Reason.FRAME_INCOMPLETE in reasons
    assert reasons <= {Reason.FRAME_INCOMPLETE, Reason.NO_IMAGE}


async def test_without_the_cameras_word_the_exposure_is_over_by_its_time() -> None:
    """This camera has no events. It looks for triggers every 40 ms, so its pictures come later than its exposure."""
    with aravis_camera():
        async with source(region=[0, 0, 64, 64], exposure_us=3000.0) as made:
            early = []
            for _ in range(8):
                over: list[float] = []
                began = time.monotonic()
                await made.acquire(order(), lambda over=over: over.append(time.monotonic()))  # type: ignore[misc]  # a default
                (at,) = over
                assert at - began > 0.003
                early.append(time.monotonic() - at)
            assert max(early) > 0.005


async def test_a_camera_that_is_killed_and_comes_back() -> None:
    with ExitStack() as first:
        first.enter_context(aravis_camera())
        async with source(region=[0, 0, 64, 64]) as made:
            await made.acquire(order())
            first.close()
            await until_check(made, wanted=False)
            began = time.monotonic()
            with pytest.raises(SourceError) as caught:
                await made.acquire(order())
            assert caught.value.reason is Reason.SOURCE_FAILED
            assert time.monotonic() - began < 0.1
            with aravis_camera():
                await until_check(made, wanted=True)
                assert (await made.acquire(order())).raw == RawFormat(64, 64)

"""GigE Vision cameras: the real protocol on loopback, against the camera that viva-genicam brings along."""

import asyncio
import struct
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.core.errors import ConfigError, SourceError
from gateway.core.result import Reason
from gateway.ports import Fate, ImageSource, RawFormat
from gateway.sources import SourceSettings, genicam_settings
from tests.sources.pictures import OK, order, until

testing = pytest.importorskip("viva_genicam.testing", reason="viva-genicam has no wheel for this platform")

SETTINGS: TypeAdapter[Any] = TypeAdapter(SourceSettings)
LOOPBACK = "127.0.0.1"
TRIGGER_SOFTWARE = 0x200E0
"""Register of the fake camera's command."""


@pytest.fixture(autouse=True, scope="module")
def library_runs() -> None:
    """The library's own event loop keeps its two sockets as long as the process lives."""
    with fake_camera():
        pass


@contextmanager
def fake_camera(**options: Any) -> Iterator[Any]:
    """A camera of 64 x 48 pixels on loopback, 50 frames a second at most."""
    with testing.FakeGigeCamera(**{"width": 64, "height": 48, "fps": 50, **options}) as fake:
        yield fake


@asynccontextmanager
async def source(**more: Any) -> AsyncIterator[ImageSource]:
    settings = SETTINGS.validate_python({"kind": "genicam", "interface": LOOPBACK, **more})
    async with settings.create("line") as made:
        yield made


async def refused(made: ImageSource, within_s: float = 5.0) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await made.acquire(order(within_s=within_s))
    assert caught.value.hint
    return caught.value


async def not_opened(**more: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        async with source(**more):
            pytest.fail("opened")
    assert caught.value.hint
    assert not any("line" in thread.name for thread in threading.enumerate())
    return caught.value


async def works(made: ImageSource) -> None:
    """Wait until the source is back, and have a picture taken."""
    end = time.monotonic() + 10
    while not await takes_one(made):
        assert time.monotonic() < end, "never back"
        await asyncio.sleep(0.02)


async def takes_one(made: ImageSource) -> bool:
    try:
        return len((await made.acquire(order())).data) > 0
    except SourceError:
        return False


async def fails(made: ImageSource, within_s: float) -> SourceError:
    """Wait until the check says that the camera is lost."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            await made.check()
        except SourceError as error:
            return error
        await asyncio.sleep(0.01)
    raise AssertionError("the check never failed")


async def test_each_trigger_gets_a_frame_of_its_own() -> None:
    with fake_camera() as fake:
        async with source() as made:
            await made.check()
            assert fake.software_triggers() == 0
            pictures = []
            for mark in range(1, 6):
                pictures.append(await made.acquire(order(mark)))
                assert fake.software_triggers() == mark
                await made.settle(pictures[-1], Fate.JUDGED, OK)
        assert [picture.name for picture in pictures] == [f"line-{number}" for number in range(1, 6)]
        assert {picture.raw for picture in pictures} == {RawFormat(64, 48)}
        assert len({bytes(picture.data) for picture in pictures}) == 5
        await until(lambda: fake.controller() is None, "control is given back")


async def test_triggers_at_once_get_different_frames() -> None:
    with fake_camera():
        async with source() as made:
            pictures = await asyncio.gather(*(made.acquire(order(number)) for number in range(4)))
            assert len({picture.name for picture in pictures}) == 4


async def test_the_settings_reach_the_camera() -> None:
    with fake_camera() as fake:
        settings = {"exposure_us": 1234.0, "gain": 2.5, "region": [8, 4, 32, 24], "packet_size": 576}
        async with source(camera="127.0.0.1", pixel_format="Mono8", **settings) as made:
            assert (await made.acquire(order())).raw == RawFormat(32, 24)
            registers = fake.REGISTERS
            assert struct.unpack(">d", fake.peek(registers["ExposureTime"], 8)) == (1234.0,)
            assert struct.unpack(">d", fake.peek(registers["Gain"], 8)) == (2.5,)
            corner = fake.peek(registers["OffsetX"], 4) + fake.peek(registers["OffsetY"], 4)
            assert struct.unpack(">II", corner) == (8, 4)


@pytest.mark.parametrize(
    ("pixel_format", "raw"),
    [
        ("Mono8", RawFormat(64, 48)),
        ("RGB8", RawFormat(64, 48, 3)),
        ("BayerRG8", RawFormat(64, 48, 1, bayer=True)),
    ],
)
async def test_formats_that_pekat_takes(pixel_format: str, raw: RawFormat) -> None:
    with fake_camera(pixel_format=pixel_format):
        async with source() as made:
            picture = await made.acquire(order())
            assert picture.raw == raw
            assert len(picture.data) == 64 * 48 * raw.channels


@pytest.mark.parametrize("pixel_format", ["Mono16", "BayerGB8"])
async def test_other_formats_are_refused_with_those_that_can_be_had(pixel_format: str) -> None:
    with fake_camera(pixel_format=pixel_format):
        assert (await not_opened()).hint == "set pixel_format to one of Mono8, Mono10, Mono12, BGR8, RGB8, BayerRG8"


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"pixel_format": "BGR8"}, "has no BGR8"),
        ({"exposure_us": 5e7}, "ExposureTime"),
        ({"camera": "127.0.0.9"}, "no camera 127.0.0.9 answers; found: 127.0.0.1"),
        ({"interface": "192.0.2.77"}, "192.0.2.77"),
        ({"max_frame_mb": 1}, "more than 1000000"),
    ],
)
async def test_what_cannot_be_had_says_so(setting: dict[str, Any], words: str) -> None:
    with fake_camera(width=1200, height=1000):
        assert words in str(await not_opened(**setting))


async def test_the_mac_address_names_a_camera_too() -> None:
    with fake_camera() as fake:
        async with source(camera=fake.MAC.lower()) as made:
            await works(made)


async def test_without_a_camera_it_is_retriable() -> None:
    error = await not_opened()
    assert error.retriable
    assert "found: none" in str(error)


async def test_a_frame_with_missing_packets_is_a_bad_image_and_the_next_is_served() -> None:
    with fake_camera(drop_packets=[(2, 1)], packet_resend=False):
        async with source() as made:
            await made.acquire(order())
            error = await refused(made)
            assert error.reason is Reason.BAD_IMAGE
            assert "1 packets are missing" in str(error)
            assert (await made.acquire(order())).name == "line-3"
            await made.check()


async def test_packets_that_the_camera_can_send_again_are_not_missing() -> None:
    with fake_camera(drop_packets=[(1, 1)]):
        async with source() as made:
            assert (await made.acquire(order())).name == "line-1"


async def test_a_late_frame_is_never_the_next_triggers() -> None:
    with fake_camera(fps=3) as fake:
        async with source() as made:
            await made.acquire(order())
            error = await refused(made, within_s=0.1)
            assert error.reason is Reason.NO_IMAGE
            asked = fake.software_triggers()
            await made.check()
            for number in (3, 4):
                assert (await made.acquire(order())).name == f"line-{number}"
            assert fake.software_triggers() == asked + 2


async def test_nobody_waits_longer_than_the_deadline() -> None:
    with fake_camera(delay_ack={TRIGGER_SOFTWARE: 3.0}):
        async with source() as made:
            began = time.monotonic()
            await refused(made, within_s=0.3)
            assert time.monotonic() - began < 0.3 + 0.1


async def test_a_cancelled_trigger_does_not_hold_up_the_next() -> None:
    with fake_camera(fps=1) as fake:
        async with source() as made:
            await made.acquire(order())
            waiting = asyncio.create_task(made.acquire(order(within_s=30)))
            await until(lambda: fake.software_triggers() == 2, "triggered")
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            began = time.monotonic()
            await made.acquire(order(within_s=30))
            assert time.monotonic() - began < 3


async def test_control_that_is_taken_away_is_taken_back() -> None:
    with fake_camera() as fake:
        async with source() as made:
            await works(made)
            fake.revoke_control()
            assert "control" in str(await fails(made, within_s=5))
            await works(made)
            assert fake.controller() is not None


async def test_a_camera_that_is_unplugged_fails_at_once_and_is_used_when_it_is_back() -> None:
    with ExitStack() as stack, ExitStack() as later:
        first = stack.enter_context(fake_camera())
        async with source() as made:
            await works(made)
            first.stop()
            error = await fails(made, within_s=5)
            assert error.hint
            began = time.monotonic()
            assert (await refused(made)).reason is Reason.SOURCE_FAILED
            assert time.monotonic() - began < 0.1
            later.enter_context(fake_camera(width=32))
            await works(made)
            picture = await made.acquire(order())
            assert picture.raw == RawFormat(32, 48)


async def test_a_camera_that_is_unplugged_under_a_trigger_is_noticed_by_it() -> None:
    with fake_camera() as fake:
        async with source() as made:
            await works(made)
            fake.stop()
            assert (await refused(made)).reason is Reason.SOURCE_FAILED
            with pytest.raises(SourceError):
                await made.check()


async def test_a_camera_that_somebody_else_controls_is_not_taken() -> None:
    import viva_genicam

    with fake_camera() as fake:
        other = viva_genicam.connect_gige(fake.device_info(200), iface=LOOPBACK)
        error = await not_opened()
        assert "ACCESS_DENIED" in str(error)
        assert "viewer" in error.hint
        other.close()
        async with source() as made:
            await works(made)


def test_without_the_library_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(genicam_settings, "LIBRARY", "viva_genicam_is_not_here")
    with pytest.raises(ConfigError, match="viva-genicam is not installed") as caught:
        SETTINGS.validate_python({"kind": "genicam"}).create("line")
    assert caught.value.hint == "pip install 'pekat-plc-gateway[genicam]'"


@pytest.mark.parametrize(
    "wrong", [{"pixel_format": "BayerGR8"}, {"region": [0, 0, 0, 10]}, {"region": [1, 2, 3]}, {"exposure_us": 0.0}]
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SETTINGS.validate_python({"kind": "genicam", **wrong})

"""GigE Vision cameras: the real protocol on loopback, against the camera that viva-genicam brings along."""

import asyncio
import struct
import sys
import time
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.core.errors import ConfigError
from gateway.core.result import Reason
from gateway.ports import Fate, RawFormat
from tests.sources.gige import SETTINGS, fake_camera, not_opened, refused, source, works
from tests.sources.pictures import OK, order, until

pytest.importorskip("viva_genicam", reason="viva-genicam has no wheel for this platform")


@pytest.fixture(autouse=True, scope="module")
def library_runs() -> None:
    """The library's own event loop keeps its two sockets as long as the process lives."""
    with fake_camera():
        pass


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
        ("Mono10", RawFormat(64, 48)),
        ("Mono12p", RawFormat(64, 48)),
        ("Mono12Packed", RawFormat(64, 48)),
        ("Mono16", RawFormat(64, 48)),
        ("RGB8", RawFormat(64, 48, 3)),
        ("BayerRG8", RawFormat(64, 48, 1, bayer=True)),
        ("BayerGR8", RawFormat(62, 48, 1, bayer=True)),
        ("BayerBG8", RawFormat(62, 46, 1, bayer=True)),
        ("BayerGB12p", RawFormat(64, 46, 1, bayer=True)),
    ],
)
async def test_formats_that_pekat_takes(pixel_format: str, raw: RawFormat) -> None:
    with fake_camera(pixel_format=pixel_format):
        async with source() as made:
            picture = await made.acquire(order())
            assert picture.raw == raw
            assert len(picture.data) == raw.width * raw.height * raw.channels


async def test_a_frame_of_another_format_is_refused_and_says_so() -> None:
    with fake_camera(pixel_format="YUV422_8"):
        async with source() as made:
            error = await refused(made)
            assert error.reason is Reason.PIXEL_FORMAT
            assert "YUV422_8" in str(error)
            assert error.hint.startswith("set pixel_format to Mono8, BGR8, BayerRG8,")
            await made.check()


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


async def test_everything_else_goes_on_while_the_camera_is_waited_for() -> None:
    """The library lets go of the interpreter: a search takes half a second, this frame nearly another."""
    worst, since = 0.0, time.monotonic()

    async def turn() -> None:
        nonlocal worst, since
        while True:
            worst, since = max(worst, time.monotonic() - since), time.monotonic()
            await asyncio.sleep(0.005)

    turning = asyncio.create_task(turn())
    with fake_camera(fps=1):
        async with source() as made:
            await made.acquire(order())
            await made.acquire(order())
    turning.cancel()
    assert worst < 0.25


async def test_without_a_camera_it_is_retriable() -> None:
    error = await not_opened()
    assert error.retriable
    assert "found: none" in str(error)


async def test_a_frame_with_missing_packets_is_incomplete_and_the_next_is_served() -> None:
    with fake_camera(drop_packets=[(2, 1)], packet_resend=False):
        async with source() as made:
            await made.acquire(order())
            error = await refused(made)
            assert error.reason is Reason.FRAME_INCOMPLETE
            assert "1 packets are missing" in str(error)
            assert (await made.acquire(order())).name == "line-3"
            await made.check()


async def test_packets_that_the_camera_can_send_again_are_not_missing() -> None:
    with fake_camera(drop_packets=[(1, 1)]):
        async with source() as made:
            assert (await made.acquire(order())).name == "line-1"


def test_without_the_library_the_command_that_installs_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "viva_genicam", None)
    with pytest.raises(ConfigError, match="viva-genicam is not installed") as caught:
        SETTINGS.validate_python({"kind": "genicam"}).create("line")
    assert caught.value.hint == "pip install 'pekat-plc-gateway[genicam]'"


@pytest.mark.parametrize(
    "wrong", [{"pixel_format": "YUV422_8"}, {"region": [0, 0, 0, 10]}, {"region": [1, 2, 3]}, {"exposure_us": 0.0}]
)
def test_wrong_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SETTINGS.validate_python({"kind": "genicam", **wrong})

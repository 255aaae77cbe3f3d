"""Exposures, lines and USB3 Vision through the real protocols: against the cameras that viva-genicam brings along."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.ports import ImageSource, RawFormat
from gateway.sources import viva_camera
from gateway.sources.genicam_line import LineSource
from gateway.sources.line_frames import Window
from gateway.sources.viva_camera import VivaCamera
from tests.sources.gige import LOOPBACK, SETTINGS, fails, fake_camera, refused, source, works
from tests.sources.pictures import Run, order, until
from tests.sources.test_grab_command import config

pytest.importorskip("viva_genicam", reason="viva-genicam has no wheel for this platform")

LARGE = {"width": 2400, "height": 2000}
"""Takes the fake camera some 30 ms to send."""
TRIGGER_SOFTWARE = 0x200E0
"""Register of the fake camera's command."""


@pytest.fixture(autouse=True, scope="module")
def library_runs() -> None:
    """The library's own event loop keeps its two sockets as long as the process lives."""
    with fake_camera():
        pass


class Taking:
    """One picture that is waited for; notes when its exposure was over and when it was there."""

    def __init__(self, made: ImageSource, within_s: float = 5.0) -> None:
        self.over_at = self.there_at = 0.0
        self.task = asyncio.create_task(self._take(made, within_s))

    def _over(self) -> None:
        assert not self.over_at
        self.over_at = time.monotonic()

    async def _take(self, made: ImageSource, within_s: float) -> str:
        picture = await made.acquire(order(within_s=within_s), self._over)
        self.there_at = time.monotonic()
        return picture.name

    async def reason(self) -> Reason:
        with pytest.raises(SourceError) as caught:
            await self.task
        return caught.value.reason


async def test_the_part_may_move_when_the_camera_tells_that_the_exposure_is_over() -> None:
    with fake_camera(**LARGE):
        async with source() as made:
            first, second = Taking(made), Taking(made)
            assert [await first.task, await second.task] == ["line-1", "line-2"]
            assert first.there_at - first.over_at < 0.05, "the number of a stream's first frame is not known before"
            assert second.there_at - second.over_at > 0.001


async def test_the_part_may_move_with_its_picture_where_that_is_set() -> None:
    with fake_camera(**LARGE) as fake:
        async with source(exposure_done="frame") as made:
            takings = [Taking(made), Taking(made)]
            for one in takings:
                await one.task
                assert one.there_at - one.over_at < 0.05
            assert fake.peek(fake.REGISTERS["TriggerMode"], 4)[-1] == 1


async def test_the_next_trigger_is_sent_while_the_picture_before_is_on_its_way() -> None:
    with fake_camera(**LARGE, drop_packets=[(4, 3)], packet_resend=False) as fake:
        async with source() as made:
            await Taking(made).task
            takings = [Taking(made) for _ in range(5)]
            ahead = []
            for place, one in enumerate(takings, 2):
                await asyncio.wait([one.task])
                ahead.append(fake.software_triggers() - place)
            assert max(ahead[:4]) > 0, "a later trigger was out when a picture came"
            assert [await takings[0].task, await takings[1].task] == ["line-2", "line-3"]
            assert await takings[2].reason() is Reason.FRAME_INCOMPLETE
            assert [await takings[3].task, await takings[4].task] == ["line-5", "line-6"]
            assert fake.software_triggers() == 6


async def test_a_camera_that_acknowledges_late_does_not_shift_pictures() -> None:
    with fake_camera(delay_ack={TRIGGER_SOFTWARE: 0.2}):
        async with source() as made:
            takings = [Taking(made) for _ in range(3)]
            assert [await one.task for one in takings] == ["line-1", "line-2", "line-3"]
            assert (await refused(made, within_s=0.1)).reason in {Reason.NO_IMAGE, Reason.SOURCE_FAILED}
            await works(made)


async def test_a_camera_that_is_unplugged_during_the_exposure_is_noticed_before_the_inspections_time_is_over() -> None:
    with fake_camera(fps=1) as fake:
        async with source() as made:
            await Taking(made).task
            taking = Taking(made, within_s=30)
            await until(lambda: fake.software_triggers() == 2, "triggered")
            began = time.monotonic()
            fake.stop()
            assert await taking.reason() is Reason.SOURCE_FAILED
            assert time.monotonic() - began < 6
            assert not taking.over_at
            with fake_camera():
                await works(made)


async def test_control_that_is_taken_away_during_the_exposure() -> None:
    with fake_camera(fps=2) as fake:
        async with source() as made:
            await Taking(made).task
            taking = Taking(made, within_s=10)
            await until(lambda: fake.software_triggers() == 2, "triggered")
            fake.revoke_control()
            await asyncio.wait([taking.task])
            await until(lambda: fake.controller() is not None, "control is taken back")
            await works(made)


async def test_a_camera_waits_for_its_line() -> None:
    """The fake camera's line has no plug: for a pulse its trigger is switched to software."""
    settings = SETTINGS.validate_python({"kind": "genicam", "interface": LOOPBACK, "trigger": "hardware"})
    camera = VivaCamera(settings)
    with fake_camera() as fake:
        async with LineSource("line", camera, Window(100_000, 200_000)) as made:
            control: Any = camera._camera  # only who has control of the camera can pull the line
            assert (control.get("TriggerSource"), control.get("TriggerMode")) == ("Line1", "On")
            assert (await refused(made)).reason is Reason.NO_IMAGE
            assert fake.blocks_sent() == 0
            control.set_enum("TriggerSource", "Software")
            for number in (1, 2):
                await until(lambda: not made.frames.remembers, "what came before is over")
                taking = Taking(made)
                await asyncio.sleep(0.02)
                control.trigger_software()
                assert await taking.task == f"line-{number}"
            run = Run(made)
            for number in (3, 4):
                control.trigger_software()
                assert (await run.next()).name == f"line-{number}"
            fake.stop()
            await fails(made, 5)


async def test_a_line_that_the_camera_does_not_have_is_refused_with_those_it_has() -> None:
    with fake_camera():
        with pytest.raises(SourceError, match="no TriggerSource Line7") as caught:
            async with source(trigger="hardware", trigger_line="Line7"):
                pytest.fail("opened")
        assert caught.value.hint == "it offers Line1, Software"


# ---- USB3 Vision: its real protocol, without the bus ----


@asynccontextmanager
async def on_usb(monkeypatch: pytest.MonkeyPatch, found: int = 1, **more: Any) -> AsyncIterator[ImageSource]:
    """The library's fake camera, which no search finds."""
    import viva_genicam
    from viva_genicam.testing import FakeU3vCamera

    devices = [
        viva_genicam.U3vDeviceInfo("1", place, 1, 2, f"U{place}", "maker", "model") for place in range(1, found + 1)
    ]
    monkeypatch.setattr(viva_genicam, "discover_u3v", lambda: devices)
    monkeypatch.setattr(viva_genicam, "connect_u3v", lambda device: FakeU3vCamera(64, 48).connect())
    settings = SETTINGS.validate_python({"kind": "genicam", "transport": "usb3", **more})
    async with settings.create("line") as made:
        yield made


async def test_frames_of_a_usb_camera_come_through_the_same_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """This fake has no trigger: it runs free, and a continuous run takes what comes."""
    monkeypatch.setattr(viva_camera, "wait_for_triggers", lambda features, settings: None)
    async with on_usb(monkeypatch, camera="U1", trigger="hardware") as made:
        run = Run(made)
        names = []
        for _ in range(3):
            picture = await run.next()
            assert picture.raw == RawFormat(64, 48)
            names.append(picture.name)
        assert names == sorted(set(names))
        await asyncio.sleep(1.2)  # it is looked after once a second
        await made.check()


async def test_a_usb_camera_tells_which_frames_exposure_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its events bear no block id but have the frame's number in their data."""
    monkeypatch.setattr(viva_camera, "wait_for_triggers", lambda features, settings: None)
    told: list[int] = []
    async with on_usb(monkeypatch, exposure_done="frame"):  # the search and the bus of this camera are the test's
        camera = VivaCamera(SETTINGS.validate_python({"kind": "genicam", "transport": "usb3"}))
        camera.open()
        assert camera.configure(told.append).tells
        frames = [camera.next_frame(1.0) for _ in range(3)]
        await until(lambda: len(told) >= 3, "told")
        camera.close()
    assert [one.number for one in frames if one is not None] == told[:3]


@pytest.mark.parametrize(
    ("found", "more", "words"),
    [
        (1, {}, "cannot be triggered"),
        (1, {"camera": "U7"}, "no USB camera U7 answers; found: U1"),
        (2, {}, "several USB cameras answer: U1 (model), U2 (model)"),
        (0, {}, "no USB camera answers; found: none"),
    ],
)
async def test_a_usb_camera_that_cannot_be_had_says_so(
    monkeypatch: pytest.MonkeyPatch, found: int, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(SourceError) as caught:
        async with on_usb(monkeypatch, found, **more):
            pytest.fail("opened")
    assert words in str(caught.value)
    assert caught.value.hint


async def test_a_machine_without_a_usb_camera_says_so() -> None:
    """The library's own search, whatever USB this machine has."""
    with pytest.raises(SourceError, match="USB") as caught:
        async with source(interface="", transport="usb3", camera="no camera has this serial number"):
            pytest.fail("opened")
    assert "USB" in caught.value.hint


# ---- grab ----


def grabbed(tmp_path: Path, wait: str) -> Any:
    file = config(tmp_path, f'kind = "genicam"\ninterface = "{LOOPBACK}"\ntrigger = "hardware"')
    command = ["grab", str(file), "station1", str(tmp_path / "out.png"), "--timeout", wait]
    return CliRunner().invoke(app, command)


def test_grab_waits_for_the_lines_next_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_camera():
        result = grabbed(tmp_path, "0.5")
        assert result.exit_code != 0
        assert "no signal of the line made a frame within 0.5 s" in result.output
        monkeypatch.setattr(viva_camera, "wait_for_triggers", lambda features, settings: features)
        free_run()
        result = grabbed(tmp_path, "5")
        assert result.exit_code == 0, result.output
        assert "64 x 48" in result.output


def free_run() -> None:
    """The fake camera's line has no plug: a camera that runs free stands for a line with signals."""
    camera = VivaCamera(SETTINGS.validate_python({"kind": "genicam", "interface": LOOPBACK}))
    camera.open()
    control: Any = camera._camera  # only who has control of the camera can set it
    control.disable_trigger("FrameStart")
    camera.close()

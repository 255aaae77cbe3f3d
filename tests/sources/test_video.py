"""Video streams, served by PyAV in the tests' own process: which frame a trigger gets, and what can go wrong."""

import asyncio
import logging
import sys
import time
import traceback
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from pydantic import ValidationError

import gateway.sources.worker
from gateway.core.errors import ConfigError, SourceError
from gateway.core.result import Reason
from gateway.ports import ImageSource
from tests.sources.clock_marks import HEIGHT, WIDTH, luma
from tests.sources.pictures import Run, order, until
from tests.sources.stream_server import camera
from tests.sources.video_bench import SETTINGS, age_at_trigger, down, drawn, seconds_since, source, up

KINDS = [("mpegts", 120), ("mpjpeg", 0)]
"""With the latency that each needs: MPEG-TS shows a frame's end two frames later, and has time stamps."""


async def refused(made: ImageSource, within_s: float = 5.0) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await made.acquire(order(within_s=within_s))
    assert caught.value.hint
    return caught.value


# ---- the frame of a trigger -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "latency_ms"), KINDS)
async def test_a_trigger_gets_a_frame_drawn_after_it(kind: str, latency_ms: int) -> None:
    with camera(kind) as (url, _):
        async with source(url, latency_ms=latency_ms) as made:
            await up(made)
            for number in range(10):
                assert -latency_ms - 250 < await age_at_trigger(made, number) <= 0
                await asyncio.sleep(0.037)


@pytest.mark.parametrize(("kind", "latency_ms"), KINDS)
async def test_frames_that_the_network_held_back_are_not_taken_for_new_ones(kind: str, latency_ms: int) -> None:
    with camera(kind) as (url, stream):
        async with source(url, latency_ms=latency_ms, frame_within_ms=1500) as made:
            await up(made)
            stream.dam.set()
            await asyncio.sleep(0.7)
            waiting = asyncio.create_task(age_at_trigger(made))
            await asyncio.sleep(0.3)  # longer than the latency: what is old comes when a new frame is due
            stream.dam.clear()
            assert await waiting <= 0


@pytest.mark.parametrize(("kind", "latency_ms"), KINDS)
async def test_stored_frames_that_a_server_sends_first_are_not_taken(kind: str, latency_ms: int) -> None:
    with camera(kind) as (url, stream):
        stream.stored = 30
        async with source(url, latency_ms=latency_ms) as made:
            await up(made)
            assert await age_at_trigger(made) <= 0


async def test_triggers_in_flight_get_frames_of_their_own_in_order() -> None:
    with camera("mpjpeg") as (url, _):
        async with source(url, latency_ms=0) as made:
            await up(made)
            pictures = await asyncio.gather(*(made.acquire(order(number)) for number in (1, 2, 3)))
            marks = [drawn(picture) for picture in pictures]
            assert sorted(set(marks)) == marks


async def test_a_trigger_that_was_held_up_gets_the_frame_that_is_there() -> None:
    with camera("mpjpeg") as (url, _):
        async with source(url, latency_ms=0) as made:
            await up(made)
            assert -300 < await age_at_trigger(made, ago_s=0.3) <= 0


async def test_an_event_loop_that_was_busy_gets_no_old_frame() -> None:
    with camera("mpjpeg") as (url, _):
        async with source(url, latency_ms=0) as made:
            await up(made)
            time.sleep(0.6)  # noqa: ASYNC251 - this is what is tested: frames come, and nobody takes them
            assert await age_at_trigger(made) <= 0


async def test_a_run_gets_each_frame_once_and_none_from_before() -> None:
    with camera("mpegts") as (url, _):
        async with source(url, latency_ms=120) as made:
            await up(made)
            run = Run(made)
            marks = [drawn(await run.next()) for _ in range(4)]
            assert sorted(set(marks)) == marks
            assert marks[0] >= run.since / 1000
            made.collect(None)


async def test_a_cancelled_trigger_leaves_the_source_usable() -> None:
    with camera("mpjpeg") as (url, _):
        async with source(url, latency_ms=0) as made:
            await up(made)
            waiting = asyncio.create_task(made.acquire(order()))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            assert await age_at_trigger(made) <= 0


async def test_nobody_waits_longer_than_the_deadline_or_for_a_frame_of_another_part() -> None:
    with camera("mpjpeg") as (url, stream):
        async with source(url, read_timeout_ms=10_000, frame_within_ms=400) as made:
            await up(made)
            stream.hold.set()
            began = time.monotonic()
            assert (await refused(made, within_s=0.2)).reason is Reason.NO_IMAGE
            assert seconds_since(began) < 0.2 + 0.1
            assert (await refused(made)).reason is Reason.NO_IMAGE
            assert seconds_since(began) < 0.2 + 0.45 + 0.2
            stream.hold.clear()


@pytest.mark.parametrize("pixels", ["bgr", "mono"])
async def test_a_recording_plays_at_its_own_speed_again_and_again(tmp_path: Path, pixels: str) -> None:
    file = tmp_path / "recording.mp4"
    with av.open(str(file), "w") as output:
        video = output.add_stream("libx264", rate=25)
        assert isinstance(video, av.VideoStream)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(12):
            gray = np.frombuffer(luma(number), np.uint8).reshape(HEIGHT, WIDTH)
            output.mux(video.encode(av.VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuv420p")))
        output.mux(video.encode(None))
    async with source(file=str(file), pixels=pixels, latency_ms=0) as made:
        await up(made)
        began = time.monotonic()
        marks = [drawn(await made.acquire(order(number))) % 2**24 for number in range(24)]
        assert 0.5 < seconds_since(began) < 5
        assert set(marks) <= set(range(12))
        assert any(after < before for before, after in pairwise(marks))


# ---- what can go wrong ----------------------------------------------------------------------------------------


async def test_silence_takes_it_down_and_it_connects_anew() -> None:
    with camera("mpjpeg") as (url, stream):
        async with source(url, read_timeout_ms=300, connect_timeout_ms=500) as made:
            await up(made)
            waiting = asyncio.create_task(refused(made))
            stream.hold.set()
            await down(made, "no frame for more than 0.3 s")
            await waiting
            await down(made, "broke off: silent for too long")
            assert (await refused(made)).reason is Reason.SOURCE_FAILED
            stream.hold.clear()
            await up(made)
            assert stream.connections > 1


async def test_it_comes_back_after_the_camera_was_gone() -> None:
    with ExitStack() as first:
        url, stream = first.enter_context(camera("mpegts"))
        port = int(url.split(":")[2].split("/")[0])
        async with source(url, latency_ms=120) as made:
            await up(made)
            stream.drop()
            await down(made, "ended")
            await up(made)
            first.close()
            await down(made, "cannot be opened")
            with camera("mpegts", port):
                await up(made)
                assert await age_at_trigger(made) <= 0


async def test_a_camera_that_ends_each_connection_is_asked_again_at_once() -> None:
    with camera("mpjpeg") as (url, stream):
        async with source(url, latency_ms=0) as made:
            for _ in range(7):  # with back-off the last pause would be 5 s
                began = time.monotonic()
                await up(made)
                stream.drop()
                await down(made, "broke off")
            assert seconds_since(began) < 3


async def test_the_password_is_in_no_error_and_no_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("CAMERA_PASSWORD", "pa$$:w/rd@")
    async with source("rtsp://127.0.0.1:9/live?key=secret", user="me", password_env="CAMERA_PASSWORD") as made:
        await down(made, "cannot be opened: Connection refused")
        error = await refused(made)
    assert error.reason is Reason.SOURCE_FAILED
    said = "".join(traceback.format_exception(error)) + caplog.text + "".join(capfd.readouterr())
    assert "rtsp://127.0.0.1:9/live" in said
    assert not any(word in said for word in ("pa$$", "pa%24%24", "w%2Frd", "secret", "me:"))


async def test_frames_over_the_limit_are_refused() -> None:
    with camera("mpegts") as (url, stream):
        stream.size = (1280, 1024)
        async with source(url, max_megapixels=1) as made:
            await down(made, "1280x1024 are larger than max_megapixels")
            assert (await refused(made)).reason is Reason.IMAGE_TOO_LARGE


async def test_what_is_no_video_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_text("no video")
    async with source(file=str(tmp_path / "clip.mp4")) as made:
        await down(made, "cannot be opened: Invalid data")


@pytest.mark.skipif(sys.platform != "linux", reason="V4L2 is Linux's")
async def test_a_usb_camera_that_is_not_there_is_an_error() -> None:
    async with source(device="/dev/video99", size="640x480", frame_rate=30) as made:
        await down(made, "/dev/video99: cannot be opened: No such file or directory")


async def test_stop_is_bounded_while_the_server_hangs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with camera("mpjpeg") as (url, stream):
        async with source(url, read_timeout_ms=500, connect_timeout_ms=500) as made:
            await up(made)
            stream.hold.set()
            began = time.monotonic()
        assert seconds_since(began) < 1.5
        monkeypatch.setattr(gateway.sources.worker, "STOP_S", 0.1)
        connections = stream.connections
        async with source(url, read_timeout_ms=1000, connect_timeout_ms=1000):
            await until(lambda: stream.connections > connections, "it connects")
            began = time.monotonic()
        assert seconds_since(began) < 0.5
        assert "the stream does not answer" in caplog.text


# ---- settings -------------------------------------------------------------------------------------------------


def test_without_pyav_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("video", "video_drain", "video_stream"):
        monkeypatch.delitem(sys.modules, f"gateway.sources.{name}", raising=False)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(ConfigError, match="PyAV") as caught:
        SETTINGS.validate_python({"kind": "video", "url": "rtsp://127.0.0.1/live"}).create("line")
    assert "pip install 'pekat-plc-gateway[video]'" in caught.value.hint


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "needs one of url, device and file"),
        ({"url": "rtsp://h/1", "device": "/dev/video0"}, "needs one of url, device and file"),
        ({"url": "file:///etc/passwd"}, "must be like rtsp://192.168.0.20/stream1"),
        ({"url": "rtsp://me:word@h/1"}, "must hold no login"),
        ({"url": "rtsp://h/1", "user": "me"}, "a log-in is"),
        ({"device": "/dev/video0", "user": "me", "password_env": "WORD"}, "a log-in is"),
        ({"url": "rtsp://h/1", "size": "1920x1080"}, "for a device only"),
        ({"device": "/dev/video0", "size": "large"}, "pattern"),
    ],
)
def test_settings_that_are_refused(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        SETTINGS.validate_python({"kind": "video", **keys})


def test_the_summary_shows_no_query() -> None:
    settings = SETTINGS.validate_python({"kind": "video", "url": "rtsp://h/1?key=secret"})
    assert "rtsp://h/1," in settings.summary
    assert "secret" not in settings.summary

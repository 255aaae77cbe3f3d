"""Video from a real RTSP server, GStreamer's: the frames' clock, log-in, and a server that hangs or dies.

apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-{base,good,ugly}
"""

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from tests.sources.pictures import order
from tests.sources.video_bench import age_at_trigger, down, seconds_since, source, up

pytestmark = pytest.mark.foreign

PYTHON = "/usr/bin/python3"
"""Debian's own: the bindings belong to it."""
ROOT = Path(__file__).parents[2]
PROBE = "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"
LATENCY_MS = 60
PASSWORD = "p@ss:w/rd?%"
Serve = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@pytest.fixture
def serve(port: int) -> Iterator[Serve]:
    """Starts the server on `port`; it is killed at the end."""
    if not os.path.exists(PYTHON) or subprocess.run([PYTHON, "-c", PROBE], check=False, capture_output=True).returncode:
        pytest.skip("gst-rtsp-server is not installed: see this file's first lines")
    started: list[subprocess.Popen[str]] = []

    def start(codec: str = "h264", *login: str) -> subprocess.Popen[str]:
        command = [PYTHON, "-m", "tests.sources.rtsp_server", str(port), codec, *login]
        server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        started.append(server)
        assert server.stdout is not None
        assert server.stdout.readline().startswith("ready")
        return server

    yield start
    for server in started:
        server.kill()
        server.wait(5)
        assert server.stdout is not None
        server.stdout.close()


@pytest.mark.parametrize(("codec", "transport"), [("h264", "tcp"), ("h264", "udp"), ("jpeg", "tcp")])
async def test_a_trigger_gets_a_frame_drawn_after_it(serve: Serve, port: int, codec: str, transport: str) -> None:
    serve(codec)
    async with source(f"rtsp://127.0.0.1:{port}/live", latency_ms=LATENCY_MS, transport=transport) as made:
        await up(made)
        for number in range(20):
            assert -LATENCY_MS - 250 < await age_at_trigger(made, number) <= 0
            await asyncio.sleep(0.037)


async def test_a_server_that_hangs_and_goes_on_gives_no_old_frame(serve: Serve, port: int) -> None:
    server = serve()
    async with source(f"rtsp://127.0.0.1:{port}/live", latency_ms=LATENCY_MS, frame_within_ms=2000) as made:
        await up(made)
        server.send_signal(signal.SIGSTOP)
        waiting = asyncio.create_task(age_at_trigger(made))
        await asyncio.sleep(0.6)
        server.send_signal(signal.SIGCONT)
        assert await waiting <= 0


async def test_a_server_that_hangs_takes_it_down_until_it_goes_on(serve: Serve, port: int) -> None:
    server = serve()
    async with source(f"rtsp://127.0.0.1:{port}/live", latency_ms=LATENCY_MS, read_timeout_ms=500) as made:
        await up(made)
        server.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        await down(made, "no frame for more than 0.5 s")
        assert seconds_since(began) < 1
        await down(made, "broke off: silent for too long")
        with pytest.raises(SourceError) as caught:
            await made.acquire(order())
        assert caught.value.reason is Reason.SOURCE_FAILED
        server.send_signal(signal.SIGCONT)
        await up(made)
        assert await age_at_trigger(made) <= 0


async def test_a_server_that_was_killed_and_started_again(serve: Serve, port: int) -> None:
    server = serve()
    async with source(f"rtsp://127.0.0.1:{port}/live", latency_ms=LATENCY_MS) as made:
        await up(made)
        server.kill()
        await down(made, "live: ")
        await down(made, "cannot be opened: Connection refused")
        serve()
        await up(made)
        assert await age_at_trigger(made) <= 0


async def test_leaving_is_bounded_while_the_server_hangs(serve: Serve, port: int) -> None:
    server = serve()
    async with source(f"rtsp://127.0.0.1:{port}/live", read_timeout_ms=1500, connect_timeout_ms=1500) as made:
        await up(made)
        server.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.1)
        began = time.monotonic()
    assert seconds_since(began) < 5.5


async def test_it_logs_in(serve: Serve, port: int, tmp_path: Path) -> None:
    serve("jpeg", "viewer", PASSWORD)
    word = tmp_path / "password"
    url = f"rtsp://127.0.0.1:{port}/live"
    word.write_text(f"{PASSWORD}\n", encoding="utf-8")
    async with source(url, user="viewer", password_file=str(word), latency_ms=LATENCY_MS) as made:
        await up(made)
        assert await age_at_trigger(made) <= 0
    word.write_text("wrong", encoding="utf-8")
    async with source(url, user="viewer", password_file=str(word)) as made:
        await down(made, "the camera refused the log-in")

"""`pekat-gateway grab` as a person runs it: Aravis' camera, an RTSP stream, a snapshot URL and a folder, by pixels."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gateway.ports import ignored
from tests.sources.clock_marks import drawn_ms, now_ms
from tests.sources.debian_gi import aravis_installed, gi_folder
from tests.sources.gige_port import gige_port
from tests.sources.pictures import drop, png
from tests.sources.snapshot_server import snapshot_server
from tests.sources.test_grab_command import config
from tests.sources.test_video_rtsp import Serve, port, serve

pytestmark = pytest.mark.foreign
__all__ = ["port", "serve"]

PROGRAM = "arv-fake-gv-camera-0.8"
GRAB_S = 60
WIDTH, HEIGHT = 320, 240


def grab(folder: Path, source: str, once_it_waits: Callable[[], None] = ignored) -> tuple[Path, dict[str, str]]:
    """Run the command in a process of its own; the picture's file and what was said of it."""
    out = folder / "out.png"
    command = [sys.executable, "-m", "gateway", "grab", str(config(folder, source)), "station1", str(out)]
    env = {**os.environ, "PYTHONPATH": str(gi_folder(folder))}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        once_it_waits()
        told, more = process.communicate(timeout=GRAB_S)
    assert process.returncode == 0, first + more
    return out, dict(line.split(maxsplit=1) for line in told.splitlines() if not line.startswith("time"))


@contextmanager
def aravis_camera() -> Iterator[None]:
    program = shutil.which(PROGRAM)
    if program is None:
        pytest.skip(f"{PROGRAM} is not installed (Debian: aravis-tools)")
    with gige_port(), subprocess.Popen([program, "-i", "127.0.0.1"], stdout=subprocess.DEVNULL) as process:
        try:
            time.sleep(1)  # nothing tells when it has begun to listen, and the command searches once
            yield
        finally:
            process.kill()
            process.wait(5)


def drawn_by_aravis(number: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int_]]:
    """Its test picture: brightness grows to the right and downwards, and by one with each frame."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.asarray((rows + columns + number) % 255)


@pytest.mark.parametrize("driver", ["viva", "aravis"])
def test_aravis_camera(tmp_path: Path, driver: str) -> None:
    if driver == "aravis" and not aravis_installed():
        pytest.skip("Aravis is not installed (Debian: gir1.2-aravis-0.8, python3-gi)")
    where = 'interface = "127.0.0.1"' if driver == "viva" else 'camera = "127.0.0.1"'
    source = (
        f'kind = "genicam"\ndriver = "{driver}"\n{where}\nregion = [0, 0, {WIDTH}, {HEIGHT}]\npixel_format = "Mono8"'
    )
    with aravis_camera():
        out, said = grab(tmp_path, source)
    found = re.fullmatch(r"station1-(\d+)", said["name"])
    assert found is not None
    with Image.open(out) as image:
        assert image.mode == "L"
        assert np.array_equal(np.asarray(image), drawn_by_aravis(int(found[1])))


def test_rtsp_stream(tmp_path: Path, serve: Serve, port: int) -> None:
    serve("h264")
    asked_ms = now_ms()
    out, _ = grab(tmp_path, f'kind = "video"\nurl = "rtsp://127.0.0.1:{port}/live"')
    with Image.open(out) as image:
        assert asked_ms <= drawn_ms(image.convert("L").tobytes(), 1, near_ms=now_ms()) <= now_ms()


def test_snapshot_url(tmp_path: Path) -> None:
    with snapshot_server() as (url, camera):
        out, _ = grab(tmp_path, f'kind = "http_camera"\nurl = "{url}/shot.png"')
        assert out.read_bytes() == png(camera.count)


def test_folder(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    out, said = grab(tmp_path, 'kind = "file_drop"\nfolder = "in"', lambda: drop(folder, "part1.png", png(3)))
    assert out.read_bytes() == png(3)
    assert said["name"] == "part1.png"

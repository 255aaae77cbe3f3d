"""`pekat-gateway grab`: one picture of every kind of source."""

import importlib.util
import io
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from gateway.cli.grab import encoded
from gateway.cli.main import app
from gateway.ports import Picture, RawFormat
from gateway.sources import viva_camera
from tests.sources.gige_port import gige_port
from tests.sources.pictures import drop, files, png
from tests.sources.snapshot_server import snapshot_server


def config(folder: Path, source: str) -> Path:
    file = folder / "line.toml"
    file.write_text(
        f"""
[links.modbus]
port = 5020
[[stations]]
name = "station1"
[stations.source]
{source}
[stations.inspector]
kind = "pekat"
[[stations.recipes]]
number = 1
name = "bottle"
url = "http://127.0.0.1:8000"
""",
        encoding="utf-8",
    )
    return file


def grab(folder: Path, source: str, *more: str, station: str = "station1") -> Result:
    out = folder / "out.png"
    return CliRunner().invoke(app, ["grab", str(config(folder, source)), station, str(out), *more])


@pytest.fixture
def fake() -> Iterator[Any]:
    testing = pytest.importorskip("viva_genicam.testing", reason="viva-genicam has no wheel for this platform")
    with gige_port(), testing.FakeGigeCamera(width=64, height=48, fps=50, pixel_format="RGB8") as camera:
        yield camera


@pytest.fixture(autouse=True, scope="module")
def library_runs() -> None:
    """The library's own event loop keeps its two sockets as long as the process lives."""
    if importlib.util.find_spec("viva_genicam") is not None:
        viva_camera.find_cameras("127.0.0.1")


def test_a_playlist(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part1.png").write_bytes(png(7))
    result = grab(tmp_path, 'kind = "playlist"\nfolder = "parts"')
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out.png").read_bytes() == png(7)
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if not line.startswith("time"))
    assert (lines["name"], lines["size"]) == ("part1.png", "1 x 1")
    assert lines["format"] == f"PNG, 8 bits a pixel, {len(png(7))} bytes, saved unchanged"
    assert "time taken" in result.stdout


def test_a_folder_is_waited_for_and_its_file_is_kept(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    timer = threading.Timer(0.5, drop, (tmp_path / "in", "part1.png", png(3)))
    timer.start()
    result = grab(tmp_path, 'kind = "file_drop"\nfolder = "in"\nafterwards = "delete"')
    timer.join()
    assert result.exit_code == 0, result.output
    assert (tmp_path / "out.png").read_bytes() == png(3)
    assert any(path.read_bytes() == png(3) for path in tmp_path.rglob("unjudged/part1.png"))
    assert files(tmp_path / "in") == set()


def test_a_snapshot(tmp_path: Path) -> None:
    with snapshot_server() as (url, camera):
        result = grab(tmp_path, f'kind = "http_camera"\nurl = "{url}/shot.png"')
        assert result.exit_code == 0, result.output
        assert (tmp_path / "out.png").read_bytes() == png(camera.count)


def test_a_camera(tmp_path: Path, fake: Any) -> None:
    result = grab(tmp_path, 'kind = "genicam"\ninterface = "127.0.0.1"')
    assert result.exit_code == 0, result.output
    assert "64 x 48" in result.stdout
    assert "raw BGR, 9216 bytes" in result.stdout
    with Image.open(tmp_path / "out.png") as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (64, 48))
    assert fake.software_triggers() == 1


def test_no_picture_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    result = grab(tmp_path, 'kind = "file_drop"\nfolder = "in"', "--timeout", "0.2")
    assert result.exit_code == 2
    assert "no image came" in result.stderr
    assert "Traceback" not in result.output
    assert not (tmp_path / "out.png").exists()


def test_an_unknown_station_is_told_which_there_are(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    result = grab(tmp_path, 'kind = "playlist"\nfolder = "parts"', station="line9")
    assert result.exit_code == 2
    assert "no station line9" in result.stderr
    assert "station1" in result.stderr


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "part1.png").write_bytes(png())
    (tmp_path / "out.png").mkdir()
    result = grab(tmp_path, 'kind = "playlist"\nfolder = "parts"')
    assert result.exit_code == 2
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize(
    ("raw", "data", "pixels"),
    [
        (RawFormat(2, 1), b"\x01\xfe", [1, 254]),
        (RawFormat(2, 1, bayer=True), b"\x01\xfe", [1, 254]),
        (RawFormat(2, 1, 3), b"\1\2\3\4\5\6", [(3, 2, 1), (6, 5, 4)]),
    ],
)
def test_raw_pixels_become_a_png_without_a_loss(raw: RawFormat, data: bytes, pixels: list[Any]) -> None:
    content, size, _ = encoded(Picture("p", data, raw))
    with Image.open(io.BytesIO(content)) as image:
        assert [image.getpixel((x, 0)) for x in range(2)] == pixels
    assert size == "2 x 1"


def test_without_the_library_the_command_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "viva_genicam", None)
    result = grab(tmp_path, 'kind = "genicam"')
    assert result.exit_code == 2
    assert "pip install 'pekat-plc-gateway[genicam]'" in result.stderr

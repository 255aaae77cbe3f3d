"""`grab`, `pekat analyze` and `check` say of a bad picture what the station would, in one line without a traceback."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.sim.parts import part_image
from tests.images.samples import BAD, encoded

CONFIG = """
[links.modbus]
port = 5020

[[stations]]
name = "station1"

[stations.source]
kind = "playlist"
folder = "parts"
max_megapixels = 20

[[stations.recipes]]
number = 1
name = "part"
url = "http://127.0.0.1:9"
"""


def said(arguments: list[str]) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    file = tmp_path / "gateway.toml"
    file.write_text(CONFIG, encoding="utf-8")
    return file


WORDS = {
    "empty": "it is empty: 0 bytes",
    "text called png": "not a PNG, JPEG or BMP",
    "500 megapixels": "25000 x 20000 pixels are 500.0 megapixels, more than max_megapixels",
    "tiff": "it is a TIFF",
}


@pytest.mark.parametrize("name", WORDS)
def test_grab_and_analyze_refuse_it_in_the_same_words(config: Path, tmp_path: Path, name: str) -> None:
    data, reason = BAD[name]
    picture = tmp_path / "parts" / "part1.png"
    picture.write_bytes(data)
    grabbed = said(["grab", str(config), "station1", str(tmp_path / "out.png")])
    analysed = said(["pekat", "analyze", str(picture), "--url", "http://127.0.0.1:9"])
    for result in (grabbed, analysed):
        assert result.exit_code == 2
        assert WORDS[name] in result.stderr
        assert "part1.png" in result.stderr
        assert "Traceback" not in result.output
    assert f"reason {reason.value}: " in analysed.stderr
    assert not (tmp_path / "out.png").exists()


def test_analyze_takes_what_it_is_told_to_take(tmp_path: Path) -> None:
    picture = tmp_path / "part1.png"
    picture.write_bytes(encoded("PNG", size=(1001, 1000)))
    command = ["pekat", "analyze", str(picture), "--url", "http://127.0.0.1:9", "--timeout", "1"]
    refused = said([*command, "--max-megapixels", "1"])
    assert "max_megapixels = 1" in refused.stderr
    passed = said([*command, "--max-megapixels", "2"])
    assert "http://127.0.0.1:9" in passed.stderr  # it came as far as PEKAT, which is not there


def test_check_says_what_the_limits_are(config: Path, tmp_path: Path) -> None:
    (tmp_path / "parts" / "part1.png").write_bytes(part_image(1, defects=0))
    result = said(["check", str(config)])
    assert result.exit_code == 0, result.output
    assert "images up to 64 MB and 20 megapixels" in result.output

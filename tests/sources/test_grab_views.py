"""`pekat-gateway grab` at a station with several views: one file each, or one view's."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from tests.sources.pictures import drop, png

CONFIG = """
[links.modbus]
port = 5020
[[stations]]
name = "station1"
[[stations.views]]
name = "top"
source = { kind = "file_drop", folder = "top", window_ms = 60000 }
[[stations.views]]
name = "side"
source = { kind = "file_drop", folder = "side", window_ms = 60000 }
[[stations.views]]
name = "print"
same_image_as = "top"
[[stations.recipes]]
number = 1
name = "bottle"
url = "http://127.0.0.1:8000"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "line.toml").write_text(CONFIG, encoding="utf-8")
    for view in ("top", "side"):
        (tmp_path / view).mkdir()
        drop(tmp_path / view, f"of_{view}.png", png())
    return tmp_path


def grab(folder: Path, *more: str) -> Result:
    return CliRunner().invoke(app, ["grab", str(folder / "line.toml"), "station1", str(folder / "out.png"), *more])


def test_each_view_has_a_file_of_its_own(folder: Path) -> None:
    result = grab(folder)
    assert result.exit_code == 0, result.output
    assert sorted(file.name for file in folder.glob("out*")) == ["out-side.png", "out-top.png"]
    assert "of_top.png" in result.output
    assert "of_side.png" in result.output


def test_one_view_by_its_name(folder: Path) -> None:
    result = grab(folder, "--view", "side")
    assert result.exit_code == 0, result.output
    assert [file.name for file in folder.glob("out*")] == ["out.png"]
    assert "of_side.png" in result.output


@pytest.mark.parametrize("view", ["tip", "print"])
def test_a_view_without_a_source_is_told(folder: Path, view: str) -> None:
    result = grab(folder, "--view", view)
    assert result.exit_code == 2
    assert "write one of top, side" in result.output

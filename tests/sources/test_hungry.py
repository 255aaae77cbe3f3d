"""Memory stays bounded whatever comes in: measured in a process of its own, by the operating system."""

import gzip
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.core.result import Reason
from tests.images.samples import png_of
from tests.sources.snapshot_server import Snapshots, snapshot_server

GROWTH = 64_000_000


def announces_2_gb(camera: Snapshots) -> None:
    camera.mode = "announced"


def sends_a_packed_bomb(camera: Snapshots) -> None:
    """400 kB that would unpack to 400 MB."""
    camera.mode, camera.encoding = "given", "gzip"
    camera.given = gzip.compress(bytes(400_000_000), 9)


def says_that_it_is_4_gigapixels(camera: Snapshots) -> None:
    camera.mode, camera.given = "given", png_of(65_000, 65_000, data=bytes(6_000_000))


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of resident memory is told in other units elsewhere")
@pytest.mark.parametrize(
    ("act", "reason"),
    [
        (announces_2_gb, Reason.IMAGE_TOO_LARGE),
        (sends_a_packed_bomb, Reason.NOT_AN_IMAGE),
        (says_that_it_is_4_gigapixels, Reason.IMAGE_TOO_LARGE),
    ],
)
def test_nothing_that_comes_in_takes_more_memory_than_its_limit(
    tmp_path: Path, act: Callable[[Snapshots], None], reason: Reason
) -> None:
    (tmp_path / "drop").mkdir()
    with snapshot_server() as (url, camera):
        act(camera)
        command = [sys.executable, "-m", "tests.sources.hungry", str(tmp_path / "drop"), url]
        said = subprocess.run(command, capture_output=True, text=True, timeout=90, check=True).stdout
    rows = {name: (int(number), int(growth)) for name, number, growth in (row.split("\t") for row in said.splitlines())}
    large = Reason.IMAGE_TOO_LARGE
    expected = {"500 megapixels": large, "bomb": large, "text bomb": Reason.NONE, "2 GB": large, "http": reason}
    assert {name: row[0] for name, row in rows.items()} == expected
    assert all(growth < GROWTH for _, growth in rows.values()), rows
    assert {file.name for file in (tmp_path / "drop" / "rejected").glob("*.png")} == {
        "500 megapixels.png",
        "bomb.png",
        "huge.png",
    }

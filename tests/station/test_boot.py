"""H21: a restart shows in boot_id, which is never 0 and never the last one."""

import itertools
from pathlib import Path

import pytest

from gateway.station.boot import FILE_NAME, next_boot_id


def test_h21_with_a_folder_each_start_counts_on_and_wraps_past_zero(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("65533\n", encoding="ascii")
    assert [next_boot_id(tmp_path) for _ in range(4)] == [65534, 65535, 1, 2]
    assert [file.name for file in tmp_path.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("left", ["", "12x", "-5"], ids=["cut short", "no number", "negative"])
def test_h21_a_damaged_file_still_gives_an_id(tmp_path: Path, left: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / FILE_NAME).write_text(left, encoding="ascii")
    first = next_boot_id(tmp_path / "data")
    assert 1 <= first <= 65535
    assert next_boot_id(tmp_path / "data") == first % 65535 + 1


def test_h21_without_a_folder_the_clock_gives_another_one_each_tenth_of_a_second(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = []
    for tenth in range(65530, 65545):
        monkeypatch.setattr("gateway.station.boot.time.time_ns", lambda tenth=tenth: tenth * 100_000_000)
        ids.append(next_boot_id(None))
    assert all(1 <= boot_id <= 65535 for boot_id in ids)
    assert all(a != b for a, b in itertools.pairwise(ids))

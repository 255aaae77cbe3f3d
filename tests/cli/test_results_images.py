"""The images of results on the command line: found by name, as long as they are there."""

import csv
import io
import json
import os
from pathlib import Path

from tests.cli.kept import call, keep, told
from tests.sinks.archived import PNG, archive, images, inspected, seen, until
from tests.sinks.results import recorded


async def archived(folder: Path) -> None:
    """Result 1 with two images, 2 with none, 3 with one of another hour."""
    async with archive(folder) as store:
        store.see(seen(1, view="side"))
        store.see(seen(1, PNG, view="top"))
        store.put(recorded(1))
        inspected(store, 3, at_us=3_600_000_000)
        await until(lambda: store.books.kept == 3)


async def test_show_says_where_the_images_are(tmp_path: Path) -> None:
    await archived(tmp_path / "archive")
    (one, two), _ = keep(tmp_path / "history.db", [recorded(1), recorded(2)])
    shown = told(tmp_path, ["show", one.result_id])
    lines = [line.split(maxsplit=1)[1].strip() for line in shown.splitlines() if line.startswith("image ")]
    assert lines == [str(tmp_path / "archive" / name) for name in images(tmp_path / "archive")[:2]]
    assert not [line for line in told(tmp_path, ["show", two.result_id]).splitlines() if line.startswith("image ")]


async def test_an_export_has_them_in_a_column(tmp_path: Path) -> None:
    await archived(tmp_path / "archive")
    keep(tmp_path / "history.db", [recorded(1), recorded(2), recorded(3, at_us=3_600_000_000)])
    rows = [*csv.DictReader(io.StringIO(told(tmp_path, ["export", "--csv", "-"])))]
    assert [*rows[0]][25] == "images", "columns of before stay where they were"
    there = [str(tmp_path / "archive" / name) for name in images(tmp_path / "archive")]
    assert [json.loads(row["images"]) for row in rows] == [there[:2], [], there[2:]]
    os.remove(there[2])
    rows = [*csv.DictReader(io.StringIO(told(tmp_path, ["export", "--csv", "-"])))]
    assert json.loads(rows[2]["images"]) == []


async def test_the_folder_is_the_configurations(tmp_path: Path) -> None:
    await archived(tmp_path / "pictures")
    (tmp_path / "data").mkdir()
    (one,), _ = keep(tmp_path / "data" / "history.db", [recorded(1)])
    file = tmp_path / "gateway.toml"
    file.write_text('[gateway]\ndata = "data"\n\n[archive]\nfolder = "pictures"\n')
    assert "/pictures/2026-03-01/12/" in call("show", one.result_id, "--config", str(file)).stdout
    file.write_text('[gateway]\ndata = "data"\n')
    assert "/2026-03-01/12/" not in call("show", one.result_id, "--config", str(file)).stdout
    file.write_text('[gateway]\ndata = "data"\n\n[archive]\nfolder = 3\n')
    assert call("show", one.result_id, "--config", str(file)).exit_code == 2

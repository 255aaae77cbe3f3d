"""The demo with a data folder, as a real process: what `results export` tells is what its PLC was given."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from gateway.cli.ports import free_port
from tests.system.test_demo import demo as demo_on_usual_ports
from tests.system.test_demo import finish, line_with

pytestmark = pytest.mark.timeout(180)

EXPORT_S = 60
RATE = 10

ROW = re.compile(r"^(\d+) +(P\d+) +(OK|NOK|no decision)(?: \(([a-z ]+)\))? +(\d+) ", re.MULTILINE)

Shown = tuple[str, str, str, str, str]


def demo(*arguments: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """On ports of its own: two demos that start in the same moment choose the same usual ones."""
    ports = [f"--{name}-port={free_port()}" for name in ("modbus", "opcua", "pekat")]
    return demo_on_usual_ports(*ports, *arguments)


def exported(data: Path) -> list[dict[str, str]]:
    command = [sys.executable, "-m", "gateway", "results", "export", "--data", str(data), "--csv", "-"]
    done = subprocess.run(command, capture_output=True, timeout=EXPORT_S, check=False)
    assert done.returncode == 0, done.stderr
    return list(csv.DictReader(io.StringIO(done.stdout.decode(), newline=""), strict=True))


def as_shown(rows: list[dict[str, str]]) -> list[Shown]:
    """Sequence, part, verdict, reason and defects, as the demo prints them."""
    told = []
    for row in rows:
        reason = "" if row["reason"] == "none" else row["reason"].replace("_", " ")
        verdict = {"ok": "OK", "nok": "NOK", "no_decision": "no decision"}[row["verdict"]]
        told.append((row["result_seq"], row["part_id"], verdict, reason, row["detection_count"]))
    return told


def shown(output: str) -> list[Shown]:
    return [(*found[:3], found[3] or "", found[4]) for found in ROW.findall(output)]


@pytest.mark.parametrize("plc", ["modbus", "opcua"])
def test_an_export_is_what_the_plc_was_given_line_for_line(plc: str, tmp_path: Path) -> None:
    data = tmp_path / 'it\'s "data"'
    with demo("--inspections", "25", "--plc", plc, "--rate", "0", "--pekat-delay-ms", "0", "--data", str(data)) as run:
        output, _ = finish(run)  # its PLC compares each answer with what the part deserves, and its sequence
    assert run.returncode == 0, output
    rows = exported(data)
    assert len(rows) == 25
    assert as_shown(rows) == shown(output)
    assert [row["trigger_seq"] for row in rows] == [row["result_seq"] for row in rows]
    assert {row["presented"] for row in rows} == {"true"}


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_demo_loses_nothing_and_the_next_one_goes_on(tmp_path: Path) -> None:
    with demo("--rate", str(RATE), "--data", str(tmp_path)) as run:
        line_with(run, "verdict")
        seen = [line_with(run, "P0000") for _ in range(20)]
        os.kill(run.pid, signal.SIGKILL)
        assert run.stdout is not None
        seen += run.stdout.readlines()
    before = shown("".join(seen))
    first = exported(tmp_path)
    kept = as_shown(first)
    assert before[: len(kept)] == kept[: len(before)]
    assert len(before) <= len(kept) <= len(before) + 1, "what the PLC was given is on the disk"
    boot_id = int((tmp_path / "boot_id").read_text(encoding="ascii"))
    with demo("--inspections", "5", "--rate", "0", "--data", str(tmp_path)) as run:
        output, _ = finish(run)
    assert run.returncode == 0, f"each part has the verdict that it deserves: {output}"
    both = exported(tmp_path)
    assert both[: len(first)] == first
    new = [row for row in both[len(first) :] if row["reason"] != "interrupted"]
    assert len(both) - len(first) - len(new) <= 1, "one part at a time"
    assert as_shown(new) == shown(output)
    assert [int(row["result_seq"]) for row in both] == list(range(1, len(both) + 1)), "numbers go on"
    assert len({row["result_id"] for row in both}) == len(both)
    assert int((tmp_path / "boot_id").read_text(encoding="ascii")) == boot_id % 65535 + 1


@pytest.mark.parametrize("views", ["1", "3"])
def test_a_demo_that_goes_on_shows_each_part_its_own_pictures(views: str, tmp_path: Path) -> None:
    """Its cameras know at which number the station goes on."""
    for count in ("7", "5"):
        usual = ("--views", views, "--rate", "0", "--pekat-delay-ms", "0", "--data", str(tmp_path))
        with demo("--inspections", count, *usual) as run:
            output, _ = finish(run)
        assert run.returncode == 0, output


def test_an_export_of_a_demo_that_runs(tmp_path: Path) -> None:
    with demo("--rate", "50", "--pekat-delay-ms", "0", "--data", str(tmp_path)) as run:
        line_with(run, "verdict")
        seen = [line_with(run, "P0000") for _ in range(10)]
        rows = as_shown(exported(tmp_path))
        assert rows[:10] == shown("".join(seen))
        run.send_signal(signal.SIGTERM)
        output, _ = finish(run)
    assert run.returncode == 0, output
    assert as_shown(exported(tmp_path))[: len(rows)] == rows


def test_a_demo_keeps_pictures_of_its_bad_parts_and_the_export_leads_to_them(tmp_path: Path) -> None:
    with demo("--inspections", "25", "--rate", "0", "--data", str(tmp_path)) as run:
        output, _ = finish(run)
    assert run.returncode == 0, output
    rows = exported(tmp_path)
    bad = [row for row in rows if row["verdict"] != "ok"]
    assert 0 < len(bad) < len(rows)
    for row in rows:
        found = [Path(one) for one in json.loads(row["images"])]
        assert len(found) == (row["verdict"] == "nok"), row
        for image in found:
            assert image.is_relative_to(tmp_path / "archive")
            assert image.read_bytes().startswith(b"\x89PNG")
            side = json.loads(image.with_suffix(".json").read_text(encoding="utf-8"))
            assert (side["result_id"], side["part_id"]) == (row["result_id"], row["part_id"])
        assert [f"{tmp_path}/archive/{name}" for name in json.loads(row["image_files"])] == [*map(str, found)]
        assert row["images_kept"] == ("true" if found else "")
        check_stages(row)


def check_stages(row: dict[str, str]) -> None:
    """Each of them, in their order, and what the camera called the picture."""
    stages = [float(row[f"{name}_ms"]) for name in ("pictured", "asked", "total", "shown", "acknowledged")]
    assert stages == sorted(stages), row
    assert stages[0] > 0
    assert stages[2] - stages[1] == pytest.approx(float(row["inspector_ms"]), abs=0.01)
    assert (row["asked_by"], row["client"]) == ("tags", "modbus 127.0.0.1")
    assert json.loads(row["pictures"]) == [{"view": "", "name": f"part-{int(row['part_id'][1:]):06}.png"}]

"""Every benchmark runs, with tiny counts, and reports figures for each of its targets."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from benchmarks.__main__ import BENCHMARKS, run_benchmarks
from benchmarks.figures import Report
from benchmarks.options import Options
from benchmarks.profiling import profile_trigger
from benchmarks.table import markdown_table, print_reports

TARGETS = {
    "trigger_modbus": 2,
    "modbus_rate": 6,
    "opcua_inspect": 1,
    "opcua_datachange": 1,
    "opcua_crowd": 1,
    "opcua_burst": 1,
    "machine_vision": 2,
    "frames": 2,
    "history": 7,
    "archive": 4,
    "cameras12": 4,
    "crowded_drop": 1,
    "overlap": 1,
    "pool": 3,
    "stations16": 3,
    "idle": 3,
}
TINY = Options(quick=True, scale=0.05)
LONG = {"crowded_drop", "idle", "history", "archive", "cameras12", "stations16", "pool"}
"""Half a minute each, most of it starts of gateways: nightly, and in each full run of the benchmarks."""
NAMES = [pytest.param(name, marks=pytest.mark.soak) if name in LONG else name for name in BENCHMARKS]


@pytest.mark.parametrize("name", NAMES)
def test_benchmark_reports_its_targets(name: str, tmp_path: Path) -> None:
    with (tmp_path / "said.txt").open("w", encoding="utf-8") as file:
        said = Console(file=file, width=160)
        results = run_benchmarks([name], TINY, said)
        report = Report.from_json(json.loads(json.dumps(results))["reports"][0])
        assert sum(figure.target is not None for figure in report.figures) == TARGETS[name]
        assert all(spread.count >= 1 and spread.p50 > 0 for spread in report.sides.values())
        print_reports([report], said)
    assert report.figures[0].name in markdown_table(results)
    assert name in (tmp_path / "said.txt").read_text(encoding="utf-8")


def test_profile_shows_the_station(tmp_path: Path) -> None:
    said = Console(file=(tmp_path / "said.txt").open("w", encoding="utf-8"), width=160)
    profile_trigger(TINY, said)
    said.file.close()
    assert "station.py" in (tmp_path / "said.txt").read_text(encoding="utf-8")

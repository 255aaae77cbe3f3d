"""The benchmarks' own arithmetic and their table."""

import json
import random

import pytest

from benchmarks.figures import Figure, Report, Spread, percentile
from benchmarks.machine import machine_facts
from benchmarks.table import markdown_table, put_between_markers


def test_percentile_between_two_ranks() -> None:
    samples = [float(value) for value in range(1, 101)]
    random.Random(3).shuffle(samples)
    assert percentile(samples, 0) == 1
    assert percentile(samples, 50) == 50.5
    assert percentile(samples, 99) == pytest.approx(99.01)
    assert percentile(samples, 100) == 100
    with pytest.raises(ValueError, match="no samples"):
        percentile([], 50)


def test_target_decides_the_outcome_on_its_side() -> None:
    assert Figure("latency", 1.0, "ms", 1.0).outcome == "pass"
    assert Figure("latency", 1.01, "ms", 1.0).outcome == "short"
    assert Figure("ratio", 1.5, "x", 1.5, "high").outcome == "pass"
    assert Figure("ratio", 1.4, "x", 1.5, "high").outcome == "short"
    assert Figure("missed", 0, "", 0).outcome == "pass"
    assert not Figure("rival", 7.9, "ms").outcome


def test_texts_keep_what_matters() -> None:
    assert Figure("rate", 23456.7, "/s", 1.5, "high").value_text == "23,457 /s"
    assert Figure("p50", 0.7142, "ms", 1.0).value_text == "0.71 ms"
    assert Figure("p50", 0.7142, "ms", 1.0).target_text == "≤ 1 ms"
    assert Figure("ratio", 2.0, "x", 0.8, "high").target_text == "≥ 0.80x"


def test_markdown_from_saved_results() -> None:
    figures = [Figure("above the call, p50", 0.7, "ms", 1.0), Figure("rival | script", 7.9, "ms")]
    report = Report("trigger", "Trigger", figures, {"gateway": Spread.of([1.0, 2.0])}, notes=["two samples"])
    saved = json.loads(json.dumps({"machine": machine_facts(), "quick": True, "reports": [report.as_json()]}))
    table = markdown_table(saved)
    lines = table.splitlines()
    assert "| **Trigger** | above the call, p50 | ≤ 1 ms | 0.70 ms | pass |" in lines
    assert "|  | rival \\| script |  | 7.90 ms |  |" in lines
    assert "- Trigger: two samples" in lines
    assert "quick run" in lines[-1]
    readme = put_between_markers("before\n<!-- benchmarks:begin -->\nold\n<!-- benchmarks:end -->\nafter\n", table)
    assert readme.startswith("before\n<!-- benchmarks:begin -->\n| |")
    assert readme.endswith("<!-- benchmarks:end -->\nafter\n")
    assert "old" not in readme
    assert put_between_markers(readme, table) == readme
    with pytest.raises(ValueError, match="benchmarks:begin"):
        put_between_markers("no markers", table)


def test_machine_facts_name_nobody() -> None:
    facts = json.dumps(machine_facts())
    assert "/home" not in facts
    assert "/tmp" not in facts
    assert {"cores", "python", "system", "load_before"} <= machine_facts().keys()

"""The tables of docs/reliability.md, from what the last run of the fault tests wrote to docs/reliability.json."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPORT = Path(__file__).parents[2] / "docs" / "reliability.json"
"""Written by `FAULTS_REPORT=docs/reliability.json pytest tests/faults`; in the source checkout only."""

NOT_PASSED = "not passed"


def _report() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(REPORT.read_text(encoding="utf-8"))
    return found


def matrix_table() -> str:
    """A row for each fault, a column for each state, and in each cell the seconds until a part got its verdict."""
    cells = _report()["matrix"]
    faults, states = _in_order(cells, "fault"), _in_order(cells, "state")
    took = {(one["fault"], one["state"]): f"{one['well_s']:.2f}" for one in cells}
    stated = {one["fault"]: f"{one['stated_s']:g}" for one in cells}
    lines = [_row("Fault", *states, "stated"), _row("---", *["---:"] * (len(states) + 1))]
    lines += [_row(one, *(took.get((one, state), NOT_PASSED) for state in states), stated[one]) for one in faults]
    return "\n".join(lines) + "\n"


def counts_table() -> str:
    """How many of each kind, and what came of them."""
    found = _report()
    cells, parts = len(found["matrix"]), sum(one["parts"] for one in found["matrix"])
    slowest = max(one["well_s"] for one in found["matrix"])
    rows = [
        _row("", "Tried", "Result"),
        _row("---", "---:", "---"),
        _row("Fault in a state", f"{cells} of {found['cells']['of']}", f"{parts} parts; well again in {slowest:.2f} s"),
        _scenarios(found["scenarios"]),
        _modbus(found["modbus"]),
        _replies(found["replies"], found["replies_sent"]),
    ]
    run = found["run"]
    said = f"The last part of it was written {run['date']}: Python {run['python']}, {run['cores']} cores."
    return "\n".join([*rows, "", said]) + "\n"


def _scenarios(counted: dict[str, int]) -> str:
    result = (
        f"{counted['accepted']:,} accepted triggers, {counted['kills']:,} kills; no answer missing, doubled or another "
        f"part's; {counted['forgotten']:,} of the triggers unknown after a kill, within the limits above"
    )
    return _row("Random scenarios", f"{counted['scenarios']:,}", result)


def _modbus(counted: dict[str, Any]) -> str:
    result = (
        f"no crash; {counted['connections']:,} connections; grown by {max(counted['grown_kib'], 0):,} KiB; "
        f"{counted['reads']:,} reads of another client: p50 {counted['p50_ms']} ms, p99 {counted['p99_ms']} ms, "
        f"slowest {counted['slowest_ms']} ms"
    )
    return _row("Mutated Modbus frames", f"{counted['frames']:,}", result)


def _replies(read: dict[str, int], sent: dict[str, int]) -> str:
    result = (
        f"no crash; {read['ok'] + sent['ok']:,} were OK and said so themselves; grown by "
        f"{max(read['grown_kib'], 0):,} KiB; {sent['sent']:,} of them over a socket"
    )
    return _row("Mutated replies of PEKAT", f"{read['read'] + sent['sent']:,}", result)


def _in_order(cells: list[dict[str, Any]], key: str) -> list[str]:
    return list(dict.fromkeys(one[key] for one in cells))


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


TABLES: dict[str, Callable[[], str]] = {"reliability-matrix": matrix_table, "reliability-counts": counts_table}

"""The tables of docs/reliability.md, from what the last run of the fault tests wrote to docs/reliability.json."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPORT = Path(__file__).parents[2] / "docs" / "reliability.json"
"""Written by `FAULTS_REPORT=docs/reliability.json pytest tests/faults`; in the source checkout only."""

FACES = {
    "modbus_bits": "Modbus TCP, bits, buffered",
    "opcua_bits": "OPC UA, bits, buffered",
    "modbus_numbers": "Modbus TCP, numbers, free running",
}
"""The parts of the matrix, in the order of the tables."""
SCENARIOS = ("scenarios", "scenarios_before")
"""The last run, and the one before it with another commit's code."""
NOT_PASSED = "not passed"
NONE_WRONG = "no answer missing, doubled or another part's"


def _report() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(REPORT.read_text(encoding="utf-8"))
    return found


def matrix_table() -> str:
    """For each face a row for each fault, a column for each state, and in each cell the seconds until a part got its
    verdict.
    """
    every = [one for played in _matrix().values() for one in played["cells"]]
    return "\n".join(f"**{FACES[key]}**\n\n{_cells(played['cells'], every)}" for key, played in _matrix().items())


def _matrix() -> dict[str, Any]:
    played = _report()["matrix"]
    return {key: played[key] for key in FACES if key in played}


def _cells(cells: list[dict[str, Any]], every: list[dict[str, Any]]) -> str:
    """Rows and columns stand in the order of `every`, whichever cells a run has played first."""
    faults, states = (_in_order(cells, every, key) for key in ("fault", "state"))
    took = {(one["fault"], one["state"]): f"{one['well_s']:.2f}" for one in cells}
    stated = {one["fault"]: f"{one['stated_s']:g}" for one in cells}
    lines = [_row("Fault", *states, "stated"), _row("---", *["---:"] * (len(states) + 1))]
    lines += [_row(one, *(took.get((one, state), NOT_PASSED) for state in states), stated[one]) for one in faults]
    return "\n".join(lines) + "\n"


def counts_table() -> str:
    """How many of each kind, and what came of them."""
    found = _report()
    rows = [
        _row("", "Tried", "Result", "Run"),
        _row("---", "---:", "---", "---"),
        *(_face(FACES[key], played) for key, played in _matrix().items()),
        *(_scenarios(found[part], _run(found, part)) for part in SCENARIOS if found.get(part)),
        _modbus(found["modbus"], _run(found, "modbus")),
        _replies(found["replies"], found["replies_sent"], _run(found, "replies")),
    ]
    return "\n".join([*rows, "", "*Run*: the day, and the commit whose code it was where the run has noted it."]) + "\n"


def _face(name: str, played: dict[str, Any]) -> str:
    cells, parts = played["cells"], sum(one["parts"] for one in played["cells"])
    slowest = max(one["well_s"] for one in cells)
    passed = f"{len(cells)} of {played['of']}"
    return _row(
        f"Fault in a state: {name}", passed, f"{parts} parts; well again in {slowest:.2f} s", _day(played["run"])
    )


def _run(found: dict[str, Any], part: str) -> str:
    """When a part was written, and with which commit's code."""
    return _day(found[part].get("run") or found["run"])


def _day(run: dict[str, Any]) -> str:
    return f"{run['date']} `{run['code']}`" if "code" in run else str(run["date"])


def _scenarios(counted: dict[str, Any], run: str) -> str:
    failed, slow, forgotten = (counted.get(name, 0) for name in ("failed", "slow", "forgotten"))
    result = (
        f"{counted['accepted']:,} accepted triggers, {counted['kills']:,} kills; "
        f"{f'{failed:,} FAILED' if failed else NONE_WRONG}"
        f"{f'; {slow:,} times well again later than 8 s' if slow else ''}"
        f"{f'; {forgotten:,} triggers unknown after a kill' if forgotten else ''}"
    )
    return _row("Random scenarios", f"{counted['scenarios'] + failed:,}", result, run)


def _modbus(counted: dict[str, Any], run: str) -> str:
    result = (
        f"no crash; {counted['connections']:,} connections; grown by {max(counted['grown_kib'], 0):,} KiB; "
        f"{counted['reads']:,} reads of another client: p50 {counted['p50_ms']} ms, p99 {counted['p99_ms']} ms, "
        f"slowest {counted['slowest_ms']} ms"
    )
    return _row("Mutated Modbus frames", f"{counted['frames']:,}", result, run)


def _replies(read: dict[str, Any], sent: dict[str, Any], run: str) -> str:
    result = (
        f"no crash; {read['ok'] + sent['ok']:,} were OK and said so themselves; grown by "
        f"{max(read['grown_kib'], 0):,} KiB; {sent['sent']:,} of them over a socket"
    )
    return _row("Mutated replies of PEKAT", f"{read['read'] + sent['sent']:,}", result, run)


def _in_order(cells: list[dict[str, Any]], every: list[dict[str, Any]], key: str) -> list[str]:
    played = {one[key] for one in cells}
    return [name for name in dict.fromkeys(one[key] for one in every) if name in played]


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


TABLES: dict[str, Callable[[], str]] = {"reliability-matrix": matrix_table, "reliability-counts": counts_table}

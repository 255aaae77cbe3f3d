"""What a run found, as JSON: in the file that FAULTS_REPORT names, beside what other runs wrote there."""

import os
import platform
import subprocess
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """One cell that passed. `well_s`: from the fault's end until a part got its verdict; `stated_s`: as promised."""

    fault: str
    state: str
    parts: int
    well_s: float
    stated_s: float


KINDS = ("scenarios", "scenarios_before", "modbus", "replies", "replies_sent", "run")
"""What counts, beside the matrix: the scenarios of another commit's code too, that they ran with before; `run` stands
for those that have none of their own.
"""


@cache
def this_run() -> dict[str, Any]:
    """When, with what and with which commit's code; `+` where the checkout differs from it."""
    command = ["git", "describe", "--always", "--exclude=*", "--dirty=+", "--abbrev=7"]
    code = subprocess.run(
        command, cwd=Path(__file__).parent, capture_output=True, text=True, check=False
    ).stdout.strip()
    day = f"{datetime.now(UTC):%Y-%m-%d}"
    return {"date": day, "code": code or "unknown", "python": platform.python_version(), "cores": os.cpu_count()}


@dataclass(slots=True)
class Report:
    """Filled by the tests of one run."""

    matrix: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By the key of the face: the cells that passed, of how many, and the run."""
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By the name of the test: what it counted."""

    def note(self, test: str, **counted: Any) -> None:
        """What a test has counted, with the run that it stands for."""
        self.figures[test] = {**counted, "run": this_run()}

    def cell_passed(self, face: str, outcome: Outcome, of: int) -> None:
        seen = self.matrix.setdefault(face, {"of": of, "cells": [], "run": this_run()})
        seen["cells"].append(asdict(outcome))

    def over(self, before: dict[str, Any]) -> dict[str, Any]:
        """What stands in the file after this run: each kind of test, and each face, replaces its own part."""
        old = before.get("matrix")
        faces = dict(old) if isinstance(old, dict) else {}
        for key, played in self.matrix.items():
            faces[key] = _with_the_others(played, faces.get(key))
        kept = {name: before[name] for name in KINDS if name in before}
        last = before.get("scenarios", {})
        if "scenarios" in self.figures and last.get("run", {}).get("code") != this_run()["code"]:
            kept["scenarios_before"] = last
        return {"matrix": faces, **kept, **self.figures}


def _with_the_others(played: dict[str, Any], before: dict[str, Any] | None) -> dict[str, Any]:
    """A face's cells, each once; with those that passed before with the same commit's code."""
    earlier = before["cells"] if before is not None and before["run"].get("code") == played["run"]["code"] else []
    cells = {(one["fault"], one["state"]): one for one in [*earlier, *played["cells"]]}
    return {**played, "cells": list(cells.values())}


report = Report()

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

    matrix: list[Outcome] = field(default_factory=list)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By the name of the test: what it counted."""

    def note(self, test: str, **counted: Any) -> None:
        """What a test has counted, with the run that it stands for."""
        self.figures[test] = {**counted, "run": this_run()}

    def as_json(self) -> dict[str, Any]:
        return {"matrix": [asdict(one) for one in self.matrix], **self.figures}


report = Report()

"""What a run found, as JSON: in the file that FAULTS_REPORT names, beside what other runs wrote there."""

import os
import platform
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Outcome:
    """One cell that passed. `well_s`: from the fault's end until a part got its verdict; `stated_s`: as promised."""

    fault: str
    state: str
    parts: int
    well_s: float
    stated_s: float


@dataclass(slots=True)
class Report:
    """Filled by the tests of one run."""

    matrix: list[Outcome] = field(default_factory=list)
    figures: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By the name of the test: what it counted."""

    def as_json(self) -> dict[str, Any]:
        run = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "python": platform.python_version(), "cores": os.cpu_count()}
        return {"matrix": [asdict(one) for one in self.matrix], **self.figures, "run": run}


report = Report()

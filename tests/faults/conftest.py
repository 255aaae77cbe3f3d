"""What the tests here have counted goes into the report, where the run asks for one."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.report import report


@pytest.fixture(scope="session", autouse=True)
def written_report() -> Iterator[None]:
    """Into the file that FAULTS_REPORT names; what other runs wrote there stays, part by part."""
    yield
    place = os.environ.get("FAULTS_REPORT")
    if not place:
        return
    file = Path(place)
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    file.write_text(json.dumps(report.over(before), indent=1) + "\n", encoding="utf-8")

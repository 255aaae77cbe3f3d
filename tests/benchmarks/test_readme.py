"""The README tells what `benchmarks/results.json` has: nobody writes a figure by hand."""

import json
from pathlib import Path

from benchmarks.table import markdown_table, put_between_markers

ROOT = Path(__file__).parents[2]


def test_the_table_is_made_of_the_saved_results() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    saved = json.loads((ROOT / "benchmarks" / "results.json").read_text(encoding="utf-8"))
    again = "python -m benchmarks --markdown --readme README.md"
    assert put_between_markers(readme, markdown_table(saved)) == readme, again

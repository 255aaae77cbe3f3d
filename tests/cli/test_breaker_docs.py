"""What docs/pool.md draws of the circuit breaker is what it does."""

from gateway.cli.breaker_docs import breaker_diagram, outcomes_table
from gateway.core.result import Reason

EDGES = {
    "closed --> doubtful", "closed --> open", "doubtful --> closed", "doubtful --> open",
    "half_open --> closed", "half_open --> open", "open --> closed", "open --> half_open",
}  # fmt: skip


def test_every_change_of_standing_is_drawn_and_no_other() -> None:
    lines = [line.strip() for line in breaker_diagram().splitlines() if "-->" in line and "[*]" not in line]
    assert {line.partition(":")[0] for line in lines} == EDGES
    assert "open --> closed: an image is answered" in lines


def test_every_outcome_that_says_something_is_in_the_table() -> None:
    rows = outcomes_table().splitlines()[2:]
    assert [int(row.split("|")[1]) for row in rows] == [
        int(reason) for reason in Reason if reason <= Reason.INSPECTOR_OFFLINE
    ]
    assert rows[-1].endswith("| open; the image goes to another one | failed: doubtful, or open |")

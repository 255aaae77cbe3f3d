"""What is noted of a station: a row of its table, made without SQLAlchemy, and read back as it was."""

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from gateway.core.counts import Counts
from gateway.core.inspection import Inspection
from gateway.core.result import Origin
from gateway.core.resume import Memory
from gateway.sinks.history_names import Names
from gateway.sinks.history_notes import note_of, remembered, row_of_note
from gateway.sinks.history_stations import STATIONS
from tests.sinks.results import recorded, registrar

REGISTRAR = registrar()
NAMES = Names(lambda station, number: f"{station}-{number}", REGISTRAR.clock.unix_us)
FLYING = Inspection(7, 42, "part \u00e9 7", 3, 1_000_000, 9_000_000, 1_500_000, origin=Origin("Inspect", client="plc"))
MEMORY = Memory(8, 5, 4, 42, Counts(triggers=9, ok=5), 3, True, (recorded(4).result, recorded(5).result), (FLYING,))


def test_a_row_has_the_columns_of_its_table_in_their_order() -> None:
    assert [*row_of_note(note_of("s1", MEMORY, NAMES))] == [one.name for one in STATIONS.c]


@pytest.mark.parametrize("read", [json.loads, lambda note: [*row_of_note(note).values()]], ids=["note", "row"])
def test_what_is_noted_is_what_is_remembered(read: Callable[[bytes], list[Any]]) -> None:
    found = remembered(read(note_of("s1", MEMORY, NAMES, ["s1-4", "s1-5"], 12)))
    memory = found.memory
    assert (memory.next_id, memory.result_seq, memory.shown_seq, memory.trigger_seq) == (8, 5, 4, 42)
    assert (memory.counts, memory.error_count, memory.buffered) == (MEMORY.counts, 3, True)
    assert (found.owed, found.revision) == (("s1-4", "s1-5"), 12)
    (accepted,) = found.flight
    one = accepted.inspection
    assert (one.id, one.trigger_seq, one.part_id, one.recipe, one.exposed_at) == (7, 42, "part \u00e9 7", 3, 1_500_000)
    assert (one.origin.by, one.origin.client, accepted.result_id) == ("Inspect", "plc", "s1-7")
    assert abs(accepted.accepted_us - REGISTRAR.clock.unix_us(1_000_000)) <= 1000


def test_a_station_of_which_nothing_is_open_has_empty_lists() -> None:
    row = row_of_note(note_of("s1", Memory(), NAMES))
    assert (row["owed"], row["flight"]) == ("[]", "[]")
    assert remembered([*row.values()]).memory == Memory()


def test_notes_do_without_the_database_library() -> None:
    """It takes 0.3 s to load, and the first note is on the way of a trigger."""
    asked = "import sys, gateway.sinks.history; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False, timeout=60).returncode == 0

"""What is noted of a station: a row of its table, made without SQLAlchemy, and read back as it was."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.core.counts import Counts
from gateway.core.inspection import Inspection
from gateway.core.result import Origin
from gateway.core.resume import Memory
from gateway.sinks.history_database import Database
from gateway.sinks.history_names import Names
from gateway.sinks.history_notes import note_of, remembered, row_of_note, row_of_values
from gateway.sinks.history_stations import STATIONS
from gateway.sinks.history_table import row_of
from gateway.sinks.page_file import PageFile
from gateway.sinks.pages import page_name
from tests.sinks.results import recorded, registrar
from tests.sinks.test_acceptance import COUNTS, after, flying, home, noted

__all__ = ["home"]

REGISTRAR = registrar()
NAMES = Names(lambda station, number: f"{station}-{number}", REGISTRAR.clock.unix_us)
FLYING = Inspection(7, 42, "part \u00e9 7", 3, 1_000_000, 9_000_000, 1_500_000, origin=Origin("Inspect", client="plc"))
MEMORY = Memory(8, 5, 4, 42, Counts(triggers=9, ok=5), 3, True, (recorded(4).result, recorded(5).result), (FLYING,))


def test_a_row_has_the_columns_of_its_table_in_their_order() -> None:
    assert [*row_of_note(note_of("s1", MEMORY, NAMES))] == [one.name for one in STATIONS.c]


@pytest.mark.parametrize("read", [json.loads, lambda note: [*row_of_note(note).values()]], ids=["note", "row"])
def test_what_is_noted_is_what_is_remembered(read: Callable[[bytes], list[Any]]) -> None:
    found = remembered(read(note_of("s1", MEMORY, NAMES, 12)))
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


def test_what_the_first_gateways_noted_with_arrivals_is_filed(tmp_path: Path) -> None:
    """A row by its columns, as it was then, some of them not there yet."""
    database = Database.made(tmp_path / "h.db")
    database.write([row_of(REGISTRAR.stored(recorded(1)))], notes=[note_of("s1", Memory(), NAMES)], durable=True)
    row = row_of_note(note_of("s1", MEMORY, NAMES))
    del row["revision"]
    other = sqlite3.connect(tmp_path / "h.db", isolation_level=None)
    assert other.execute("UPDATE arrivals SET notes = ?", (json.dumps([row]),)).rowcount == 1
    other.close()
    filing = Database.made(tmp_path / "h.db")
    found = filing.station("s1")
    assert found is not None
    assert (found.memory.next_id, found.memory.counts, found.revision) == (8, MEMORY.counts, 0)
    for one in (database, filing):
        one.close()


@pytest.mark.parametrize(("form", "next_id"), [(2, 99), (1, 9), (4, 9)])
async def test_a_page_of_the_format_before_is_read(home: Path, form: int, next_id: int) -> None:
    """In it the station's lists are JSON once more; of others nothing is known, and the database counts."""
    await noted(home, Memory(9, 8, 8, 8, COUNTS, flight=(flying(8),)))
    file = PageFile.opened(home / page_name("s1"))
    assert file.newest is not None
    head, *rest = file.newest.decode().split("\n")
    _, version, identity, values = json.loads(head)
    row = row_of_values(values) | {"next_id": 99}
    file.store("\n".join([json.dumps([form, version, identity, [*row.values()]]), *rest]).encode())
    file.close()
    memory, rows = await after(home)
    assert memory is not None
    assert (memory.next_id, memory.counts) == (next_id, replace(COUNTS, no_decision=2))
    assert [(one.result.part_id, one.result.origin.job_id) for one in rows] == [("part 8", "j")]


def test_notes_do_without_the_database_library() -> None:
    """It takes 0.3 s to load, and the first note is on the way of a trigger."""
    asked = "import sys, gateway.sinks.history; sys.exit('sqlalchemy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False, timeout=60).returncode == 0

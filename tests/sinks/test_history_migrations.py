"""A database of each older version opens with its rows, and one that cannot be taken over stays as it was."""

import logging
import shutil
import sqlite3
import subprocess
import sys
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect
from sqlalchemy.engine.interfaces import ReflectedIndex

from gateway.core.errors import SinkError
from gateway.core.result import Judgement, Origin, Reason, Verdict, no_decision
from gateway.ports import Recorded, ResultQuery, StoredResult
from gateway.sinks.history import History
from gateway.sinks.history_arrivals import ARRIVALS
from gateway.sinks.history_database import Database
from gateway.sinks.history_reader import HistoryReader
from gateway.sinks.history_retention import Retention
from gateway.sinks.history_schema import VERSION_TABLE, number_of, upgrade
from gateway.sinks.history_table import METADATA, VERSION
from tests.sinks.results import recorded, registrar

DATA = Path(__file__).parents[1] / "data"
OLD = {1: DATA / "history-1.sqlite", 4: DATA / "history-4.sqlite"}
"""Made by the gateways of those versions; each holds what `kept` says."""


def kept() -> list[StoredResult]:
    """What those who made the old files put into them."""
    told = (("lot", "ü 7"), ("n", 3))
    origin = Origin("job", "job 1", "m1", "p1", simulated=True)
    answers: list[Recorded] = [
        *(recorded(number) for number in range(1, 13)),
        recorded(13, judgement=no_decision(Reason.TIMEOUT)),
        recorded(14, judgement=Judgement(Verdict.OK, score=0.5, user_values=told), part_id="Zähler", recipe=2),
        recorded(15, origin=origin, presented=False),
        recorded(16, station="s2", judgement=no_decision(Reason.RESET), presented=False),
    ]
    return [registrar().stored(one) for one in answers]


def same(found: list[StoredResult]) -> bool:
    """The numbers are the database's own."""
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    plain = [(one.result_id, one.station, one.result, one.answered, one.counts, one.presented) for one in found]
    return plain == [
        (one.result_id, one.station, one.result, one.answered, one.counts, one.presented) for one in kept()
    ]


def content(file: Path) -> list[str]:
    database = sqlite3.connect(file)
    try:
        return [*database.iterdump(), *map(str, database.execute("PRAGMA user_version"))]
    finally:
        database.close()


@pytest.fixture(params=sorted(OLD))
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return Path(shutil.copy(OLD[request.param], tmp_path / "h.db"))


async def test_an_old_database_opens_keeps_its_rows_and_takes_new_ones(old: Path) -> None:
    async with History(registrar(), old, Retention(0, 0)) as store:
        assert same(list(await store.read(ResultQuery(limit=100))))
        store.put(recorded(17))
        (newest,) = await store.read(ResultQuery("s1", newest_first=True, limit=1))
        assert newest.number == 17
    with sqlite3.connect(old) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
        assert database.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchall() == [(number_of(VERSION),)]
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    database.close()


def test_an_old_database_is_read_as_it_is_by_who_only_reads(old: Path) -> None:
    before = old.read_bytes()
    with HistoryReader(old) as reader:
        (page,) = reader.pages(ResultQuery())
        assert same(page)
        assert reader.count(ResultQuery()) == len(page)
        assert [one.number for one in reader.with_id(page[3].result_id, "s1")] == [4]
    assert old.read_bytes() == before


async def test_two_gateways_take_the_same_database_over(old: Path) -> None:
    async with (
        History(registrar(), old, Retention(0, 0)) as one,
        History(registrar(), old, Retention(0, 0)) as other,
    ):
        one.put(recorded(17))
        other.put(recorded(18))
        assert len(await one.read(ResultQuery())) >= 17
        while one.books.waiting or other.books.waiting:
            await one.read(ResultQuery(limit=1))
        assert len(await other.read(ResultQuery())) == 18


def test_what_cannot_be_taken_over_is_left_as_it_was(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = Path(shutil.copy(OLD[1], tmp_path / "h.db"))
    with sqlite3.connect(file) as database:
        database.execute("ALTER TABLE results ADD COLUMN views TEXT")  # somebody's own idea
    database.close()
    before = content(file)
    with caplog.at_level(logging.WARNING), pytest.raises(SinkError, match=r"version 1 to .* left as it was"):
        Database.made(file)
    assert content(file) == before


def test_a_database_of_a_newer_gateway_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "h.db"
    Database.made(file).close()
    with sqlite3.connect(file) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")
    database.close()
    before = file.read_bytes()
    with pytest.raises(SinkError, match=f"newer gateway .version {VERSION + 1}, this one knows {VERSION}"):
        Database.made(file)
    assert file.read_bytes() == before


def shape(engine: Engine) -> dict[str, Any]:
    """Everything that makes a difference between two schemas."""
    seen, made = inspect(engine), dict[str, Any]()
    for name in seen.get_table_names():
        columns = [(one["name"], str(one["type"]), one["nullable"]) for one in seen.get_columns(name)]
        indexes = sorted((str(one["name"]), one["column_names"], _where(one)) for one in seen.get_indexes(name))
        made[name] = (columns, indexes, seen.get_pk_constraint(name)["constrained_columns"])
    return made


def _where(index: ReflectedIndex) -> str:
    """What the rows of an index over some of them have in common."""
    return str(index.get("dialect_options", {}).get("sqlite_where", "")).replace("results.", "")


def test_the_steps_lead_to_what_a_new_database_is_made_with() -> None:
    stepped, made = create_engine("sqlite://"), create_engine("sqlite://")
    with stepped.begin() as connection:
        upgrade(connection)
    with made.begin() as connection:
        METADATA.create_all(connection)
        ARRIVALS.create(connection)
    steps = shape(stepped)
    assert steps.pop(VERSION_TABLE)
    assert steps == shape(made)
    for engine in (stepped, made):
        engine.dispose()


def test_the_steps_are_numbered_without_a_gap_and_the_last_one_is_this_version() -> None:
    steps = sorted(one.name for one in resources.files("gateway.sinks.migrations.versions").iterdir())
    numbers = [int(name[1:5]) for name in steps if name.startswith("v")]
    assert numbers == list(range(1, VERSION + 1))


def test_alembic_is_loaded_only_where_something_has_to_be_taken_over(tmp_path: Path) -> None:
    """It takes half a second that a start has not got."""
    program = (
        "import sys; from pathlib import Path; from gateway.sinks.history_database import Database\n"
        "for _ in range(2): Database.made(Path(sys.argv[1])).close()\n"
        "sys.exit('alembic' in sys.modules)"
    )
    new, old = tmp_path / "new.db", Path(shutil.copy(OLD[1], tmp_path / "old.db"))
    assert subprocess.run([sys.executable, "-c", program, new], check=False, timeout=60).returncode == 0
    assert subprocess.run([sys.executable, "-c", program, old], check=False, timeout=60).returncode == 1

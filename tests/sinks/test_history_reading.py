"""Many rows at once: in the right types, within their time, and with others let in between."""

import resource
import time
from pathlib import Path

import pytest

from gateway.core.errors import SinkError
from gateway.core.result import Origin
from gateway.ports import ResultQuery, StoredResult
from gateway.sinks.history_database import Database
from gateway.sinks.history_place import Place
from gateway.sinks.history_table import row_of
from gateway.worker import HOLD_S
from tests.sinks.results import recorded, registrar

MANY = 2_345
"""Fetched in many goes, the last one of which is not full."""


def stored(count: int) -> list[StoredResult]:
    made = registrar()
    return [
        made.stored(recorded(number, presented=number % 2 == 0, origin=Origin(simulated=number % 3 == 0)))
        for number in range(1, count + 1)
    ]


def filled(place: Place, count: int) -> Database:
    database = Database.made(place)
    database.insert([row_of(one) for one in stored(count)])
    return database


def told(results: list[StoredResult]) -> list[str]:
    """With their types: 1 is no True here."""
    return [repr(one).replace(f" number={one.number},", "") for one in results]


def test_every_row_is_there_once_as_it_was(place: Place) -> None:
    database = filled(place, MANY)
    try:
        for limit in (1, 19, 20, 21, 500, 501, MANY, MANY + 1):
            assert told(database.read(ResultQuery("s1", limit=limit))) == told(stored(min(limit, MANY)))
    finally:
        database.close()


def test_a_question_that_takes_too_long_is_ended_and_the_next_one_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = filled(tmp_path / "history.db", MANY)
    with monkeypatch.context() as hurry:
        hurry.setattr("gateway.sinks.history_sqlite.QUERY_S", 0.0)
        with pytest.raises(SinkError):
            database.read(ResultQuery("s1", limit=MANY))
    assert len(database.read(ResultQuery("s1", limit=MANY))) == MANY
    database.close()


def test_who_reads_stands_aside_between_the_rows() -> None:
    database = filled(None, MANY)
    database.read(ResultQuery("s1", limit=MANY))
    before, began = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw, time.thread_time()
    database.read(ResultQuery("s1", limit=MANY))
    took, after = time.thread_time() - began, resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
    assert after - before > took / HOLD_S / 5  # half of it is the driver's
    database.close()

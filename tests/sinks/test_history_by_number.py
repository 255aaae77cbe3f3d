"""Results by the number that the PLC has of them: found by an index, and never behind what still waits."""

import asyncio
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from gateway.core.errors import SinkError
from gateway.core.result import Verdict
from gateway.ports import ResultQuery
from gateway.sinks import history_retries
from gateway.sinks.history import History
from gateway.sinks.history_query import selected
from gateway.sinks.history_retention import Retention
from gateway.sinks.history_table import METADATA
from tests.sinks.results import NOON, recorded, registrar

BY_NUMBER = ResultQuery(station="s1", result_seq=1, presented=True, newest_first=True, limit=1)


NOK = ResultQuery("s1", NOON, verdicts=frozenset({Verdict.NOK}))


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (BY_NUMBER, "results_by_seq (station=? AND result_seq=?)"),
        (NOK, "results_by_verdict (station=? AND verdict=? AND answered>?)"),
        (replace(NOK, newest_first=True), "results_by_verdict (station=? AND verdict=? AND answered>?)"),
        (ResultQuery("s1", NOON, part_id="a"), "results_by_part (station=? AND part_id=? AND answered>?)"),
    ],
)
def test_there_is_an_index_for_it_and_nothing_is_sorted(query: ResultQuery, index: str) -> None:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        METADATA.create_all(connection)
        asked = selected(query).compile(engine, compile_kwargs={"literal_binds": True})
        plan = [row[-1] for row in connection.execute(text(f"EXPLAIN QUERY PLAN {asked}"))]
    engine.dispose()
    assert plan == [f"SEARCH results USING INDEX {index}"]


async def test_who_wants_all_of_it_gets_an_error_while_something_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others read on: what they get is old, and they know its time."""
    monkeypatch.setattr(history_retries, "RETRY_S", (0.05,))
    file, complete = tmp_path / "h.db", replace(BY_NUMBER, complete=True)
    async with History(registrar(), file, Retention(0, 0)) as store, asyncio.timeout(20):
        store.put(recorded(1))
        while not store.books.stored:
            await asyncio.sleep(0.01)
        assert len(await store.read(complete)) == 1
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        store.put(recorded(65536))
        with pytest.raises(SinkError, match="results wait to be written"):
            await store.read(complete)
        assert [one.result.inspection_id for one in await store.read(BY_NUMBER)] == [1]
        other.execute("ROLLBACK")
        other.close()
        while store.books.waiting:
            await asyncio.sleep(0.01)
        assert [one.result.inspection_id for one in await store.read(complete)] == [65536]

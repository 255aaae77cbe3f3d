"""A PLC reads an old result again (H37): a station with a real history, and with stores that fail or hang."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import SinkError
from gateway.core.query import QueryStatus
from gateway.core.result import Judgement, Reason, Verdict, no_decision
from gateway.ports import ResultQuery, StoredResult
from gateway.sinks import history_retries
from gateway.sinks.history import History
from gateway.sinks.history_retention import Retention
from tests.sinks.results import NOON_US, recorded, registrar
from tests.station.rig import Rig, running

DONE = (QueryStatus.FOUND, QueryStatus.NOT_FOUND, QueryStatus.UNREACHABLE)


async def ask(rig: Rig, seq: int) -> tuple[int, int]:
    """The echo, and what became of the question."""
    rig.write(result_query=0)
    assert (rig.tag("query_result_seq"), rig.tag("query_status")) == (0, QueryStatus.NONE)
    rig.write(result_query=seq)
    await rig.until(lambda: rig.tag("query_status") in DONE)
    return rig.tag("query_result_seq"), rig.tag("query_status")


@asynccontextmanager
async def keeping(file: Path | None) -> AsyncIterator[tuple[Rig, History]]:
    """A station and its history, which is open: on a busy machine that takes longer than a question waits."""
    async with History(registrar(), file, Retention(0, 0)) as store:
        async with asyncio.timeout(20):
            while not await opened(store):
                await asyncio.sleep(0.05)
        async with running(store=store) as rig:
            yield rig, store


async def opened(store: History) -> bool:
    try:
        await store.read(ResultQuery(limit=1))
    except SinkError:
        return False
    return True


async def shown(rig: Rig, trigger_seq: int) -> None:
    await rig.until(lambda: rig.tag("result_trigger_seq") == trigger_seq)


async def inspected(rig: Rig, part: str) -> None:
    await rig.trigger(part)
    await rig.until(lambda: rig.tag("result_valid") and rig.tag("result_part_id") == part)


def told(rig: Rig) -> dict[str, Any]:
    names = ("trigger_seq", "verdict", "reason", "recipe", "part_id", "detection_count", "score_milli", "total_time_ms")
    return {name: rig.tag(f"query_{name}") for name in names}


@pytest.mark.parametrize("where", ["file", "memory"])
async def test_what_was_answered_is_found_at_once_and_after_a_restart(tmp_path: Path, where: str) -> None:
    file = tmp_path / "h.db" if where == "file" else None
    async with keeping(file) as (rig, _):
        for part in ("A", "B"):
            await inspected(rig, part)
        assert await ask(rig, 2) == (2, QueryStatus.FOUND), "it still waits to be written"
        shown = {name: rig.tag(name) for name in ("verdict", "result_part_id", "total_time_ms", "result_trigger_seq")}
        assert (rig.tag("query_verdict"), rig.tag("query_part_id")) == (shown["verdict"], "B")
        assert (rig.tag("query_trigger_seq"), rig.tag("query_total_time_ms")) == (
            shown["result_trigger_seq"],
            shown["total_time_ms"],
        )
        assert await ask(rig, 1) == (1, QueryStatus.FOUND)
        before = told(rig)
        assert before["part_id"] == "A"
        assert await ask(rig, 3) == (3, QueryStatus.NOT_FOUND)
    if file is None:
        return
    async with keeping(file) as (rig, _):
        assert (rig.tag("query_result_seq"), rig.tag("query_status")) == (0, 0)
        assert await ask(rig, 1) == (1, QueryStatus.FOUND)
        assert told(rig) == before


async def test_it_is_this_stations_newest_one_that_the_plc_was_given(tmp_path: Path) -> None:
    async with keeping(tmp_path / "h.db") as (rig, store):
        gone_round = recorded(65542, part_id="the newer 7", judgement=no_decision(Reason.FLOW_ERROR))
        for one in (recorded(7, part_id="the older 7"), gone_round, recorded(65543, presented=False)):
            store.put(one)
        store.put(recorded(65542, 70_000_000, station="s2", part_id="another's"))
        store.late(
            gone_round._replace(result=replace(gone_round.result, late=True, part_id="too late"), presented=False)
        )
        assert await ask(rig, 7) == (7, QueryStatus.FOUND)
        assert (rig.tag("query_part_id"), rig.tag("query_verdict")) == ("the newer 7", Verdict.NO_DECISION)
        assert rig.tag("query_reason") == Reason.FLOW_ERROR
        at = NOON_US // 1000 + 65542
        assert (rig.tag("query_answered_s"), rig.tag("query_answered_ms")) == (at // 1000, at % 1000)
        assert await ask(rig, 8) == (8, QueryStatus.NOT_FOUND), "a reset took it: the PLC was never given it"


async def test_while_the_database_is_locked_nothing_wrong_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits to be written is not missing, and is newer than what is there under the same number."""
    monkeypatch.setattr(history_retries, "RETRY_S", (0.05,))
    async with keeping(tmp_path / "h.db") as (rig, store):
        store.put(recorded(1, part_id="an older 1"))
        await rig.until(lambda: store.books.stored == 1)
        other = sqlite3.connect(tmp_path / "h.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await inspected(rig, "A")
        began = asyncio.get_running_loop().time()
        assert await ask(rig, 1) == (1, QueryStatus.UNREACHABLE)
        assert asyncio.get_running_loop().time() - began < 4.5, "3 s, and a busy machine"
        assert rig.tag("query_verdict") == 0
        other.execute("ROLLBACK")
        other.close()
        await rig.until(lambda: not store.books.waiting)
        assert await ask(rig, 1) == (1, QueryStatus.FOUND)
        assert rig.tag("query_part_id") == "A", "the newest"


async def test_without_a_history_it_is_said_at_once() -> None:
    async with running() as rig:
        rig.write(result_query=1)
        assert (rig.tag("query_result_seq"), rig.tag("query_status")) == (1, QueryStatus.UNREACHABLE)


class SlowStore:
    """A store that answers when the test says so."""

    def __init__(self) -> None:
        self.asked: list[int | None] = []
        self.open = asyncio.Event()
        self.error: Exception | None = None

    async def find(self, station: str, result_id: str) -> StoredResult | None:
        raise AssertionError("nobody asks by id")

    async def read(self, query: ResultQuery) -> Sequence[StoredResult]:
        self.asked.append(query.result_seq)
        await self.open.wait()
        if self.error is not None:
            raise self.error
        number = query.result_seq or 0
        return [registrar().stored(recorded(number, judgement=Judgement(Verdict.OK), part_id=f"part {number}"))]


async def test_a_plc_that_asks_quickly_gets_the_newest_and_fills_no_queue() -> None:
    store = SlowStore()
    async with running(store=store) as rig:
        for seq in range(1, 51):
            rig.write(result_query=seq)
            await asyncio.sleep(0)
        assert store.asked == [1]
        store.open.set()
        await rig.until(lambda: rig.tag("query_status") == QueryStatus.FOUND)
        assert (rig.tag("query_result_seq"), rig.tag("query_part_id")) == (50, "part 50")
        assert store.asked == [1, 50]


@pytest.mark.parametrize("error", [SinkError("the server is away"), RuntimeError("a bug")])
async def test_a_store_that_fails_is_unreachable_and_is_asked_again(error: Exception) -> None:
    store = SlowStore()
    store.open.set()
    async with running(store=store) as rig:
        store.error = error
        assert await ask(rig, 5) == (5, QueryStatus.UNREACHABLE)
        store.error = None
        assert await ask(rig, 5) == (5, QueryStatus.FOUND)


async def test_a_store_that_hangs_holds_up_neither_parts_nor_the_end() -> None:
    store = SlowStore()
    async with running(store=store) as rig:
        rig.write(result_query=5)
        for number in range(20):
            await inspected(rig, f"A{number}")
        assert (rig.tag("query_status"), rig.tag("count_ok")) == (QueryStatus.LOOKING, 20)


async def test_parts_and_questions_together_get_each_their_own(tmp_path: Path) -> None:
    async with keeping(tmp_path / "h.db") as (rig, _):
        parts: list[str] = []
        for number in range(1, 61):
            rig.write(trigger_seq=number, part_id=f"P{number}", result_query=len(parts))
            await shown(rig, number)
            assert rig.tag("result_part_id") == f"P{number}"
            if (seq := rig.tag("query_result_seq")) != 0:
                assert (seq, rig.tag("query_part_id")) == (len(parts), parts[seq - 1])
            parts.append(f"P{number}")
        assert (rig.tag("count_ok"), rig.tag("count_missed"), rig.tag("error_count")) == (60, 0, 0)
        assert await ask(rig, 60) == (60, QueryStatus.FOUND)
        assert rig.tag("query_part_id") == "P60"

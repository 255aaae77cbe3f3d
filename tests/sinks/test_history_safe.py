"""The safe mode: who waits for a result hears of it when it is on the disk, or at once that it cannot be."""

import asyncio
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from gateway.core.counts import Counts
from gateway.core.inspection import Inspection
from gateway.core.result import Origin, Reason, Verdict, no_decision
from gateway.core.resume import Memory
from gateway.ports import Recorded, ResultQuery
from gateway.sinks.history import History
from gateway.sinks.history_backend import Written
from gateway.sinks.history_database import Database
from gateway.sinks.history_place import Place, Server
from gateway.sinks.history_retention import Retention
from gateway.sinks.history_table import row_of
from tests.sinks.results import recorded, registrar
from tests.sinks.test_history_faults import full_disk, until

WAIT_S = 20.0


def journal(place: Place, boot_id: int = 17) -> History:
    return History(registrar(boot_id), place, Retention(0, 0), safe=True)


class Waiting:
    """Somebody who waits for results; `heard` by inspection id, and on which thread."""

    def __init__(self, store: History) -> None:
        self.store = store
        self.heard: dict[int, bool] = {}
        self.threads: set[int] = set()

    def keep(self, *answers: Recorded) -> None:
        for one in answers:
            self.store.keep(one, lambda ok, number=one.result.inspection_id: self._hear(number, ok))  # type: ignore[misc]

    def _hear(self, number: int, ok: bool) -> None:
        assert number not in self.heard, "told twice"
        self.heard[number] = ok
        self.threads.add(threading.get_ident())

    async def all(self, count: int) -> dict[int, bool]:
        await until(lambda: len(self.heard) == count)
        return self.heard


def rows(place: Place) -> list[tuple[int, int, int]]:
    """As another program finds them: inspection, verdict, reason."""
    wanted = "SELECT inspection_id, verdict, reason FROM {} ORDER BY number"
    if isinstance(place, Server):
        with psycopg.connect(place.url) as other:
            found = other.execute(wanted.format("results").encode())
            return [(int(one), int(two), int(three)) for one, two, three in found]
    assert place is not None
    database = sqlite3.connect(place)
    try:
        database.execute("BEGIN")
        return [row for table in ("results", "arrivals") for row in database.execute(wanted.format(table))]
    finally:
        database.close()


BEGINNING = 4_000
"""Bytes of a file: what a journal writes next is further back."""


def unkept(one: Recorded) -> Recorded:
    """What is shown instead of a decision that was not kept."""
    result = replace(one.result, judgement=no_decision(Reason.JOURNAL))
    return one._replace(result=result, counts=Counts(triggers=1, no_decision=1))


async def test_who_waits_is_told_once_the_row_is_there_for_everybody(place: Place) -> None:
    seen: list[int] = []
    async with journal(place) as store:
        for number in range(1, 30):
            store.keep(recorded(number), lambda ok: seen.append(len(rows(place))) if ok else None)
            await until(lambda number=number: len(seen) == number)  # type: ignore[misc]
    assert seen == list(range(1, 30))


async def test_they_are_told_on_the_event_loop_and_many_share_a_commit(place: Place) -> None:
    async with journal(place) as store:
        waiting = Waiting(store)
        waiting.keep(*(recorded(number) for number in range(1, 400)))
        assert set((await waiting.all(399)).values()) == {True}
        assert waiting.threads == {threading.get_ident()}
        for number in range(1, 400):
            store.put(recorded(number))
        assert len(await store.read(ResultQuery(limit=1000))) == 399


def test_a_durable_commit_waits_for_the_disk_and_another_does_not(tmp_path: Path) -> None:
    database = Database.made(tmp_path / "h.db")
    row = row_of(registrar().stored(recorded(1)))
    said: list[str] = []
    with database._using() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        driver.set_trace_callback(said.append)
    for durable, amended, level in (
        (True, [], "FULL"), (False, [], "NORMAL"), (True, [], "FULL"), (True, [True], "FULL"), (False, [], "NORMAL"),
    ):  # fmt: skip
        database.write([row], durable=durable, amended=amended)
        assert in_force(said, "synchronous") == level
        waited_for = durable and not amended
        assert in_force(said, "wal_autocheckpoint") == ("0" if waited_for else "1000"), "the log is moved by others"
    database.close()


def in_force(said: list[str], setting: str) -> str:
    """How this was set when the last commit began: all that SQLite was told."""
    ends = [number for number, one in enumerate(said) if one == "COMMIT" or one.startswith("INSERT INTO arrivals")]
    setting = f"PRAGMA {setting} = "
    return next(one for one in reversed(said[: ends[-1]]) if one.startswith(setting)).removeprefix(setting)


async def test_what_is_shown_as_it_was_kept_is_one_row(place: Place) -> None:
    async with journal(place) as store:
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        await waiting.all(1)
        store.put(recorded(1))
        waiting.keep(recorded(2))
        store.put(recorded(2))  # its time was over before it was written
        await store.read(ResultQuery())
        assert [one[0] for one in rows(place)] == [1, 2]


@pytest.mark.parametrize("written", [True, False])
async def test_what_is_shown_otherwise_than_it_was_kept_replaces_it(place: Place, written: bool) -> None:
    async with journal(place) as store:
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        if written:
            await waiting.all(1)
        store.put(unkept(recorded(1)))
        (kept,) = await store.read(ResultQuery())
    assert (kept.result.verdict, kept.result.judgement.reason) == (Verdict.NO_DECISION, Reason.JOURNAL)
    assert (kept.counts.no_decision, kept.answered) == (1, registrar().stored(recorded(1)).answered)
    assert len(rows(place)) == 1


async def test_a_full_disk_is_told_at_once_and_what_was_shown_is_written_when_there_is_space(tmp_path: Path) -> None:
    file = tmp_path / "h.db"
    async with journal(file) as store:
        waiting = Waiting(store)
        waiting.keep(*(recorded(number) for number in range(1, 101)))
        await waiting.all(100)
        with full_disk(BEGINNING):
            waiting.keep(recorded(101))
            assert not (await waiting.all(101))[101]
            store.put(unkept(recorded(101)))
            waiting.keep(recorded(102))
            assert not (await waiting.all(102))[102]
            store.put(recorded(102))  # shown all the same
        await until(lambda: not store.books.fault)
        waiting.keep(recorded(103))
        assert (await waiting.all(103))[103]
        assert store.books.lost == 0
        assert len(await store.read(ResultQuery(limit=1000))) == 103
    assert rows(file)[100:] == [(101, 3, Reason.JOURNAL), (102, 2, 0), (103, 2, 0)]


async def test_a_lock_of_somebody_else_is_told_too(tmp_path: Path) -> None:
    file = tmp_path / "h.db"
    async with journal(file) as store:
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        await waiting.all(1)
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        waiting.keep(recorded(2))
        assert not (await waiting.all(2))[2]
        other.execute("ROLLBACK")
        other.close()
        await until(lambda: not store.books.fault)
        waiting.keep(recorded(3))
        assert (await waiting.all(3))[3]
    assert [one[0] for one in rows(file)] == [1, 3]


# ---- what a restart goes on with ---------------------------------------------------------------------------------

COUNTS = Counts(triggers=9, ok=4, nok=3, no_decision=1, missed=2)


async def noted(place: Place, memory: Memory, *answers: Recorded) -> None:
    """A gateway that ends after this."""
    async with journal(place) as store:
        waiting = Waiting(store)
        waiting.keep(*answers)
        await waiting.all(len(answers))
        store.note("s1", memory)


async def recalled(place: Place, *, offer_again: bool = True) -> tuple[Memory, list[tuple[int, int, int]]]:
    async with journal(place, boot_id=18) as store:
        memories = await store.recall(["s1", "s2"], offer_again=offer_again)
        await store.read(ResultQuery())
        assert "s2" not in memories
        return memories["s1"], rows(place)


async def test_numbers_counters_and_what_is_owed_come_back(place: Place) -> None:
    answers = [recorded(number) for number in (1, 2, 3)]
    owed = tuple(one.result for one in answers[1:])
    memory = Memory(4, 3, 2, 77, COUNTS, 5, True, owed)
    await noted(place, memory, *answers)
    assert (await recalled(place))[0] == memory
    assert (await recalled(place, offer_again=False))[0] == memory._replace(owed=())


def flying(number: int) -> Inspection:
    result = recorded(number).result
    accepted = result.accepted_at
    return Inspection(
        number, 40, f"part {number}", 2, accepted, accepted + 1, accepted + 5, origin=Origin("job", "j", client="c")
    )


async def test_a_trigger_without_an_answer_is_answered_interrupted(place: Place) -> None:
    await noted(place, Memory(3, 1, 1, 40, COUNTS, flight=(flying(2),)), recorded(1))
    memory, kept = await recalled(place)
    (result,) = memory.owed
    assert (result.inspection_id, result.result_seq, result.trigger_seq, result.part_id) == (2, 2, 40, "part 2")
    assert (result.judgement.reason, result.origin) == (Reason.INTERRUPTED, flying(2).origin)
    assert (memory.result_seq, memory.counts) == (2, replace(COUNTS, no_decision=2))
    assert kept == [(1, 2, 0), (2, 3, Reason.INTERRUPTED)]


async def test_an_answer_that_was_written_and_never_shown_is_owed(place: Place) -> None:
    """Killed between the disk and the tags: it is that answer, not another one."""
    await noted(place, Memory(3, 1, 1, 40, COUNTS, flight=(flying(2), flying(3))), recorded(1), recorded(2))
    memory, kept = await recalled(place)
    assert [one.judgement.reason for one in memory.owed] == [Reason.NONE, Reason.INTERRUPTED]
    assert [one.result_seq for one in memory.owed] == [2, 3]
    assert memory.owed[0] == recorded(2).result
    assert [one[0] for one in kept] == [1, 2, 3]


async def test_a_second_restart_finds_what_the_first_one_owed(place: Place) -> None:
    await noted(place, Memory(3, 1, 1, 40, COUNTS, flight=(flying(2),)), recorded(1))
    async with journal(place, boot_id=18) as store:
        first = (await store.recall(["s1"], offer_again=True))["s1"]
        store.note("s1", first._replace(error_count=9))
    second, kept = await recalled(place)
    assert second == first._replace(error_count=9)
    assert len(kept) == 2


async def test_a_broken_file_begins_at_0_and_keeps_nobody_from_starting(tmp_path: Path) -> None:
    (tmp_path / "h.db").write_text("no database")
    async with asyncio.timeout(WAIT_S), journal(tmp_path / "h.db") as store:
        assert await store.recall(["s1"], offer_again=True) == {}
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        assert await waiting.all(1) == {1: False}


async def test_in_memory_there_is_nothing_to_go_on_with() -> None:
    async with History(registrar(), None, Retention(0, 0)) as store:
        assert await store.recall(["s1"], offer_again=True) == {}


@pytest.mark.parametrize("safe", [True, False])
async def test_only_what_is_waited_for_waits_for_the_disk(
    tmp_path: Path, safe: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers do in the safe mode; a note does not, and nothing does in the fast mode."""
    seen: list[tuple[bool, bool]] = []
    put = Database.put

    def spied(self: Database, written: Written) -> None:
        seen.append((bool(written.rows), written.durable))
        put(self, written)

    monkeypatch.setattr(Database, "put", spied)
    async with History(registrar(), tmp_path / "h.db", Retention(0, 0), safe=safe) as store:
        await store.read(ResultQuery())
        store.note("s1", Memory())
        await until(lambda: seen)
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        await waiting.all(1)
    assert seen == [(False, False), (True, safe)]

"""What a kill leaves is the page and whatever the database has by then: together they know all that was shown."""

import asyncio
import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.core.counts import Counts
from gateway.core.inspection import Inspection
from gateway.core.result import Judgement, Origin, Reason, Verdict
from gateway.core.resume import Memory
from gateway.ports import ResultQuery, StoredResult
from gateway.sinks import history_writer
from gateway.sinks.acceptance import paged
from gateway.sinks.history import History
from gateway.sinks.history_retention import Retention
from gateway.sinks.history_table import VERSION
from gateway.sinks.page_file import CAPACITY, PageFile
from gateway.sinks.pages import Pages, page_name
from tests.sinks.results import recorded, registrar
from tests.sinks.test_history_faults import until
from tests.sinks.test_history_safe import Waiting, unkept

COUNTS = Counts(triggers=9, ok=4, nok=3, no_decision=1, missed=2)


@pytest.fixture(params=[True, False], ids=["safe", "fast"])
def safe(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def journal(home: Path, *, safe: bool = True, boot_id: int = 17) -> History:
    return History(registrar(boot_id), home / "h.db", Retention(0, 0), safe=safe, pages=Pages(home))


@asynccontextmanager
async def begun(home: Path, *, safe: bool = True, boot_id: int = 17) -> AsyncIterator[History]:
    async with journal(home, safe=safe, boot_id=boot_id) as store:
        await store.recall(["s1"], offer_again=True)
        yield store


def killed(home: Path) -> Path:
    """What a kill at this moment leaves, at another place."""
    left = home.with_name(f"{home.name}-left")
    shutil.rmtree(left, ignore_errors=True)
    shutil.copytree(home, left)
    return left


async def after(home: Path, *, boot_id: int = 18) -> tuple[Memory | None, list[StoredResult]]:
    """What the next start goes on with, and all that the journal has then."""
    async with journal(home, boot_id=boot_id) as store:
        memories = await store.recall(["s1"], offer_again=True)
        return memories.get("s1"), list(await store.read(ResultQuery(limit=1000)))


@contextmanager
def locked(home: Path) -> Iterator[None]:
    other = sqlite3.connect(home / "h.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def flying(number: int) -> Inspection:
    accepted = recorded(number).result.accepted_at
    return Inspection(number, 40 + number, f"part {number}", 2, accepted, accepted + 1, origin=Origin("job", "j"))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


async def test_an_acceptance_is_known_in_the_moment_it_was_noted(home: Path, safe: bool) -> None:
    """No time passes between the note and the kill: the writing thread cannot have done anything."""
    async with begun(home, safe=safe) as store:
        store.note("s1", Memory(2, 0, 0, 41, replace(COUNTS, triggers=10), 5, True, flight=(flying(1),)))
        left = killed(home)
    memory, rows = await after(left)
    assert memory is not None
    (owed,) = memory.owed
    assert (owed.inspection_id, owed.trigger_seq, owed.part_id, owed.origin.job_id) == (1, 41, "part 1", "j")
    assert owed.judgement.reason is Reason.INTERRUPTED
    assert (memory.next_id, memory.trigger_seq, memory.error_count, memory.buffered) == (2, 41, 5, True)
    assert memory.counts == replace(COUNTS, triggers=10, no_decision=2)
    assert [one.result for one in rows] == [owed]


async def test_answers_that_the_database_has_not_are_written_and_offered(home: Path, safe: bool) -> None:
    """Shown while somebody holds the database: one is taken, one on show, one waits, one was never to be shown."""
    answers = [recorded(number) for number in (1, 2, 3)] + [recorded(4, presented=False)]
    async with begun(home, safe=safe) as store:
        await store.read(ResultQuery())
        with locked(home):
            for number, one in enumerate(answers, 1):
                owed = tuple(other.result for other in answers[:number] if other.presented)
                store.note("s1", Memory(number + 1, number, 1, 77, COUNTS, 0, True, owed), [one])
                store.put(one)
            owed = tuple(one.result for one in answers[1:3])
            store.note("s1", Memory(5, 4, 2, 77, COUNTS, 0, True, owed))
            left = killed(home)
    memory, rows = await after(left)
    assert memory == Memory(5, 4, 2, 77, COUNTS, 0, True, owed)
    assert [one.result for one in rows] == [one.result for one in answers]
    assert [one.presented for one in rows] == [True, True, True, False]
    assert [one.result_id for one in rows] == [f"20260301T120000-17-{number}" for number in (1, 2, 3, 4)]
    again, rows = await after(left, boot_id=19)
    assert (again, len(rows)) == (memory, 4)


async def test_what_was_shown_counts_not_what_the_disk_was_told_before(home: Path) -> None:
    """Kept as a decision, out of time, shown as reason 21: a kill before that is written leaves what was shown."""
    async with begun(home) as store:
        waiting = Waiting(store)
        store.note("s1", Memory(2, 0, 0, 41, COUNTS, flight=(flying(1),)))
        waiting.keep(recorded(1))
        await waiting.all(1)
        shown = unkept(recorded(1))
        store.note("s1", Memory(2, 1, 1, 41, COUNTS, owed=(shown.result,)), [shown])
        left = killed(home)
    memory, rows = await after(left)
    assert memory is not None
    assert [one.result for one in rows] == [shown.result] == list(memory.owed)


async def test_an_answer_that_is_on_the_disk_as_it_was_shown_is_not_written_again(home: Path) -> None:
    async with begun(home) as store:
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        await waiting.all(1)
        store.note("s1", Memory(2, 1, 1, 41, COUNTS, owed=(recorded(1).result,)), [recorded(1)])
        left = killed(home)
    said = paged(PageFile.opened(left / page_name("s1")))
    assert said is not None
    assert ([one.result for one in said.owed], said.answers) == ([recorded(1).result], ())
    memory, rows = await after(left)
    assert memory is not None
    assert [one.result for one in rows] == [recorded(1).result] == list(memory.owed)


async def test_what_was_written_leaves_the_page(home: Path, safe: bool) -> None:
    async with begun(home, safe=safe) as store:
        for number in range(1, 400):  # as many as it could never hold
            store.note("s1", Memory(number + 1, number, number, 41, COUNTS), [recorded(number)])
            store.put(recorded(number))
            if number % 100 == 0:
                await until(lambda: not store.books.waiting)
        await until(lambda: not store.books.waiting)
        store.note("s1", Memory(400, 399, 399, 41, COUNTS))
        store.note("s1", Memory(400, 399, 399, 42, COUNTS))  # both slots
        left = killed(home)
    said = paged(PageFile.opened(left / page_name("s1")))
    assert said is not None
    assert (said.answers, said.left_out) == ((), 0)
    memory, rows = await after(left)
    assert (memory is not None and memory.trigger_seq, len(rows)) == (42, 399)


async def test_the_newest_fit_and_the_others_are_told(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    long = Judgement(Verdict.NOK, user_values=(("lot", "ü" * 1000),))
    count = CAPACITY // 2000 + 20
    async with begun(home, safe=False) as store:
        await store.read(ResultQuery())
        with locked(home), caplog.at_level(logging.ERROR):
            for number in range(1, count + 1):
                one = recorded(number, judgement=long)
                store.note("s1", Memory(number + 1, number, number, 41, COUNTS), [one])
                store.put(one)
            left = killed(home)
    assert caplog.text.count("a kill of the gateway would lose the oldest of them") == 1
    memory, rows = await after(left)
    assert memory is not None
    assert (memory.next_id, memory.result_seq) == (count + 1, count)
    found = [one.result.inspection_id for one in rows]
    assert 20 < len(found) < count
    assert found == list(range(count + 1 - len(found), count + 1))
    assert f"{count - len(found)} answers that the PLC was shown are in no journal" in caplog.text


# ---- whose page it is --------------------------------------------------------------------------------------------


async def noted(home: Path, memory: Memory) -> None:
    async with begun(home) as store:
        store.note("s1", memory)


async def test_beside_another_database_it_is_ignored(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    await noted(home, Memory(9, 8, 8, 8, COUNTS, flight=(flying(8),)))
    for name in ("h.db", "h.db-wal", "h.db-shm"):
        (home / name).unlink(missing_ok=True)
    with caplog.at_level(logging.WARNING):
        assert await after(home) == (None, [])
    assert "belongs to another database" in caplog.text
    await noted(home, Memory(3, 2, 2, 2, COUNTS))
    memory, _ = await after(home)
    assert memory is not None
    assert memory.next_id == 3


async def test_the_newer_of_page_and_database_counts(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A loss of power may leave an old page; a database restored from a copy is older than its page."""
    await noted(home, Memory(3, 2, 2, 2, COUNTS))
    old = {name: (home / name).read_bytes() for name in ("h.db", page_name("s1"))}
    await noted(home, Memory(9, 8, 8, 8, COUNTS))
    newer = (home / page_name("s1")).read_bytes()
    (home / page_name("s1")).write_bytes(old[page_name("s1")])
    with caplog.at_level(logging.WARNING):
        memory, _ = await after(home)
    assert memory is not None
    assert memory.next_id == 9
    assert "older than the database" in caplog.text
    (home / "h.db").write_bytes(old["h.db"])
    (home / page_name("s1")).write_bytes(newer)
    memory, _ = await after(home)
    assert memory is not None
    assert memory.next_id == 9


async def test_without_the_database_the_page_alone_is_known(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with begun(home) as store:
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        await waiting.all(1)
        store.note("s1", Memory(3, 1, 1, 42, COUNTS, owed=(recorded(1).result,), flight=(flying(2),)), [recorded(1)])
        left = killed(home)
    whole = (left / "h.db").read_bytes()
    (left / "h.db").write_bytes(b"no database" * 500)
    with caplog.at_level(logging.ERROR):
        async with journal(left, boot_id=18) as store:
            memory = (await store.recall(["s1"], offer_again=True))["s1"]
            assert (memory.next_id, memory.result_seq, memory.trigger_seq) == (3, 2, 42)
            assert memory.owed[0] == recorded(1).result
            assert [one.judgement.reason for one in memory.owed[1:]] == [Reason.INTERRUPTED]
            store.note("s1", memory._replace(error_count=4))
    assert "known by the acceptance page alone" in caplog.text
    (left / "h.db").write_bytes(whole)
    again, rows = await after(left, boot_id=19)
    assert again == memory._replace(error_count=4)
    assert [one.result.inspection_id for one in rows] == [1, 2]


async def test_a_page_of_another_version_is_ignored(
    home: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.sinks.acceptance.VERSION", VERSION - 1)
    async with begun(home) as store:
        await store.read(ResultQuery())
        with locked(home):
            store.note("s1", Memory(9, 8, 8, 8, COUNTS))
            left = killed(home)
    monkeypatch.undo()
    with caplog.at_level(logging.WARNING):
        assert await after(left) == (None, [])
    assert "written by another version" in caplog.text


async def test_where_no_page_can_be_made_everything_else_goes_on(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    (home / page_name("s1")).mkdir()
    with caplog.at_level(logging.ERROR):
        await noted(home, Memory(3, 2, 2, 2, COUNTS))
    assert "no acceptance page" in caplog.text
    memory, _ = await after(home)
    assert memory is not None
    assert memory.next_id == 3


async def test_what_cannot_be_written_at_the_end_is_in_the_page(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_writer, "STOP_S", 0.1)
    async with asyncio.timeout(20), begun(home, safe=False) as store:
        await store.read(ResultQuery())
        with locked(home):
            store.note("s1", Memory(2, 1, 1, 41, COUNTS), [recorded(1)])
            store.put(recorded(1))
            await store.__aexit__(None, None, None)
    _, rows = await after(home)
    assert [one.result for one in rows] == [recorded(1).result]

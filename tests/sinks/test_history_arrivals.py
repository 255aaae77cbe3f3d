"""Answers that are on the disk and not filed yet: found by everybody, under the numbers that they keep, once."""

import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Engine, event

from gateway.core.result import Verdict
from gateway.core.resume import Memory
from gateway.ports import ResultQuery, StoredResult
from gateway.sinks import history_sqlite
from gateway.sinks.history import History
from gateway.sinks.history_database import Database
from gateway.sinks.history_later import Learnt
from gateway.sinks.history_names import Names
from gateway.sinks.history_notes import note_of
from gateway.sinks.history_pages import PAGE
from gateway.sinks.history_reader import HistoryReader
from gateway.sinks.history_retention import Retention
from gateway.sinks.history_table import Row, row_of
from tests.sinks.results import NOON, recorded, registrar
from tests.sinks.test_history_faults import until
from tests.sinks.test_history_safe import Waiting

LOG_BYTES = history_sqlite.LOG_PAGES * history_sqlite.PAGE
NAMES = Names(lambda station, number: f"{station}-{number}", registrar().clock.unix_us)
NEWEST = ResultQuery(newest_first=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "h.db"


@pytest.fixture
def database(file: Path) -> Iterator[Database]:
    made = Database.made(file)
    yield made
    made.close()


def row(number: int, **given: Any) -> Row:
    return row_of(registrar().stored(recorded(number, **given)))


def note(next_id: int) -> bytes:
    return note_of("s1", Memory(next_id=next_id), NAMES, revision=next_id)


def keep(database: Database, *numbers: int) -> None:
    """As answers that somebody waits for."""
    database.write([row(number) for number in numbers], notes=[note(numbers[-1] + 1)], durable=True)


def unfiled(file: Path) -> list[int]:
    other = sqlite3.connect(file)
    try:
        return [number for (number,) in other.execute("SELECT inspection_id FROM arrivals ORDER BY number")]
    finally:
        other.close()


def numbers(found: list[StoredResult]) -> list[int]:
    return [one.result.inspection_id for one in found]


async def test_an_answer_arrives_and_is_filed_when_nobody_waits(file: Path) -> None:
    async with History(registrar(), file, Retention(0, 0), safe=True) as store:
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        await waiting.all(1)
        assert unfiled(file) == [1]
        (before,) = await store.read(ResultQuery())
        await until(lambda: not unfiled(file))
        assert list(await store.read(ResultQuery())) == [before]


async def test_leaving_files_everything(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_sqlite, "FILE_S", 60.0)
    async with History(registrar(), file, Retention(0, 0), safe=True) as store:
        waiting = Waiting(store)
        waiting.keep(*(recorded(number) for number in range(1, 6)))
        await waiting.all(5)
        assert unfiled(file) == [1, 2, 3, 4, 5]
    assert unfiled(file) == []


def test_what_is_left_by_a_kill_is_filed_by_the_next_gateway_with_what_it_notes_of_stations(
    database: Database, file: Path
) -> None:
    keep(database, 1, 2)
    keep(database, 3)
    other = Database.made(file)  # the first one is as good as killed
    assert unfiled(file) == []
    found = other.read(ResultQuery())
    assert ([one.number for one in found], numbers(found)) == ([1, 2, 3], [1, 2, 3])
    noted = other.station("s1")
    assert noted is not None
    assert (noted.memory.next_id, noted.revision) == (4, 4)
    other.close()


def test_both_are_read_as_one(database: Database, file: Path) -> None:
    database.insert([row(1), row(3, at_us=9_000_000)])
    keep(database, 2, 4)
    for read in (database.read, lambda query: _page(file, query)):
        assert numbers(read(ResultQuery())) == [1, 2, 4, 3]
        assert numbers(read(NEWEST)) == [3, 4, 2, 1]
        assert numbers(read(ResultQuery(limit=2))) == [1, 2]
        assert numbers(read(ResultQuery(part_id="part 4"))) == [4]
        assert numbers(read(ResultQuery(verdicts=frozenset({Verdict.OK})))) == []
        assert numbers(read(ResultQuery(start=NOON + timedelta(milliseconds=3)))) == [4, 3]
    kept = registrar().stored(recorded(4)).result_id
    found = database.find("s1", kept)
    assert found is not None
    assert (found.number, found.result.inspection_id) == (4, 4)
    assert database.find("s2", kept) is None
    with HistoryReader(file) as reader:
        assert reader.count(ResultQuery()) == 4
        assert reader.count(ResultQuery(part_id="part 4")) == 1
        assert numbers(reader.with_id(kept)) == [4]
        assert reader.with_id(kept, "s2") == []


def _page(file: Path, query: ResultQuery) -> list[StoredResult]:
    with HistoryReader(file) as reader:
        return next(reader.pages(query, query.limit), [])


@pytest.mark.parametrize("newest_first", [False, True])
def test_pages_go_on_where_the_last_one_ended_whatever_is_filed_meanwhile(
    database: Database, file: Path, newest_first: bool
) -> None:
    database.insert([row(number) for number in range(1, PAGE - 2)])
    keep(database, *range(PAGE - 2, 2 * PAGE + 5))
    seen: list[int] = []
    with HistoryReader(file) as reader:
        for page in reader.pages(ResultQuery(newest_first=newest_first)):
            seen += numbers(page)
            database.catch_up(now=True)
    assert seen == sorted(range(1, 2 * PAGE + 5), reverse=newest_first)


def test_what_is_filed_while_it_is_read_is_read_once(database: Database, file: Path) -> None:
    keep(database, 1, 2, 3)
    kept = registrar().stored(recorded(2)).result_id

    def file_now(connection: object, cursor: object, statement: str, *_: object) -> None:
        if "FROM results" in statement and unfiled(file):
            database.catch_up(now=True)

    event.listen(Engine, "before_cursor_execute", file_now)
    try:
        assert numbers(_page(file, ResultQuery())) == [1, 2, 3]
        assert unfiled(file) == []
        keep(database, 4)
        with HistoryReader(file) as reader:
            assert numbers(reader.with_id(kept)) == [2]
    finally:
        event.remove(Engine, "before_cursor_execute", file_now)


def test_two_gateways_lose_nothing_and_no_number_is_filed_twice(database: Database, file: Path) -> None:
    other = Database.made(file)
    keep(database, 1)
    keep(other, 2)
    database.insert([row(3)])
    keep(other, 4)
    other.insert([row(5)])
    keep(database, 6)
    keep(other, 7)
    assert numbers(database.read(ResultQuery())) == [1, 2, 3, 4, 5, 6, 7]
    other.catch_up(now=True)
    database.catch_up(now=True)
    found = database.read(ResultQuery())
    assert (numbers(found), len({one.number for one in found})) == ([1, 2, 3, 4, 5, 6, 7], 7)


def test_a_number_is_not_given_again_after_its_answer_was_dropped(database: Database, file: Path) -> None:
    keep(database, 1, 2)
    database.catch_up(now=True)
    assert database.drop(before=NOON + timedelta(days=1), keep=0) == 2
    database.close()
    other = Database.made(file)
    keep(other, 3)
    assert [one.number for one in other.read(ResultQuery())] == [3]
    other.close()


def test_what_is_learnt_of_an_answer_and_other_words_find_it_filed(database: Database, file: Path) -> None:
    keep(database, 1)
    database.amend([Learnt(("s1", registrar().stored(recorded(1)).result_id), {"shown_us": 77})])
    assert unfiled(file) == []
    keep(database, 2)
    database.write([row(2, presented=False), row(3)], amended=[True, True], durable=True)
    first, second, third = database.read(ResultQuery())
    assert first.stages.shown_us == 77
    assert (second.presented, third.presented) == (False, True)


def test_a_newer_note_is_not_undone_by_what_arrived_before_it(database: Database) -> None:
    keep(database, 1)
    database.write([], notes=[note(9)])
    database.catch_up(now=True)
    noted = database.station("s1")
    assert noted is not None
    assert noted.memory.next_id == 9


@pytest.mark.parametrize("safe", [True, False])
async def test_the_log_takes_its_place_on_the_disk_before_anybody_waits_for_it(file: Path, safe: bool) -> None:
    log = file.with_name("h.db-wal")
    async with History(registrar(), file, Retention(0, 0), safe=safe) as store:
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        await waiting.all(1)
        size = log.stat().st_size
        assert (size > LOG_BYTES) is safe
        waiting.keep(*(recorded(number) for number in range(2, 40)))
        await waiting.all(39)
        assert (log.stat().st_size == size) is safe
        assert sqlite3.connect(file).execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_on_a_small_disk_the_log_grows_as_it_needs_to(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_sqlite, "SPARE", 10**9)
    async with History(registrar(), file, Retention(0, 0), safe=True) as store:
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        await waiting.all(1)
        assert file.with_name("h.db-wal").stat().st_size < LOG_BYTES / 4


class Filing(RuleBasedStateMachine):
    """Any order of what a gateway does with its database: all answers are there, once, in their last words."""

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="arrivals-")
        self.file = Path(self.folder.name) / "h.db"
        self.database = Database.made(self.file)
        self.said: dict[int, bool] = {}
        self.noted = 0

    def _new(self, count: int) -> list[int]:
        first = len(self.said) + 1
        self.said |= dict.fromkeys(range(first, first + count), True)
        return [*range(first, first + count)]

    @rule(count=st.integers(1, 3))
    def kept(self, count: int) -> None:
        new = self._new(count)
        keep(self.database, *new)
        self.noted = new[-1] + 1

    @rule(count=st.integers(1, 3), durable=st.booleans())
    def put(self, count: int, durable: bool) -> None:
        new = self._new(count)
        self.database.write([row(one) for one in new], amended=[True] * count, durable=durable)

    @rule(data=st.data())
    def said_otherwise(self, data: st.DataObject) -> None:
        if self.said:
            number = data.draw(st.sampled_from(sorted(self.said)))
            self.said[number] = False
            self.database.write([row(number, presented=False)], amended=[True], durable=True)

    @rule()
    def filed(self) -> None:
        self.database.catch_up(now=True)

    @rule()
    def killed(self) -> None:
        """What it left is taken over by the next one."""
        before, self.database = self.database, Database.made(self.file)
        before.close()
        noted = self.database.station("s1")
        assert (noted.memory.next_id if noted is not None else 0) == self.noted

    @invariant()
    def all_are_there(self) -> None:
        found = self.database.read(ResultQuery())
        assert [(one.result.inspection_id, one.presented) for one in found] == [*self.said.items()]
        assert [one.number for one in found] == [*range(1, len(self.said) + 1)]

    def teardown(self) -> None:
        self.database.close()
        self.folder.cleanup()


TestFiling = Filing.TestCase
TestFiling.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)

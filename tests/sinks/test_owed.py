"""What the PLC has not taken is offered to it again, also where the database cannot be read at the next start."""

import logging
from pathlib import Path

import pytest

from gateway.core.result import Judgement, Result, Verdict
from gateway.core.resume import Memory
from gateway.ports import Recorded, StoredResult
from gateway.sinks.acceptance import Acceptance, paged
from gateway.sinks.history import History
from gateway.sinks.history_names import Names
from gateway.sinks.history_notes import note_of
from gateway.sinks.page_file import CAPACITY, PageFile
from gateway.sinks.pages import page_name
from tests.sinks.results import recorded, registrar
from tests.sinks.test_acceptance import COUNTS, after, begun, home, journal, killed, safe
from tests.sinks.test_history_faults import until
from tests.sinks.test_history_safe import Waiting

__all__ = ["home", "safe"]


def in_page(home: Path, part: str) -> bool:
    """Whether the page says so, not only an older copy in it."""
    said = paged(PageFile.opened(killed(home) / page_name("s1")))
    return said is not None and part in {one.result.part_id for one in (*said.owed, *said.answers)}


async def shown(store: History, number: int, *owed: Result) -> Recorded:
    """The database has it, and the PLC sees it."""
    one = recorded(number)
    waiting = Waiting(store)
    waiting.keep(one)
    await waiting.all(1)
    noted(store, number, *owed, one.result, answers=[one])
    return one


def noted(store: History, number: int, *owed: Result, answers: list[Recorded] | None = None) -> None:
    store.note("s1", Memory(number + 1, number, 1, 41, COUNTS, 0, True, owed), answers or [])


async def without_database(left: Path, *, boot_id: int = 18) -> Memory:
    """What a start goes on with that cannot read it; afterwards it can be read again."""
    whole = (left / "h.db").read_bytes()
    (left / "h.db").write_bytes(b"no database" * 500)
    async with journal(left, boot_id=boot_id) as store:
        memory = (await store.recall(["s1"], offer_again=True))["s1"]
    (left / "h.db").write_bytes(whole)
    return memory


async def test_what_was_shown_is_in_the_page_in_the_same_moment(home: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with begun(home) as store:
        one = await shown(store, 1)
        two = await shown(store, 2, one.result)
        left = killed(home)
    with caplog.at_level(logging.ERROR):
        memory = await without_database(left)
    assert "known by the acceptance page alone" in caplog.text
    assert memory.owed == (one.result, two.result)
    again, rows = await after(left, boot_id=19)
    assert again == memory
    assert [row.result for row in rows] == [one.result, two.result]


async def test_a_row_that_the_journal_has_made_is_not_made_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The PLC waits for the note."""

    def made(_: StoredResult) -> dict[str, object]:
        raise AssertionError

    async with begun(home) as store:
        monkeypatch.setattr("gateway.sinks.acceptance.row_of", made)
        await shown(store, 1)
        assert in_page(home, "part 1")


async def test_answers_that_were_written_late_stay_in_the_page_while_they_are_owed(home: Path) -> None:
    """Fast: shown before the database has it, and not taken when it has."""
    async with begun(home, safe=False) as store:
        one = recorded(1)
        noted(store, 1, one.result, answers=[one])
        store.put(one)
        await until(lambda: not store.books.waiting)
        noted(store, 1, one.result)
        left = killed(home)
    said = paged(PageFile.opened(left / page_name("s1")))
    assert said is not None
    assert ([row.result for row in said.owed], said.answers) == ([one.result], ())
    assert (await without_database(left)).owed == (one.result,)


async def test_what_was_taken_leaves_the_page(home: Path) -> None:
    async with begun(home) as store:
        one = await shown(store, 1)
        await shown(store, 2, one.result)
        assert in_page(home, "part 1")
        noted(store, 3, recorded(2).result)
        assert not in_page(home, "part 1")
        assert in_page(home, "part 2")
        noted(store, 4)
        assert not in_page(home, "part 2")


async def test_what_the_plc_was_not_to_see_is_not_in_the_page(home: Path) -> None:
    async with begun(home) as store:
        one = recorded(1, presented=False)
        waiting = Waiting(store)
        waiting.keep(one)
        await waiting.all(1)
        noted(store, 1, answers=[one])
        assert not in_page(home, "part 1")


async def test_what_an_earlier_run_owes_stays_in_the_page(home: Path) -> None:
    async with begun(home) as store:
        one = await shown(store, 1)
        left = killed(home)
    async with begun(left, boot_id=18) as store:
        noted(store, 1, one.result)
        assert in_page(left, "part 1")
        left = killed(left)
    assert (await without_database(left, boot_id=19)).owed == (one.result,)


def test_what_is_owed_and_not_written_either_is_in_the_page_once(tmp_path: Path) -> None:
    """As an answer that a kill has interrupted, at the start that gives it."""
    records, name = registrar(), tmp_path / "one.page"
    page, one = Acceptance("s1", PageFile.opened(name), "db"), records.stored(recorded(1))
    note = note_of("s1", Memory(), Names(lambda station, number: f"{number}", records.clock.unix_us))

    def said() -> tuple[list[str], list[str]]:
        page.note("db", note, {one.result_id})
        found = paged(PageFile.opened(name))
        assert found is not None
        return [kept.result_id for kept in found.answers], [kept.result_id for kept in found.owed]

    page.answer(one)
    page.owe(one)
    assert said() == ([one.result_id], [])
    page.written(one)
    assert said() == ([], [one.result_id])
    page.close()


def test_answers_that_the_database_has_not_come_first(tmp_path: Path) -> None:
    """Where not all fit: what is only owed is left out, the oldest first, and nobody is alarmed."""
    file = PageFile.opened(tmp_path / "one.page")
    page = Acceptance("s1", file, "db")
    records = registrar()
    long = Judgement(Verdict.NOK, user_values=(("lot", "ü" * 1000),))
    count = CAPACITY // 2000 + 10
    some: list[StoredResult] = [records.stored(recorded(number, judgement=long)) for number in range(1, count + 6)]
    for one in some[:count]:
        page.owe(one)
    for one in some[count:]:
        page.answer(one)
    names = Names(lambda station, number: f"{station}-{number}", records.clock.unix_us)
    page.note("db", note_of("s1", Memory(), names), {one.result_id for one in some})
    page.close()
    said = paged(PageFile.opened(tmp_path / "one.page"))
    assert said is not None
    assert ([one.result_id for one in said.answers], said.left_out) == ([one.result_id for one in some[count:]], 0)
    kept = [one.result_id for one in said.owed]
    assert 5 < len(kept) < count
    assert kept == [one.result_id for one in some[count - len(kept) : count]]


def test_that_answers_have_no_place_is_told_once_and_again_when_it_was_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    page, records = Acceptance("s1", PageFile.opened(tmp_path / "one.page"), "db"), registrar()
    note = note_of("s1", Memory(), Names(lambda station, number: f"{number}", records.clock.unix_us))
    long = Judgement(Verdict.NOK, user_values=(("lot", "ü" * 1000),))
    count = CAPACITY // 2000 + 10
    some = [records.stored(recorded(number, judgement=long)) for number in range(1, count + 1)]
    for told in (1, 2):
        for one in some:
            page.answer(one)
        for _ in range(2):
            page.note("db", note, ())
        assert caplog.text.count("would lose the oldest") == told
        for one in some:
            page.written(one)
        page.note("db", note, ())
    page.close()


def test_a_page_is_of_the_database_that_was_open_last(tmp_path: Path) -> None:
    name = tmp_path / "one.page"
    page = Acceptance("s1", PageFile.opened(name), "db")
    note = note_of("s1", Memory(), Names(lambda station, number: f"{number}", lambda at: at))
    for identity, known in (("", "db"), ("db", "db"), ("other", "other"), ("", "other")):
        page.note(identity, note, ())
        said = paged(PageFile.opened(name))
        assert said is not None
        assert said.identity == known
    page.close()

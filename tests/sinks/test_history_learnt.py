"""What a row says beside its answer: the stages, the pictures, their files, and what is learnt of it afterwards."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from gateway.core.result import Judgement, Origin, Reason, Verdict, no_decision
from gateway.ports import Picture, Pictured, Recorded, ResultQuery, Stages, StoredResult
from gateway.records import REMEMBERED, Registrar, WallClock
from gateway.sinks import history_later
from gateway.sinks.archive import Archive
from gateway.sinks.archive_choice import Choice, Choices
from gateway.sinks.archive_writer import Limits, Room
from gateway.sinks.history import History
from gateway.sinks.history_place import Place
from gateway.sinks.history_reader import reader_of
from gateway.sinks.history_retention import Retention
from tests.sinks.archived import ALL, NOK, PNG, images
from tests.sinks.results import NAMES, NOON, NOON_US, recorded, registrar

NOTHING = Retention(0, 0)
WAIT_S = 20.0


class Watch:
    """A registrar's clock that is set by hand, in microseconds after noon."""

    def __init__(self) -> None:
        self.now = 0

    def registrar(self) -> Registrar:
        return Registrar(17, NAMES, WallClock(lambda: NOON_US + self.now, lambda: self.now), NOON)


async def until(store: History, true: Callable[[StoredResult], object]) -> StoredResult:
    """The only result, once this is true of it."""
    async with asyncio.timeout(WAIT_S):
        while True:
            (found,) = await store.read(ResultQuery())
            if true(found):
                return found
            await asyncio.sleep(0.02)


def one_in(place: Place) -> StoredResult:
    assert place is not None
    with reader_of(place) as reader:
        ((found,),) = reader.pages(ResultQuery())
    return found


def picture(number: int, name: str, view: str = "", data: bytes = PNG, *, drawn: bool = False) -> Pictured:
    return Pictured("s1", number, view, Picture(name, data), drawn)


async def test_a_row_tells_when_the_pictures_came_and_what_they_are_called(place: Place) -> None:
    """Answer 9 is accepted at 4 ms and given at 9 ms; PEKAT took 2 ms of that."""
    watch = Watch()
    made = watch.registrar()
    async with History(made, place, NOTHING) as store:
        for watch.now, one in ((5_500, picture(9, "top ü.png", "top")), (6_250, picture(9, "frame 17", "side"))):
            made.pictured(one)
        origin = Origin("job", client="opcua plc 10.0.0.7")
        store.put(recorded(9, judgement=Judgement(Verdict.OK, inspector_us=2_000), origin=origin))
        await store.read(ResultQuery())
    found = one_in(place)
    assert found.stages == Stages(pictured_us=2_250, asked_us=3_000)
    assert found.pictures == (("top", "top ü.png"), ("side", "frame 17"))
    assert found.result.origin == origin
    assert (found.archived, found.images_kept) == ((), None)


async def test_nothing_is_made_up_of_what_nobody_saw(place: Place) -> None:
    async with History(registrar(), place, NOTHING) as store:
        store.put(recorded(1, judgement=no_decision(Reason.NO_IMAGE)))
        await store.read(ResultQuery())
    found = one_in(place)
    assert (found.stages, found.pictures, found.result.origin.client) == (Stages(), (), "")


async def test_what_comes_after_the_answer_is_added_to_its_row(place: Place) -> None:
    async with History(registrar(), place, NOTHING) as store:
        store.put(recorded(1, at_us=10_000))
        store.passed("s1", 1, "shown", 10_300)
        shown = await until(store, lambda one: one.stages.shown_us is not None)
        assert (shown.stages.shown_us, shown.stages.acknowledged_us) == (5_300, None)
        store.passed("s1", 1, "acknowledged", 26_000)
        store.images_kept(shown, True)
        store.passed("s1", 4711, "shown", 26_000)  # nobody knows it
    found = one_in(place)
    assert found.stages == replace(shown.stages, acknowledged_us=21_000)
    assert found.images_kept is True
    assert found.result == shown.result


async def test_it_waits_for_a_row_that_is_not_there_yet(tmp_path: Path) -> None:
    """Put in the same moment, and in the safe mode, in which a row is written at once and then amended."""
    async with History(registrar(), tmp_path / "h.db", NOTHING, safe=True) as store:
        kept: list[bool] = []
        given = recorded(1, at_us=10_000)
        store.keep(given, kept.append)
        async with asyncio.timeout(WAIT_S):
            while not kept:
                await asyncio.sleep(0.001)
        result = replace(given.result, judgement=no_decision(Reason.JOURNAL))
        store.put(given._replace(result=result))
        store.passed("s1", 1, "shown", 10_400)
    found = one_in(tmp_path / "h.db")
    assert (found.result.verdict, found.stages.shown_us) == (Verdict.NO_DECISION, 5_400)


def test_it_is_gathered_bounded_and_told_anew_where_more_is_learnt() -> None:
    later = history_later.Later()
    later.put("s1", "r0", "shown_us", 1)
    (first,) = later.due()
    assert later.due() == (), "gathered for a second"
    later.put("s1", "r0", "acknowledged_us", 2)
    later.written([first])
    (again,) = later.due(now=True)
    assert again.values == {"shown_us": 1, "acknowledged_us": 2}
    later.written([again])
    assert not later
    for number in range(history_later.HELD + 3):
        later.put("s1", f"r{number}", "shown_us", number)
    seen: list[str] = []
    while some := later.due(now=True):
        assert len(some) <= history_later.AT_ONCE
        seen += [one.key[1] for one in some]
        later.written(some)
    assert (seen[0], len(seen)) == ("r3", history_later.HELD)


def test_pictures_without_an_answer_are_forgotten() -> None:
    made = Watch().registrar()
    for number in range(1, REMEMBERED + 2):
        made.pictured(picture(number, str(number)))
    assert made.stored(recorded(1)).pictures == ()
    assert made.stored(recorded(2)).pictures == (("", "2"),)


# ---- the archive and the journal say the same ----------------------------------------------------------------


def both(folder: Path, choice: Choice, **room: int) -> tuple[Registrar, History, Archive]:
    made = registrar()
    plenty = Room(room.get("images", 1000), 10**9)
    kept = Archive(made, folder / "archive", Choices(choice), Limits(), plenty)
    store = History(made, folder / "h.db", NOTHING, safe=True)
    kept.on_written(store.images_kept)
    return made, store, kept


async def answered(store: History, kept: Archive, given: Recorded, shown: Recorded | None = None) -> None:
    """Kept by the journal first, then put to both, as a station does."""
    told: list[bool] = []
    store.keep(given, told.append)
    async with asyncio.timeout(WAIT_S):
        while not told:
            await asyncio.sleep(0.001)
    for sink in (store, kept):
        sink.put(shown or given)


def rows(folder: Path) -> Sequence[StoredResult]:
    with reader_of(folder / "h.db") as reader:
        return [one for page in reader.pages(ResultQuery()) for one in page]


async def test_the_journal_names_each_file_of_the_archive_and_says_that_it_is_there(tmp_path: Path) -> None:
    made, store, kept = both(tmp_path, Choice(NOK | {Verdict.NO_DECISION}, every_nth_ok=2, drawn=True))
    ok, nok = Judgement(Verdict.OK), Judgement(Verdict.NOK)
    async with store, kept:
        for number, judgement in enumerate([ok, nok, ok, ok, no_decision(Reason.TIMEOUT), nok], start=1):
            for one in (picture(number, f"{number}.png", "top"), picture(number, "x", "side", b"BM bitmap")):
                made.pictured(one)
                kept.see(one)
            kept.see(picture(number, "drawn", "top", drawn=True))
            await answered(store, kept, recorded(number, part_id=f"A/{number}", judgement=judgement))
    found = {one.result.inspection_id: one for one in rows(tmp_path)}
    assert sorted(name for one in found.values() for name in one.archived) == images(tmp_path / "archive")
    assert {number: len(one.archived) for number, one in found.items()} == {1: 0, 2: 3, 3: 3, 4: 0, 5: 3, 6: 3}
    assert {one.images_kept for one in found.values() if one.archived} == {True}
    assert {one.images_kept for one in found.values() if not one.archived} == {None}
    assert [name.rpartition("_2.")[2] for name in found[2].archived] == ["top.png", "side.bmp", "top.drawn.png"]
    assert found[2].pictures == (("top", "2.png"), ("side", "x"))


async def test_an_answer_that_is_shown_otherwise_has_the_files_of_what_was_shown(tmp_path: Path) -> None:
    """It was to be OK, but the journal took too long (H30); what comes after the journal was asked comes too late."""
    _, store, kept = both(tmp_path, Choice(frozenset({Verdict.NO_DECISION}), every_nth_ok=1))
    good = recorded(1, judgement=Judgement(Verdict.OK))
    async with store, kept:
        kept.see(picture(1, "1.png"))
        told: list[bool] = []
        store.keep(good, told.append)
        kept.see(picture(1, "too late", "side"))
        shown = good._replace(result=replace(good.result, judgement=no_decision(Reason.JOURNAL)))
        for sink in (store, kept):
            sink.put(shown)
    (found,) = rows(tmp_path)
    (name,) = images(tmp_path / "archive")
    assert found.archived == (name,)
    assert "_no_decision_" in name
    assert found.images_kept is True


async def test_lost_images_are_told_as_lost(tmp_path: Path) -> None:
    _, store, kept = both(tmp_path, Choice(ALL), images=1)
    async with store, kept:
        for number in (1, 2):
            kept.see(picture(number, "x"))
            await answered(store, kept, recorded(number))
    assert [one.images_kept for one in rows(tmp_path)] == [True, False]
    assert len(images(tmp_path / "archive")) == 1


async def test_a_late_answer_has_the_pictures_of_the_one_that_was_given(tmp_path: Path) -> None:
    made, store, kept = both(tmp_path, Choice(ALL))
    async with store, kept:
        made.pictured(picture(1, "part.png"))
        kept.see(picture(1, "part.png"))
        given = recorded(1, judgement=no_decision(Reason.TIMEOUT))
        await answered(store, kept, given)
        late = replace(given.result, judgement=Judgement(Verdict.OK), late=True)
        store.late(given._replace(result=late, presented=False))
        (found,) = await store.read(ResultQuery(late=True))
    assert found.pictures == (("", "part.png"),)
    assert list(found.archived) == images(tmp_path / "archive")

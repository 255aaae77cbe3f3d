"""A station and its journal: what is noted when, and what it goes on with."""

import asyncio
from collections.abc import Callable, Sequence

from gateway.core.image import TagImage
from gateway.core.result import Reason
from gateway.core.resume import Memory
from gateway.ports import Recorded, Wait
from tests.station.rig import Rig, running

TAGS = ("trigger_seq_accepted", "count_triggers", "result_valid", "result_seq")


class Journal:
    """In memory, and slow: somebody says when an answer is on the disk. `seen` is what it was told, in order."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Recorded, Callable[[bool], None]]] = []
        self.noted = Memory()
        self.known_at_keep: list[bool] = []
        self.answered: list[str] = []
        self.stood: list[float] = []

    def keep(self, recorded: Recorded, kept: Callable[[bool], None]) -> Wait | None:
        number = recorded.result.inspection_id
        self.known_at_keep.append(number in {one.id for one in self.noted.flight})
        self.waiting.append((recorded, kept))
        return self.wait if len(self.waiting) == 1 else None

    def wait(self, seconds: float) -> bool:
        """The disk is never done while somebody stands still for it."""
        self.stood.append(seconds)
        return False

    def note(self, station: str, memory: Memory, answers: Sequence[Recorded] = ()) -> None:
        assert station == "s1"
        self.noted = memory
        self.answered += [one.result.part_id for one in answers]

    def done(self, *, ok: bool = True) -> Recorded:
        recorded, kept = self.waiting.pop(0)
        kept(ok)
        return recorded


async def answered(rig: Rig, journal: Journal, part: str) -> None:
    await rig.trigger(part)
    await rig.until(lambda: bool(journal.waiting))


async def test_the_plc_sees_an_answer_when_the_journal_has_it() -> None:
    journal = Journal()
    async with running(journal=journal, keep_ms=500) as rig:
        await answered(rig, journal, "A1")
        await asyncio.sleep(0.01)
        assert (rig.tag("result_valid"), rig.tag("busy"), rig.sink.results) == (False, True, [])
        kept = journal.done()
        assert (rig.tag("ok"), rig.tag("result_part_id"), rig.tag("busy")) == (True, "A1", False)
        assert rig.sink.recorded == [kept]
        await answered(rig, journal, "A2")
        journal.done(ok=False)
        assert (rig.tag("ok"), rig.tag("no_decision"), rig.tag("reason")) == (False, True, Reason.JOURNAL)


async def test_what_is_kept_is_known_to_be_in_flight_before() -> None:
    """Else a kill right behind the disk would leave a row that nobody owes, and its number would be given again."""
    journal = Journal()
    async with running(journal=journal, keep_ms=500) as rig:
        for number in range(3):
            await answered(rig, journal, f"A{number}")
            journal.done()
            assert [one.inspection_id for one in journal.noted.owed] == [number + 1]
    assert journal.known_at_keep == [True, True, True]


async def test_what_the_tags_show_is_noted_before_anybody_can_see_it() -> None:
    """A kill behind any image finds the acceptance, the answer and the acknowledgement in what was noted."""
    journal, seen = Journal(), list[tuple[object, ...]]()
    async with running(journal=journal, keep_ms=500) as rig:

        def look(image: TagImage) -> None:
            tags, noted = dict(zip(TAGS, (image.values[name] for name in TAGS), strict=True)), journal.noted
            assert tags["trigger_seq_accepted"] == noted.trigger_seq
            assert tags["count_triggers"] == noted.counts.triggers
            assert tags["result_valid"] == bool(noted.owed)
            assert not tags["result_valid"] or noted.owed[0].result_seq == tags["result_seq"]
            seen.append((tags["trigger_seq_accepted"], tags["result_valid"]))

        end = rig.station.watch(look)
        await answered(rig, journal, "A1")
        journal.done()
        assert journal.answered == ["A1"]
        rig.write(result_ack=True)
        end()
    assert {(1, False), (1, True)} <= set(seen)


async def test_a_picture_is_done_away_with_when_its_answer_is_out() -> None:
    """Not while the PLC waits for the disk; and a kill until then leaves it where it is."""
    journal = Journal()
    async with running(journal=journal, keep_ms=500) as rig:
        await answered(rig, journal, "A1")
        for _ in range(5):
            await asyncio.sleep(0)
        assert rig.source.settled == []
        journal.done()
        assert rig.tag("result_valid")
        assert rig.source.settled == []  # the PLC reads first
        await asyncio.sleep(0)
        assert rig.source.settled == []
        await rig.until(lambda: len(rig.source.settled) == 1)
        rig.write(result_ack=True)
        await answered(rig, journal, "A2")
        journal.done(ok=False)
        await rig.until(lambda: len(rig.source.settled) == 2)


async def test_a_picture_is_done_away_with_though_the_journal_never_answers() -> None:
    journal = Journal()
    async with running(journal=journal, keep_ms=20, inspection_timeout_ms=200) as rig:
        await answered(rig, journal, "A1")
        await rig.until(lambda: len(rig.source.settled) == 1)
        assert rig.tag("reason") == Reason.JOURNAL
        journal.waiting.clear()
        rig.write(result_ack=True)
        await answered(rig, journal, "A2")
    assert len(rig.source.settled) == 2


async def test_leaving_does_away_with_pictures_at_once() -> None:
    """Also where their moment has not come yet."""
    journal = Journal()
    async with running(journal=journal, keep_ms=500) as rig:
        await answered(rig, journal, "A1")
        journal.done()
        assert rig.source.settled == []
    assert len(rig.source.settled) == 1


async def test_a_station_goes_on_with_what_was_noted() -> None:
    journal = Journal()
    async with running(journal=journal) as rig:
        await rig.trigger("A1")
        await rig.until(lambda: rig.tag("ok"))
        before, noted = rig.tag("count_triggers"), journal.noted
    async with running(memory=noted) as rig:
        assert (rig.tag("ok"), rig.tag("result_part_id"), rig.tag("count_triggers")) == (True, "A1", before)
        await rig.trigger("A2")
        await rig.until(lambda: rig.tag("result_part_id") == "A2")
        assert (rig.tag("result_seq"), rig.tag("count_triggers")) == (2, 2)


async def test_without_a_journal_nothing_can_be_kept_and_nobody_waits() -> None:
    async with running(keep_ms=500) as rig:
        await rig.trigger("A1")
        await rig.until(lambda: rig.tag("no_decision"))
        assert rig.tag("reason") == Reason.JOURNAL


async def test_leaving_waits_for_no_journal() -> None:
    journal = Journal()
    async with asyncio.timeout(5), running(journal=journal, keep_ms=500) as rig:
        await answered(rig, journal, "A1")
    assert not rig.station.state.flight
    assert len(rig.sink.results) == 1

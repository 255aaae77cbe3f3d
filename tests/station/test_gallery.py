"""A station's pictures on their way to who keeps them: each with its result, shared, and none too late."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import pytest

from gateway.core.result import Judgement, Reason, Verdict
from gateway.core.resume import Memory
from gateway.ports import Pictured, Recorded
from tests.station.parts import NOK, MemoryInspector, MemorySource
from tests.station.rig import running
from tests.station.test_journaling import Journal


@dataclass
class Keeper:
    """A ports.PictureSink that writes down what it gets; `broken`: it fails at every picture."""

    broken: bool = False
    seen: list[Pictured] = field(default_factory=list)
    course: list[tuple[str, int]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing to close."""

    def see(self, pictured: Pictured) -> None:
        if self.broken:
            raise RuntimeError("no pictures, please")
        self.seen.append(pictured)
        self.course.append(("drawn" if pictured.drawn else "picture", pictured.inspection_id))

    def put(self, recorded: Recorded) -> None:
        self.course.append((recorded.result.verdict.name, recorded.result.inspection_id))


@dataclass
class Drawing(MemoryInspector):
    """An inspector that draws what it saw."""

    draws = True

    def drawn(self, inspection_id: int) -> bytes | None:
        return f"drawn {inspection_id}".encode()


async def test_a_picture_comes_before_its_result_and_is_the_very_same() -> None:
    keeper, source = Keeper(), MemorySource()
    async with running(pictures=keeper, source=source, inspector=MemoryInspector({"A1": NOK})) as rig:
        await rig.trigger("A1")
        await rig.until(lambda: len(keeper.course) == 2)
        first = keeper.course[0][1]
        assert keeper.course == [("picture", first), ("NOK", first)]
        assert keeper.seen[0].picture.data == b"picture of A1"
        assert (keeper.seen[0].station, keeper.seen[0].view, keeper.seen[0].drawn) == ("s1", "", False)


async def test_what_was_drawn_comes_before_the_result_too() -> None:
    keeper = Keeper()
    async with running(pictures=keeper, inspector=Drawing()) as rig:
        await rig.trigger()
        await rig.until(lambda: len(keeper.course) == 3)
        assert [what for what, _ in keeper.course] == ["picture", "drawn", "OK"]
        assert keeper.seen[1].picture.data == f"drawn {keeper.seen[1].inspection_id}".encode()


@dataclass
class Listening(Journal):
    """Writes down when it was told of an answer, among the pictures."""

    keeper: Keeper

    def __post_init__(self) -> None:
        super().__init__()

    def keep(self, recorded: Recorded, kept: Callable[[bool], None]) -> None:
        self.keeper.course.append(("kept", recorded.result.inspection_id))
        kept(True)

    def note(self, station: str, memory: Memory, answers: Sequence[Recorded] = ()) -> None:
        self.keeper.course += [("noted", one.result.inspection_id) for one in answers]


@pytest.mark.parametrize(("keep_ms", "told"), [(500, ["kept", "noted"]), (0, ["noted"])])
async def test_the_journal_hears_of_an_answer_when_all_of_its_pictures_are_there(keep_ms: int, told: list[str]) -> None:
    """It keeps the names of their files, in the safe mode and in the fast one."""
    keeper = Keeper()
    journal = Listening(keeper)
    async with running(pictures=keeper, inspector=Drawing(), journal=journal, keep_ms=keep_ms) as rig:
        await rig.trigger()
        await rig.until(lambda: ("OK", 1) in keeper.course)
        assert [what for what, _ in keeper.course] == ["picture", "drawn", *told, "OK"]


async def test_the_picture_of_a_time_out_is_kept_too() -> None:
    keeper, never = Keeper(), asyncio.Event()
    async with running(pictures=keeper, inspector=MemoryInspector(gate=never), inspection_timeout_ms=20) as rig:
        await rig.trigger()
        await rig.until(lambda: len(keeper.course) == 2)
        assert [what for what, _ in keeper.course] == ["picture", "NO_DECISION"]


async def test_a_picture_that_comes_after_the_answer_is_of_no_result() -> None:
    """Its inspection is cancelled, but it may have been on its way already."""
    keeper, gate = Keeper(), asyncio.Event()
    async with running(pictures=keeper, source=MemorySource(gate=gate), inspection_timeout_ms=20) as rig:
        await rig.trigger()
        await rig.until(lambda: len(keeper.course) == 1)
        order = rig.source.orders[0]
        picture = await MemorySource().acquire(order)
        rig.station._gallery.taken(order, "", picture)
        assert [what for what, _ in keeper.course] == ["NO_DECISION"]


async def test_who_keeps_pictures_and_fails_costs_no_answer() -> None:
    keeper = Keeper(broken=True)
    async with running(pictures=keeper, inspector=Drawing()) as rig:
        await rig.trigger()
        await rig.until(lambda: bool(keeper.course))
        assert rig.tag("verdict") == Verdict.OK
        assert rig.tag("error_code") == 0


async def test_an_inspection_without_a_picture_has_only_its_result() -> None:
    keeper = Keeper()
    answers = {"A1": Judgement(Verdict.NO_DECISION, Reason.TIMEOUT)}
    gate = asyncio.Event()
    async with running(pictures=keeper, source=MemorySource(gate=gate), inspector=MemoryInspector(answers)) as rig:
        await rig.trigger("A1")
        rig.write(abort=True)
        await rig.until(lambda: bool(keeper.course))
        assert [what for what, _ in keeper.course] == ["NO_DECISION"]

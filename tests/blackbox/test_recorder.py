"""What the black box notes of each inspection, at a real station: every stage, in order, once."""

import asyncio
import time
from itertools import pairwise
from typing import Any

import pytest

from gateway.blackbox import STAGES, BlackBox
from gateway.blackbox.recorder import MOST_OPEN, TOTAL, Recorder
from gateway.blackbox.ring import Ring
from gateway.blackbox.spans import SPANS
from gateway.core.result import Reason, Verdict
from gateway.ports import Recorded
from tests.blackbox.flights import TimedInspector, boxed, inspected, times
from tests.station.parts import NOK, MemoryInspector, MemorySource
from tests.station.rig import Rig, running
from tests.station.views_rig import ViewsRig


async def test_every_stage_of_an_inspection_in_its_order() -> None:
    source = MemorySource(gate=asyncio.Event(), tells=True)
    async with running(source=source, inspector=TimedInspector({"A1": NOK})) as rig:
        box = boxed(rig)
        began = time.monotonic_ns() // 1000
        await rig.trigger("A1")
        await asyncio.sleep(0.03)
        assert source.gate is not None
        source.gate.set()
        await rig.until(lambda: rig.tag("result_valid"))
        await asyncio.sleep(0.01)
        rig.write(result_ack=True)
        ended = time.monotonic_ns() // 1000
    (flight,) = box.ring.read(0, 10)
    (result,) = rig.sink.results
    assert (flight.part_id, flight.verdict, flight.reason) == ("A1", Verdict.NOK, Reason.NONE)
    assert (flight.inspection_id, flight.result_seq) == (result.inspection_id, result.result_seq)
    assert [began, *flight.times, ended] == sorted([began, *flight.times, ended])
    (at,) = times(box)
    assert (at["accepted"], at["exposed"], at["answered"]) == (
        result.accepted_at,
        result.exposed_at,
        result.answered_at,
    )
    assert at["pictured"] - at["exposed"] >= 25_000  # the camera told of the exposure before the image was there
    assert at["answered"] - at["asked"] == 20_000
    assert at["acknowledged"] - at["shown"] >= 9_000


async def test_without_a_picture_nobody_is_asked() -> None:
    source = MemorySource(gate=asyncio.Event())
    async with running(source=source, inspection_timeout_ms=30) as rig:
        box = boxed(rig)
        await inspected(rig, "A1", 1)
    (at,) = times(box)
    assert [stage for stage in STAGES if not at[stage]] == ["exposed", "pictured", "asked", "acknowledged"]
    assert at["answered"] - at["accepted"] >= 30_000


async def test_a_result_that_another_one_replaces_was_not_acknowledged() -> None:
    async with running() as rig:
        box = boxed(rig)
        await inspected(rig, "A1", 1)
        await inspected(rig, "A2", 2)
        rig.write(result_ack_seq=rig.tag("result_seq"))
    first, second = times(box)
    assert (first["acknowledged"], second["acknowledged"] > 0) == (0, True)
    assert 0 < first["shown"] < second["shown"]


async def test_a_wrong_acknowledgement_is_none() -> None:
    async with running() as rig:
        box = boxed(rig)
        await inspected(rig, "A1", 1)
        rig.write(result_ack_seq=999)
        assert times(box)[0]["acknowledged"] == 0
        rig.write(reset=True)
    assert times(box)[0]["acknowledged"] == 0


@pytest.mark.parametrize("style", ["bit", "number"])
async def test_buffered_results_are_shown_one_after_the_other(style: str) -> None:
    async with running() as rig:
        box = boxed(rig)
        rig.write(buffer_results=True)
        for number in (1, 2, 3):
            await inspected(rig, f"A{number}", number)
        assert [bool(at["shown"]) for at in times(box)] == [True, False, False]
        for _ in range(3):
            acknowledge(rig, style)
    found = times(box)
    assert all(at["acknowledged"] for at in found)
    for one, following in pairwise(found):
        assert one["acknowledged"] <= following["shown"]
        assert following["released"] < following["shown"]


def acknowledge(rig: Rig, style: str) -> None:
    if style == "bit":
        rig.write(result_ack=True)
        rig.write(result_ack=False)
    else:
        rig.write(result_ack_seq=rig.tag("result_seq"))


async def test_several_in_flight_that_overtake_each_other_keep_their_own_times() -> None:
    gate = asyncio.Event()

    class Holding(MemoryInspector):
        async def inspect(self, picture: Any, order: Any) -> Any:
            if order.part_id == "A1":
                await gate.wait()
            return await super().inspect(picture, order)

    async with running(inspector=Holding(), max_in_flight=2) as rig:
        box = boxed(rig)
        await rig.trigger("A1")
        await rig.until(lambda: rig.station.state.exposure_done)
        await rig.trigger("A2")
        await rig.until(lambda: any(one.judgement for one in rig.station.state.flight))
        gate.set()
        await rig.until(lambda: len(rig.sink.results) == 2)
    first, second = times(box)
    assert [flight.part_id for flight in box.ring.read(0, 10)] == ["A1", "A2"]
    assert second["answered"] < first["answered"] <= second["released"]
    assert first["accepted"] < first["pictured"] < second["accepted"] < second["pictured"]


async def test_of_several_views_the_last_image_counts() -> None:
    late = MemorySource(gate=asyncio.Event())
    rig = ViewsRig(sources={"side": late})
    async with rig.station:
        box = boxed(rig)
        rig.write(enable=False)
        rig.write(enable=True)
        await rig.trigger("A1")
        await asyncio.sleep(0.02)
        assert late.gate is not None
        late.gate.set()
        await rig.until(lambda: len(rig.sink.results) == 1)
    (at,) = times(box)
    assert at["pictured"] - at["accepted"] >= 18_000


async def test_what_the_journal_takes_is_a_stage_of_its_own() -> None:
    class SlowJournal:
        def keep(self, recorded: Recorded, kept: Any) -> None:
            asyncio.get_running_loop().call_later(0.02, kept, True)

        def note(self, station: str, memory: Any, answers: Any) -> None:
            """Not kept here."""

    async with running(journal=SlowJournal(), keep_ms=500) as rig:
        box = boxed(rig)
        await inspected(rig, "A1", 1)
    (at,) = times(box)
    assert at["released"] - at["answered"] >= 18_000


async def test_what_is_over_is_forgotten() -> None:
    async with running() as rig:
        recorder = Recorder(Ring(10), 0)
        rig.station.observe(recorder.note)
        rig.station.pictures.add(lambda pictured: recorder.pictured(pictured.inspection_id))
        await inspected(rig, "A1", 1)
        await inspected(rig, "A2", 2)
        assert list(recorder._numbers) == [2]  # the first one was replaced
        rig.write(result_ack=True)
    assert (recorder._pictured, recorder._numbers) == ({}, {})


async def test_who_measures_hears_of_each_stage_once() -> None:
    heard: list[tuple[str, int]] = []
    box = BlackBox(100)
    async with running(inspector=TimedInspector()) as rig:
        box.follow("s1", rig.station.observe, rig.station.pictures.add, lambda stage, us: heard.append((stage, us)))
        await inspected(rig, "A1", 1)
        rig.write(result_ack=True)
    (at,) = times(box)
    moments = ("accepted", "pictured", "asked", "answered", "released", "shown", "acknowledged")
    stages = [(name, at[end] - at[begin]) for name, (begin, end) in zip(SPANS, pairwise(moments), strict=True)]
    stages.append((TOTAL, at["shown"] - at["accepted"]))
    assert sorted(heard) == sorted(stages)


def test_what_never_ends_does_not_pile_up() -> None:
    recorder = Recorder(Ring(10), 0)
    for number in range(3 * MOST_OPEN):
        recorder.pictured(number)
    assert len(recorder._pictured) == MOST_OPEN
    assert 3 * MOST_OPEN - 1 in recorder._pictured

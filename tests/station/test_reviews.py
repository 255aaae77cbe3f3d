"""An operator is asked by a real station: with the part's picture, while it waits, about no other part (H38)."""

import gc
import logging
import weakref
from collections.abc import Callable

import pytest

from gateway.core.errors import RefusedError
from gateway.core.result import Judgement, Reason, Verdict
from gateway.ports import Order, Picture, ignored
from gateway.station.reviews import REMEMBERED
from tests.station.parts import NOK, OK, MemoryInspector, MemorySource
from tests.station.rig import Rig, running
from tests.station.views_rig import looking

DOUBT = Judgement(Verdict.NO_DECISION, Reason.REVIEW, score=0.4, detail="score 0.4 is not below 0.3")
WAIT = {"inspection_timeout_ms": 10_000, "review_wait_ms": 5_000}


def doubtful(*parts: str, **others: Judgement) -> MemoryInspector:
    return MemoryInspector(verdicts={**dict.fromkeys(parts, DOUBT), **others})


async def asked(rig: Rig, part_id: str, many: int = 1) -> str:
    """Trigger a part in doubt; the id of its review."""
    await rig.trigger(part_id)
    await rig.until(lambda: len(rig.station.reviews.pending) == many)
    return rig.station.reviews.pending[-1].review_id


def decide(rig: Rig, review_id: str, verdict: Verdict = Verdict.OK) -> None:
    rig.station.reviews.decide(review_id, verdict, "anna", "opcua")


async def test_an_operator_sees_the_part_and_decides(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with running(inspector=doubtful("A1"), **WAIT) as rig:
        review_id = await asked(rig, "A1")
        assert review_id == "s1:7-1", "station, start, inspection"
        (waiting,) = rig.station.reviews.pending
        assert (waiting.part_id, waiting.found, waiting.station) == ("A1", DOUBT, "s1")
        assert [bytes(one.picture.data) for one in waiting.pictures] == [b"picture of A1"]
        assert (rig.tag("review_waiting"), rig.tag("busy"), rig.tag("result_valid")) == (True, True, False)
        decide(rig, review_id)
        assert (rig.tag("ok"), rig.tag("reason"), rig.tag("result_part_id")) == (True, Reason.BY_OPERATOR, "A1")
        (result,) = rig.sink.results
        assert result.review is not None
        assert (result.review.operator, result.review.over, result.review.decision) == ("anna", "opcua", Verdict.OK)
    ended = next(line for line in caplog.records if "ended after" in line.message)
    assert "OK by anna over opcua" in ended.message
    assert (ended.part_id, ended.inspection) == ("A1", 1)  # type: ignore[attr-defined]  # what `extra` brought


async def test_who_comes_late_is_told_why() -> None:
    async with running(inspector=doubtful("A1", "A2"), inspection_timeout_ms=10_000, review_wait_ms=30) as rig:
        review_id = await asked(rig, "A1")
        await rig.until(lambda: rig.tag("no_decision"))
        with pytest.raises(RefusedError, match=f"too late for {review_id}: nobody had decided"):
            decide(rig, review_id)
        assert (rig.tag("ok"), rig.tag("reason")) == (False, Reason.REVIEW)


async def test_the_second_decision_is_told_of_the_first() -> None:
    async with running(inspector=doubtful("A1"), **WAIT) as rig:
        review_id = await asked(rig, "A1")
        decide(rig, review_id, Verdict.NOK)
        with pytest.raises(RefusedError, match="too late for s1:7-1: NOK by anna over opcua"):
            decide(rig, review_id)
        assert rig.tag("nok")


@pytest.mark.parametrize("other", ["s1:7-2", "s1:6-1", "s2:7-1", "7-1", ""])
async def test_no_decision_hits_a_part_of_another_number_start_or_station(other: str) -> None:
    async with running(inspector=doubtful("A1"), **WAIT) as rig:
        await asked(rig, "A1")
        with pytest.raises(RefusedError, match="no operator is asked about"):
            decide(rig, other)
        assert rig.tag("review_waiting")


async def test_an_abort_ends_the_review() -> None:
    async with running(inspector=doubtful("A1"), **WAIT) as rig:
        review_id = await asked(rig, "A1")
        rig.write(abort=True)
        assert (rig.tag("reason"), rig.station.reviews.pending) == (Reason.CANCELLED, [])
        with pytest.raises(RefusedError, match="or it was cancelled"):
            decide(rig, review_id)


class WatchedSource(MemorySource):
    """Remembers what became of the pictures that it gave."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[weakref.ref[memoryview]] = []

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        data = memoryview(order.part_id.encode())
        self.given.append(weakref.ref(data))
        return Picture(order.part_id, data)

    def held(self) -> list[str]:
        gc.collect()
        return [bytes(data).decode() for one in self.given if (data := one()) is not None]


async def test_a_picture_is_held_while_its_review_waits_and_no_longer() -> None:
    source = WatchedSource()
    async with running(source=source, inspector=doubtful("A1", "A3"), max_in_flight=3, **WAIT) as rig:
        first = await asked(rig, "A1")
        await rig.trigger("good")
        await rig.until(lambda: not rig.station.state.flight[-1].open)
        await rig.until(lambda: len(source.settled) == 2)
        assert source.held() == ["A1"], "the good part waits for its turn, its picture for nobody"
        last = await asked(rig, "A3", many=2)
        shown = [[bytes(one.picture.data) for one in waiting.pictures] for waiting in rig.station.reviews.pending]
        assert shown == [[b"A1"], [b"A3"]], "each with its own"
        del shown
        decide(rig, first)
        decide(rig, last)
        assert [result.part_id for result in rig.sink.results] == ["A1", "good", "A3"]
        await rig.until(lambda: len(source.settled) == 3)
        assert source.held() == []


async def test_without_reviews_no_picture_is_held() -> None:
    source = WatchedSource()
    async with running(source=source, inspector=MemoryInspector(verdicts={"A1": DOUBT, "A2": NOK, "A3": OK})) as rig:
        for number, part in enumerate(("A1", "A2", "A3"), start=1):
            await rig.trigger(part)
            await rig.until(lambda number=number: len(rig.sink.results) == len(source.settled) == number)  # type: ignore[misc]  # a lambda's default
        assert rig.sink.results[0].judgement == DOUBT
        assert source.held() == []


async def test_what_is_over_is_remembered_in_bounded_space() -> None:
    parts = [f"P{number}" for number in range(REMEMBERED + 2)]
    async with running(inspector=doubtful(*parts), **WAIT) as rig:
        for part in parts:
            decide(rig, await asked(rig, part), Verdict.NOK)
        with pytest.raises(RefusedError, match="no operator is asked"):
            decide(rig, "s1:7-1")
        with pytest.raises(RefusedError, match="too late"):
            decide(rig, f"s1:7-{len(parts)}")


async def test_of_several_views_the_operator_sees_all_pictures() -> None:
    inspectors = {"side": doubtful("A1")}
    async with looking("top", "side", inspectors=inspectors, **WAIT) as rig:
        review_id = await asked(rig, "A1")
        (waiting,) = rig.station.reviews.pending
        assert [one.view for one in waiting.pictures] == ["top", "side"]
        assert [one.reason for one in waiting.found.views] == [Reason.NONE, Reason.REVIEW]
        decide(rig, review_id)
        assert (rig.tag("ok"), rig.rows("reason")) == (True, [0, Reason.REVIEW])

"""A station with several views: begun together, answered once, each picture settled once, whatever the parts do."""

import asyncio
import random

import pytest

from gateway.core.errors import ErrorCode, InspectorError, OfflineReason, SourceError
from gateway.core.result import Judgement, Origin, Reason, Verdict, no_decision
from gateway.ports import Fate, Order, Picture
from gateway.station import health
from gateway.station.health import HealthPolicy
from tests.station.parts import NOK, OK, MemoryInspector, MemorySource
from tests.station.views_rig import NAMES, ViewsRig, looking

DOWN = SourceError("no camera")
SIMULATED = Origin(by="job")


async def test_all_views_begin_at_the_same_moment() -> None:
    async with looking() as rig:
        for source in rig.sources.values():
            source.gate = asyncio.Event()
        rig.write(trigger=True, part_id="A1")
        await rig.until(lambda: all(source.orders for source in rig.sources.values()))
        orders = [source.orders[0] for source in rig.sources.values()]
        assert orders[0] == orders[1] == orders[2], "one moment, one deadline, one part"
        assert (rig.tag("exposure_done"), rig.tag("ready")) == (False, False)
        for source in rig.sources.values():
            assert source.gate is not None
            source.gate.set()
        await rig.until(lambda: rig.tag("result_valid"))
        assert (rig.tag("verdict"), rig.rows()) == (Verdict.OK, [1, 1, 1])


async def test_exposure_is_over_when_no_view_exposes_any_more() -> None:
    async with looking(max_in_flight=2) as rig:
        gates = {name: asyncio.Event() for name in rig.sources}
        for name, source in rig.sources.items():
            source.gate = gates[name]
        for inspector in rig.inspectors.values():
            inspector.gate = asyncio.Event()
        await rig.trigger()
        for name in ("bottom", "top"):
            gates[name].set()
            await rig.until(lambda name=name: len(rig.inspectors[name].seen) == 1)  # type: ignore[misc]
            assert not rig.tag("exposure_done"), "one camera still exposes; but the others are judged already"
            assert not rig.tag("ready")
        gates["side"].set()
        await rig.until(lambda: rig.tag("exposure_done"))
        assert (rig.tag("ready"), rig.tag("result_valid")) == (True, False)


async def test_a_source_that_tells_of_its_exposure_early_is_heard() -> None:
    class Telling(MemorySource):
        async def acquire(self, order: Order, exposed: object = None) -> Picture:
            assert callable(exposed)
            exposed()
            exposed()
            return await super().acquire(order)

    telling = Telling(gate=asyncio.Event())
    async with looking("top", "side", sources={"side": telling}) as rig:
        await rig.trigger()
        await rig.until(lambda: rig.tag("exposure_done"))
        assert not rig.tag("result_valid"), "its picture is still on its way"
        assert telling.gate is not None
        telling.gate.set()
        await rig.until(lambda: rig.tag("result_valid"))


@pytest.mark.parametrize("other", [OK, NOK], ids=["ok", "nok"])
@pytest.mark.parametrize(
    ("part", "error", "reason", "fate"),
    [
        ("source", SourceError("none", reason=Reason.NO_IMAGE), Reason.NO_IMAGE, None),
        ("source", RuntimeError("bug in a driver"), Reason.INTERNAL, None),
        ("inspector", InspectorError("down", reason=Reason.INSPECTOR_OFFLINE), Reason.INSPECTOR_OFFLINE, Fate.UNUSED),
        ("inspector", InspectorError("HTTP 400", reason=Reason.BAD_IMAGE), Reason.BAD_IMAGE, Fate.REFUSED),
        ("inspector", RuntimeError("bug in a parser"), Reason.INTERNAL, Fate.UNUSED),
    ],
)
async def test_a_fault_in_one_view_is_its_own_and_never_an_ok(
    part: str, error: Exception, reason: Reason, fate: Fate | None, other: Judgement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "RETRY_S", 0.01)
    async with looking() as rig:
        (rig.sources if part == "source" else rig.inspectors)["side"].error = error
        rig.inspectors["top"].verdicts["A1"] = other
        await rig.trigger("A1")
        await rig.until(lambda: rig.tag("result_valid"))
        assert rig.rows() == [other.verdict, Verdict.NO_DECISION, Verdict.OK]
        assert rig.rows("reason") == [0, reason, 0]
        expected = Verdict.NOK if other is NOK else Verdict.NO_DECISION
        crash = reason is Reason.INTERNAL
        assert (rig.tag("verdict"), rig.tag("ok"), rig.tag("ready")) == (expected, False, not crash)
        assert rig.tag("exposure_done")
        await rig.until(lambda: bool(rig.tag("ready")))
    fates = {name: [fate for _, fate in source.settled] for name, source in rig.sources.items()}
    assert fates == {"top": [Fate.JUDGED], "side": [fate] if fate else [], "bottom": [Fate.JUDGED]}
    assert len(rig.sink.results) == 1
    assert rig.entered == {0}


async def test_without_any_picture_nothing_was_exposed() -> None:
    async with looking() as rig:
        for source in rig.sources.values():
            source.error = DOWN
        await rig.trigger()
        await rig.until(lambda: rig.tag("result_valid"))
        assert (rig.tag("exposure_done"), rig.tag("reason")) == (False, Reason.SOURCE_FAILED)
    assert rig.sink.results[0].exposed_at == 0


async def test_one_budget_and_at_its_end_all_are_cancelled() -> None:
    async with looking(inspection_timeout_ms=40) as rig:
        rig.inspectors["side"].gate = asyncio.Event()
        await rig.trigger("A1")
        await rig.until(lambda: rig.tag("result_valid"))
        assert (rig.tag("reason"), rig.rows("reason")) == (Reason.TIMEOUT, [0, Reason.TIMEOUT, 0])
        await rig.until(lambda: rig.inspectors["side"].cancelled == 1)
        await rig.until(lambda: len(rig.sources["side"].settled) == 1)
        assert rig.sources["side"].settled == [("A1", Fate.UNUSED)]
        assert rig.station.state.counts.late == 0


async def test_abort_cancels_every_view_and_each_picture_is_settled_once() -> None:
    async with looking() as rig:
        rig.sources["top"].gate = asyncio.Event()
        rig.inspectors["side"].gate = asyncio.Event()
        await rig.trigger("A1")
        await rig.until(lambda: bool(rig.inspectors["bottom"].seen and rig.inspectors["side"].seen))
        rig.write(abort=True)
        assert (rig.tag("verdict"), rig.tag("reason")) == (Verdict.NO_DECISION, Reason.CANCELLED)
        assert rig.rows("reason") == [Reason.CANCELLED, Reason.CANCELLED, 0]
        await rig.until(lambda: rig.inspectors["side"].cancelled == 1)
    fates = {name: source.settled for name, source in rig.sources.items()}
    assert fates == {"top": [], "side": [("A1", Fate.UNUSED)], "bottom": [("A1", Fate.JUDGED)]}


@pytest.mark.parametrize(
    ("judged", "fate"),
    [
        ((OK, NOK), Fate.JUDGED),
        ((OK, InspectorError("", reason=Reason.BAD_IMAGE)), Fate.JUDGED),
        ((no_decision(Reason.BAD_IMAGE), InspectorError("", reason=Reason.INSPECTOR_OFFLINE)), Fate.REFUSED),
        ((InspectorError("", reason=Reason.INSPECTOR_OFFLINE), ValueError("bug")), Fate.UNUSED),
    ],
)
async def test_a_picture_of_two_views_is_settled_once(judged: tuple[Judgement | Exception, ...], fate: Fate) -> None:
    async with looking("top", "side", sharing=["side"]) as rig:
        for inspector, what in zip(rig.inspectors.values(), judged, strict=True):
            if isinstance(what, Exception):
                inspector.error = what
            else:
                inspector.verdicts["A1"] = what
        await rig.trigger("A1")
        await rig.until(lambda: rig.tag("result_valid"))
        assert [inspector.seen for inspector in rig.inspectors.values()] == [[b"picture of A1"]] * 2
    assert rig.sources["top"].settled == [("A1", fate)]


async def test_a_picture_that_two_views_judge_is_kept_until_both_are_through() -> None:
    async with looking("top", "side", sharing=["side"]) as rig:
        rig.inspectors["side"].gate = asyncio.Event()
        rig.inspectors["top"].error = ZeroDivisionError()
        await rig.trigger("A1")
        await rig.until(lambda: bool(rig.inspectors["side"].seen))
        await asyncio.sleep(0)
        assert rig.sources["top"].settled == []
        rig.inspectors["side"].gate.set()
        await rig.until(lambda: len(rig.sources["top"].settled) == 1)
    assert len(rig.sources["top"].settled) == 1


async def test_a_judge_that_hangs_does_not_spoil_what_the_other_said_of_the_picture() -> None:
    async with looking("top", "side", sharing=["side"], inspection_timeout_ms=40) as rig:
        rig.inspectors["side"].gate = asyncio.Event()
        await rig.trigger("A1")
        await rig.until(lambda: rig.tag("result_valid"))
        assert rig.rows("reason") == [0, Reason.TIMEOUT]
        await rig.until(lambda: len(rig.sources["top"].settled) == 1)
    assert rig.sources["top"].settled == [("A1", Fate.JUDGED)]


async def test_faults_of_two_views_stand_each_by_itself() -> None:
    policy = HealthPolicy(source_takes_offline=True, check_s=0.005)
    async with looking(policy=policy) as rig:
        rig.sources["side"].ill = DOWN
        await rig.until(lambda: rig.tag("error_code") == ErrorCode.SOURCE_DOWN)
        rig.sources["bottom"].ill = DOWN
        await rig.until(lambda: len(rig.station.state.standing) == 1)
        error = rig.station.state.error
        assert error is not None
        assert (error.view, rig.station.state.standing[0].view) == (2, 3)
        rig.sources["side"].ill = None
        await rig.until(lambda: not rig.station._health._patients[2].ill)
        assert rig.tag("offline_reason") == OfflineReason.SOURCE, "the other one is still ill"
        rig.write(error_ack=True)
        assert (rig.tag("error_code"), rig.station.state.error) == (ErrorCode.SOURCE_DOWN, rig.station.state.error)
        rig.sources["bottom"].ill = None
        await rig.until(lambda: bool(rig.tag("online")))


async def test_the_station_is_starting_until_every_view_is_there() -> None:
    class Late(MemoryInspector):
        async def __aenter__(self) -> "Late":
            if self.ill is not None:
                raise self.ill
            await super().__aenter__()
            return self

    late = Late(ill=InspectorError("not yet", reason=Reason.INSPECTOR_OFFLINE))
    rig = ViewsRig(("top", "side"), inspectors={"side": late})
    async with rig.station:
        assert rig.tag("offline_reason") == OfflineReason.STARTING
        late.ill = None
        await rig.until(lambda: bool(rig.tag("online")))


async def test_a_recipe_is_ready_when_it_is_in_every_view() -> None:
    async with looking() as rig:
        rig.inspectors["side"].unusable = {2}
        rig.inspectors["side"].ill = InspectorError("no such project", reason=Reason.INSPECTOR_OFFLINE)
        rig.write(change_recipe=True, recipe_request=2)
        await rig.until(lambda: rig.tag("recipe_error"))
        assert rig.tag("recipe") == 1
        rig.write(change_recipe=False)
        rig.inspectors["side"].unusable = set()
        rig.write(change_recipe=True)
        await rig.until(lambda: rig.tag("recipe_ack"))
        assert rig.tag("recipe") == 2


async def test_a_continuous_run_follows_the_first_views_pictures() -> None:
    async with looking() as rig:
        rig.station.run_continuously("batch", Origin(by="continuous"))
        assert [source.collecting for source in rig.sources.values()][1:] == [[], []]
        for number in range(1, 4):
            rig.sources["top"].pictures.release()
            await rig.until(lambda number=number: len(rig.sink.results) == number)  # type: ignore[misc]
        assert [one.verdict for one in rig.sink.results] == [Verdict.OK] * 3
        assert all(order.pictures_from is not None for order in rig.sources["top"].orders)
        assert all(order.pictures_from is None for order in rig.sources["side"].orders)
        rig.station.stop()


async def test_simulation_takes_the_pictures_of_every_view_from_its_own_simulation_source() -> None:
    async with looking() as rig:
        rig.station.simulate(True)
        rig.station.select_automatic()
        rig.station.trigger("A1", SIMULATED)
        await rig.until(lambda: len(rig.sink.results) == 1)
        assert (rig.sink.results[0].verdict, len(rig.sink.results[0].judgement.views)) == (Verdict.OK, 3)
        assert all(len(source.orders) == 1 for source in rig.simulations.values())
        assert not any(source.orders for source in rig.sources.values())
    assert rig.entered == {0}


@pytest.mark.parametrize("seed", range(4))
async def test_each_trigger_has_one_answer_and_each_picture_one_end(seed: int) -> None:
    """Random faults, delays and commands: nothing is lost, nothing doubled, a fault is never an OK."""
    chance = random.Random(seed)
    errors = [None, None, SourceError("x"), RuntimeError("y")]

    class Shaky(MemorySource):
        taken = 0

        async def acquire(self, order: Order, exposed: object = None) -> Picture:
            await asyncio.sleep(chance.choice((0, 0, 0.002)))
            if (error := chance.choice(errors)) is not None:
                raise error
            self.taken += 1
            return Picture(f"{order.inspection_id}", b"x")

    class Moody(MemoryInspector):
        async def inspect(self, picture: Picture, order: Order) -> Judgement:
            await asyncio.sleep(chance.choice((0, 0, 0.002, 0.05)))
            return chance.choice((OK, OK, NOK, no_decision(Reason.UNDEFINED)))

    sources, moody = {name: Shaky() for name in NAMES}, {name: Moody() for name in NAMES}
    async with looking(sources=sources, inspectors=moody, max_in_flight=2, inspection_timeout_ms=20) as rig:
        for number in range(60):
            await rig.trigger(f"A{number}")
            await asyncio.sleep(chance.choice((0, 0.001, 0.005)))
            if chance.random() < 0.1:
                rig.write(**{chance.choice(("abort", "reset")): True})
                rig.write(abort=False, reset=False)
        await rig.until(lambda: not rig.station.state.flight)
    counts = rig.station.state.counts
    assert counts.triggers == len(rig.sink.results) == counts.ok + counts.nok + counts.no_decision
    for source in sources.values():
        names = [name for name, _ in source.settled]
        assert len(names) == len(set(names)) == source.taken
    for result in rig.sink.results:
        said = [one.verdict for one in result.judgement.views]
        assert (result.verdict is Verdict.OK) == (said == [Verdict.OK] * 3)

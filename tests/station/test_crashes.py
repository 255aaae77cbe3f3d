"""A source or an inspector that crashes in the middle of an inspection: answered, told, restarted, not mixed up."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import pytest

from gateway.core.errors import ErrorCode, OfflineReason
from gateway.core.result import Judgement, Origin, Reason
from gateway.ports import Order, Picture, ignored
from gateway.station import health, living, pictures
from gateway.station.health import HealthPolicy
from tests.station.parts import OK, MemoryInspector, MemorySource
from tests.station.rig import Rig, running
from tests.station.views_rig import looking


@dataclass
class BadSource(MemorySource):
    """Crashes in the pictures of these parts. `lives` are its starts, `leaving` what holds it back when it is left."""

    bad: set[str] = field(default_factory=set)
    lives: int = 0
    leaving: asyncio.Event | None = None

    async def __aenter__(self) -> Self:
        self.lives += 1
        return await super().__aenter__()

    async def __aexit__(self, *exc: object) -> None:
        if self.leaving is not None:
            await self.leaving.wait()
        await super().__aexit__(*exc)

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        if order.part_id in self.bad:
            raise KeyError("planted")
        return await super().acquire(order, exposed)


class BadInspector(MemoryInspector):
    """Crashes at the part called `bad`; `stubborn` ones swallow that they are cut, and answer all the same."""

    async def inspect(self, picture: Picture, order: Order) -> Judgement:
        if order.part_id == "bad":
            raise KeyError("planted")
        if order.part_id == "stubborn":
            await _without_end()
            return OK
        return await super().inspect(picture, order)


async def _without_end() -> None:
    try:
        await asyncio.sleep(30)
    except asyncio.CancelledError:
        await asyncio.sleep(0.1)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "RETRY_S", 0.03)


async def answered(rig: Rig, part_id: str) -> dict[str, Any]:
    await rig.until(lambda: rig.tag("result_valid") and rig.tag("result_part_id") == part_id)
    return dict(rig.station.image.values)


async def test_a_source_that_crashes_costs_one_decision_and_is_well_again_by_itself() -> None:
    source = BadSource(bad={"bad"})
    async with running(source=source, policy=HealthPolicy(check_s=30)) as rig:
        await rig.trigger("bad")
        tags = await answered(rig, "bad")
        assert (tags["no_decision"], tags["reason"]) == (True, Reason.INTERNAL)
        assert (tags["online"], tags["offline_reason"]) == (False, OfflineReason.SOURCE)
        assert ErrorCode.SOURCE_DOWN in {rig.tag("error_code"), *(one.code for one in rig.station.state.standing)}
        await rig.until(lambda: bool(rig.tag("ready")))
        assert (source.lives, source.entered) == (2, 1)
        await rig.trigger("good")
        assert (await answered(rig, "good"))["ok"]
    assert source.entered == 0


async def test_whoever_else_is_in_the_part_hears_of_it_before_it_is_left() -> None:
    inspector = BadInspector(gate=asyncio.Event())
    async with running(inspector=inspector, max_in_flight=2, policy=HealthPolicy(check_s=30)) as rig:
        await rig.trigger("waits")
        await rig.until(lambda: len(inspector.seen) == 1)
        await rig.trigger("bad")
        await rig.until(lambda: rig.tag("count_no_decision") == 2)
        reasons = {one.result.part_id: one.result.judgement.reason for one in rig.sink.recorded}
        assert reasons == {"waits": Reason.INSPECTOR_OFFLINE, "bad": Reason.INTERNAL}
        assert inspector.cancelled == 1
        assert rig.tag("offline_reason") == OfflineReason.INSPECTOR
        await rig.until(lambda: bool(rig.tag("ready")))


async def test_an_answer_of_the_old_life_reaches_no_inspection_of_the_new_one() -> None:
    async with running(inspector=BadInspector(), max_in_flight=2, policy=HealthPolicy(check_s=30)) as rig:
        await rig.trigger("stubborn")
        await rig.until(lambda: bool(rig.tag("exposure_done")))
        await rig.trigger("bad")
        await rig.until(lambda: bool(rig.tag("ready")))
        await rig.trigger("new")
        await answered(rig, "new")
        await rig.until(lambda: rig.tag("count_no_decision") + rig.tag("count_ok") == 3)
        assert [one.result.part_id for one in rig.sink.recorded] == ["stubborn", "bad", "new"]
        assert rig.sink.results[-1].judgement == OK


async def test_what_crashes_at_each_part_is_restarted_ever_less_often_though_it_looks_well_in_between() -> None:
    source = BadSource(bad={"bad"})
    async with running(source=source, policy=HealthPolicy(check_s=30)) as rig:
        pauses = []
        for _ in range(4):
            await rig.until(lambda: bool(rig.tag("ready")))
            await rig.trigger("bad")
            await rig.until(lambda: not rig.tag("online"))
            pauses.append(round(rig.station._health._patients[0].pause_s, 3))
            await rig.until(lambda: bool(rig.tag("online")))
        assert pauses == [0.03, 0.06, 0.12, 0.24]
        assert rig.station._health.restarts == {"source": 4, "inspector": 0}


async def test_a_station_that_does_without_it_stays_online_and_says_what_is_the_matter() -> None:
    source = BadSource(bad={"bad"}, leaving=asyncio.Event())
    async with running(source=source, policy=HealthPolicy(source_start="ignore", check_s=30)) as rig:
        await rig.trigger("bad")
        await answered(rig, "bad")
        assert rig.tag("online")
        await rig.until(lambda: rig.station._health._patients[0].leaving is not None)
        await asyncio.sleep(0)  # its task begins
        await rig.trigger("meanwhile")
        tags = await answered(rig, "meanwhile")
        assert tags["reason"] == Reason.SOURCE_FAILED
        assert source.leaving is not None
        source.leaving.set()
        await rig.until(lambda: source.lives == 2)
        await rig.trigger("good")
        assert (await answered(rig, "good"))["ok"]


async def test_a_part_that_cannot_be_left_is_restarted_all_the_same(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(health, "CHECK_TIMEOUT_S", 0.05)
    source = BadSource(bad={"bad"}, leaving=asyncio.Event())
    async with running(source=source, policy=HealthPolicy(check_s=30)) as rig:
        await rig.trigger("bad")
        await rig.until(lambda: source.lives == 2 and bool(rig.tag("ready")))
        assert "could not be left within" in caplog.text
        assert source.leaving is not None
        source.leaving.set()


async def test_a_stop_in_the_middle_of_a_restart_waits_until_the_part_is_left() -> None:
    source = BadSource(bad={"bad"}, leaving=asyncio.Event())
    rig = Rig(source=source, policy=HealthPolicy(check_s=30))
    async with rig.station:
        rig.write(enable=False)
        rig.write(enable=True)
        await rig.trigger("bad")
        await rig.until(lambda: rig.station._health._patients[0].leaving is not None)
        assert source.leaving is not None
        asyncio.get_running_loop().call_later(0.05, source.leaving.set)
    assert source.entered == 0


async def test_a_call_that_does_not_end_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(living, "ENDING_S", 0.02)
    async with running(inspector=BadInspector(), max_in_flight=2, policy=HealthPolicy(check_s=30)) as rig:
        await rig.trigger("stubborn")
        await rig.until(lambda: bool(rig.tag("exposure_done")))
        await rig.trigger("bad")
        await rig.until(lambda: bool(rig.tag("ready")))
        assert "1 calls do not end" in caplog.text


async def test_a_run_goes_on_in_the_new_life_of_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "RETRY_S", 0.01)

    class Deaf(BadSource):
        def collect(self, since: int | None) -> None:
            if since is not None and self.lives == 1:
                raise KeyError("planted")
            super().collect(since)

    source = Deaf()
    async with running(source=source, policy=HealthPolicy(source_start="ignore", check_s=30)) as rig:
        rig.station.run_continuously("batch", Origin(by="continuous"))
        await rig.until(lambda: source.lives == 2 and source.collecting != [])
        source.pictures.release()
        await rig.until(lambda: rig.tag("count_ok") == 1)


async def test_of_several_views_only_the_one_that_crashed_is_restarted() -> None:
    inspectors: dict[str, MemoryInspector] = {"side": BadInspector()}
    async with looking(inspectors=inspectors, policy=HealthPolicy(check_s=30)) as rig:
        await rig.trigger("bad")
        await answered(rig, "bad")
        assert rig.rows("reason") == [Reason.NONE, Reason.INTERNAL, Reason.NONE]
        await rig.until(lambda: bool(rig.tag("ready")))
        assert rig.station._health.restarts["side inspector"] == sum(rig.station._health.restarts.values()) == 1


async def test_a_check_that_was_under_way_at_the_crash_does_not_make_it_well() -> None:
    looking_at_it = asyncio.Event()

    class Slow(BadSource):
        async def check(self) -> None:
            await looking_at_it.wait()

    source = Slow(bad={"bad"}, leaving=asyncio.Event())
    async with running(source=source, policy=HealthPolicy(check_s=0.01)) as rig:
        await rig.trigger("bad")
        await answered(rig, "bad")
        looking_at_it.set()
        await rig.until(lambda: rig.station._health._patients[0].leaving is not None)
        assert not rig.tag("online")
        assert source.leaving is not None
        source.leaving.set()
        await rig.until(lambda: bool(rig.tag("ready")))

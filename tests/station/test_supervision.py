"""Parts that crash, cannot start, or hang onlookers on a station: it says so, goes on, and they come back."""

import asyncio
from dataclasses import dataclass
from typing import Any, Self

import pytest

from gateway.core.errors import ErrorCode, GatewayError, OfflineReason, SourceError
from gateway.core.result import Reason
from gateway.ports import Inspector
from gateway.station import health
from gateway.station.health import HealthPolicy, Start
from gateway.station.renewable import RenewableInspector
from tests.station.parts import MemoryInspector, MemorySource
from tests.station.rig import Rig, running


@dataclass
class Fragile(MemorySource):
    """Crashes in so many checks, and at so many starts; `bad_start` instead is a known error."""

    crashes: int = 0
    bad_starts: int = 0
    bad_start: Exception | None = None
    starts: int = 0

    async def __aenter__(self) -> Self:
        self.starts += 1
        if self.bad_starts:
            self.bad_starts -= 1
            raise self.bad_start or ValueError("planted at the start")
        return await super().__aenter__()

    async def check(self) -> None:
        if self.crashes:
            self.crashes -= 1
            raise ValueError("planted")
        await super().check()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "RETRY_S", 0.02)


async def test_a_part_that_crashes_is_left_entered_again_and_the_station_offline_meanwhile() -> None:
    source = Fragile()
    async with running(source=source) as rig:
        assert rig.tag("ready")
        reasons: list[Any] = []
        rig.station.watch(lambda image: reasons.append(image.values["offline_reason"]))
        source.crashes = 2
        await rig.until(lambda: source.starts == 3 and rig.tag("ready"))
        assert OfflineReason.SOURCE in reasons
        assert source.entered == 1, "left each time before it was entered again"
        assert rig.tag("error_code") == ErrorCode.SOURCE_DOWN, "latched until somebody has seen it"
        await rig.trigger()
        await rig.until(lambda: bool(rig.tag("ok")))
    assert source.entered == 0


async def test_each_further_crash_doubles_the_pause(caplog: pytest.LogCaptureFixture) -> None:
    source = Fragile()
    async with running(source=source) as rig:
        source.crashes = 3
        patient = rig.station._health._patients[0]
        pauses: set[float] = set()
        async with asyncio.timeout(5):
            while source.crashes or not rig.tag("ready"):
                pauses.add(patient.pauses.pause_s)
                await asyncio.sleep(0.002)
        assert {0.02, 0.04, 0.08} <= {round(pause, 3) for pause in pauses}
        await rig.until(lambda: patient.pauses.pause_s == 0)  # well for longer than that, it begins anew


@pytest.mark.parametrize("error", [None, SourceError("not there yet")])
async def test_what_cannot_start_is_tried_again(error: Exception | None) -> None:
    source = Fragile(bad_starts=2, bad_start=error)
    rig = Rig(source=source)
    async with rig.station:
        assert not rig.tag("online")
        rig.write(enable=False)
        rig.write(enable=True)
        await rig.until(lambda: bool(rig.tag("ready")))
        assert source.starts == 3


@pytest.mark.parametrize(
    ("start", "error"), [("fail", None), ("fail", SourceError("x")), ("retry", GatewayError("never"))]
)
async def test_what_must_not_be_missing_ends_the_start(start: Start, error: Exception | None) -> None:
    rig = Rig(source=Fragile(bad_starts=99, bad_start=error), policy=HealthPolicy(source_start=start))
    with pytest.raises(GatewayError):
        await rig.station.__aenter__()
    await rig.station.__aexit__()


async def test_a_part_that_may_be_missing_keeps_nobody_waiting() -> None:
    source = Fragile(bad_starts=99, error=SourceError("no camera"))
    async with running(source=source, policy=HealthPolicy(source_start="ignore", check_s=0.01)) as rig:
        assert rig.tag("ready")
        await rig.trigger()
        await rig.until(lambda: bool(rig.tag("no_decision")))
        assert rig.tag("reason") == Reason.SOURCE_FAILED
        source.bad_starts, source.error = 0, None
        await rig.until(lambda: source.entered == 1)
        await rig.trigger()
        await rig.until(lambda: bool(rig.tag("ok")))


class Planted:
    """Raises whatever is asked of it."""

    def __call__(self, *_: object) -> None:
        raise ValueError("planted")

    put = keep = note = __call__


async def test_onlookers_that_crash_cost_no_trigger_its_answer(caplog: pytest.LogCaptureFixture) -> None:
    async with running(pictures=None) as rig:
        rig.station.watch(Planted())
        rig.station.observe(Planted())
        seen: list[object] = []
        rig.station.watch(seen.append)
        rig.station._sinks._sinks = (Planted(), *rig.station._sinks._sinks)  # type: ignore[arg-type]  # as a sink
        for number in range(3):
            await rig.trigger(f"P{number}")
            await rig.until(lambda at=number: rig.tag("result_part_id") == f"P{at}")  # type: ignore[misc]  # its number
            assert rig.tag("ok")
        assert [one.result.part_id for one in rig.sink.recorded] == ["P0", "P1", "P2"], "the sink behind it too"
        assert seen
    assert "did not take an answer" in caplog.text
    assert "an observer failed" in caplog.text


async def test_a_journal_that_crashes_is_one_that_cannot_keep() -> None:
    async with running(journal=Planted(), keep_ms=200) as rig:
        await rig.trigger()
        await rig.until(lambda: bool(rig.tag("no_decision")))
        assert rig.tag("reason") == Reason.JOURNAL


async def test_a_preparation_that_crashes_fails_the_recipe_change_at_once() -> None:
    class Crashing(MemoryInspector):
        async def prepare(self, recipe: int) -> None:
            raise ValueError("planted")

    async with running(inspector=Crashing()) as rig:
        rig.write(change_recipe=True, recipe_request=2)
        await rig.until(lambda: bool(rig.tag("recipe_error")))


# ---- an inspector that is replaced (H35) ------------------------------------------------------------------------


async def test_an_inspection_keeps_the_inspector_that_it_began_with() -> None:
    old, new = MemoryInspector(gate=asyncio.Event()), MemoryInspector()
    both: tuple[Inspector, RenewableInspector] = (new, RenewableInspector(old))
    gate = asyncio.Event()
    async with running(inspector=both[1], max_in_flight=2, source=MemorySource(gate=gate)) as rig:
        await rig.trigger("before")
        await new.__aenter__()
        first = rig.station.state.next_id
        both[1].renew(new, first, lambda: any(one.id < first for one in rig.station.state.flight))
        gate.set()  # the picture of the one before comes after the swap
        await rig.until(lambda: bool(rig.tag("exposure_done")))
        await rig.trigger("after")
        await rig.until(lambda: len(new.seen) == 1)
        assert (new.seen, old.entered) == ([b"picture of after"], 1)
        assert old.gate is not None
        old.gate.set()
        await rig.until(lambda: rig.tag("count_ok") == 2)
        await rig.until(lambda: old.entered == 0)
        assert old.seen == [b"picture of before"]
    assert new.entered == 0

"""The station around the core: every accepted trigger is answered, whatever its parts do."""

import asyncio
import itertools

import pytest

from gateway.core import events as ev
from gateway.core.errors import ErrorCode, InspectorError, OfflineReason, RefusedError, RejectReason, SourceError
from gateway.core.image import TagImage
from gateway.core.result import Reason, Verdict
from gateway.ports import Fate, Step
from gateway.station import health
from gateway.station.health import HealthPolicy
from gateway.station.station import Station
from tests.bare_station import RECIPES
from tests.station.parts import NOK, MemorySource
from tests.station.rig import WAIT_S, Rig, running


async def test_trigger_is_answered_with_its_own_part() -> None:
    async with running() as rig:
        rig.inspector.verdicts["A2"] = NOK
        await rig.trigger("A1")
        await rig.until(lambda: rig.tag("result_valid"))
        assert (rig.tag("verdict"), rig.tag("result_part_id"), rig.tag("ok")) == (1, "A1", True)
        await rig.trigger("A2")
        await rig.until(lambda: rig.tag("result_part_id") == "A2")
        assert (rig.tag("verdict"), rig.tag("nok"), rig.tag("ok")) == (2, True, False)
        assert rig.inspector.seen == [b"picture of A1", b"picture of A2"]
        await rig.until(lambda: len(rig.source.settled) == 2)
        assert {fate for _, fate in rig.source.settled} == {Fate.JUDGED}
    assert [r.part_id for r in rig.sink.results] == ["A1", "A2"]
    assert rig.source.entered == rig.inspector.entered == 0


async def test_accepted_trigger_is_seen_before_write_returns() -> None:
    """H3: the PLC that has the response to its write finds trigger_ack in its next read."""
    async with running() as rig:
        rig.inspector.gate = asyncio.Event()
        rig.write(trigger=True)
        assert rig.tag("trigger_ack")
        assert rig.tag("busy")
        assert not rig.tag("ready")
        rig.inspector.gate.set()
        await rig.until(lambda: rig.tag("result_valid"))


@pytest.mark.parametrize(
    ("part", "error", "reason", "fate"),
    [
        ("source", SourceError("nothing came", reason=Reason.NO_IMAGE), Reason.NO_IMAGE, None),
        (
            "inspector",
            InspectorError("refused", reason=Reason.INSPECTOR_OFFLINE),
            Reason.INSPECTOR_OFFLINE,
            Fate.UNUSED,
        ),
        ("inspector", InspectorError("HTTP 400", reason=Reason.BAD_IMAGE), Reason.BAD_IMAGE, Fate.REFUSED),
        ("inspector", InspectorError("float", reason=Reason.PIXEL_FORMAT), Reason.PIXEL_FORMAT, Fate.REFUSED),
        ("source", SourceError("0 bytes", reason=Reason.EMPTY_IMAGE), Reason.EMPTY_IMAGE, None),
        ("source", RuntimeError("bug in a driver"), Reason.INTERNAL, None),
        ("inspector", RuntimeError("bug in a parser"), Reason.INTERNAL, Fate.UNUSED),
    ],
)
async def test_fault_is_verdict_3_with_its_reason(
    part: str, error: Exception, reason: Reason, fate: Fate | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """H7, H10: whatever a part raises ends in no decision, and the station is ready again; after a crash, soon."""
    monkeypatch.setattr(health, "RETRY_S", 0.01)
    crash = reason is Reason.INTERNAL
    async with running() as rig:
        getattr(rig, part).error = error
        await rig.trigger()
        await rig.until(lambda: rig.tag("result_valid"))
        assert (rig.tag("verdict"), rig.tag("reason"), rig.tag("no_decision")) == (3, reason, True)
        assert not rig.tag("ok")
        assert rig.tag("error_code") == (ErrorCode[f"{part.upper()}_DOWN"] if crash else 100 + reason)
        assert rig.tag("ready") != crash
        await rig.until(lambda: bool(rig.tag("ready")))
    assert [fate for _, fate in rig.source.settled] == ([fate] if fate is not None else [])


async def test_the_part_may_move_when_the_exposure_is_over_though_its_picture_is_still_on_its_way() -> None:
    async with running() as rig:
        steps: list[Step] = []
        rig.station.observe(steps.append)
        rig.source.tells, rig.source.gate = True, asyncio.Event()
        await rig.trigger()
        await rig.until(lambda: rig.tag("exposure_done"))
        assert rig.tag("busy")
        assert not rig.tag("result_valid")
        rig.source.gate.set()
        await rig.until(lambda: rig.tag("result_valid"))
        assert sum(isinstance(step.event, ev.Exposed) for step in steps) == 1


async def test_a_picture_that_does_not_come_after_its_exposure_is_no_decision() -> None:
    async with running() as rig:
        rig.source.tells, rig.source.error = True, SourceError("cable pulled")
        await rig.trigger()
        await rig.until(lambda: rig.tag("result_valid"))
        assert (rig.tag("verdict"), rig.tag("reason")) == (3, Reason.SOURCE_FAILED)
        await rig.trigger()
        await rig.until(lambda: rig.tag("result_seq") == 2)


async def test_hanging_inspector_is_answered_at_the_deadline_and_cancelled() -> None:
    """H7: the answer comes at the deadline, and what still works on it is stopped."""
    async with running(inspection_timeout_ms=30) as rig:
        rig.inspector.gate = asyncio.Event()
        await rig.trigger()
        await rig.until(lambda: rig.tag("result_valid"))
        assert rig.tag("reason") == Reason.TIMEOUT
        await rig.until(lambda: rig.inspector.cancelled == 1)
        assert rig.tag("ready")
    assert len(rig.sink.results) == 1


async def test_stopping_answers_what_is_in_flight() -> None:
    """H7: shutdown leaves no trigger without an answer."""
    async with running() as rig:
        rig.inspector.gate = asyncio.Event()
        await rig.trigger("LAST")
        await rig.until(lambda: rig.inspector.seen != [])
    assert [(r.part_id, r.judgement.reason) for r in rig.sink.results] == [("LAST", Reason.SHUTDOWN)]
    assert rig.tag("offline_reason") == OfflineReason.STOPPING


async def test_inspect_by_call_returns_its_own_result_and_refuses_when_busy() -> None:
    async with running() as rig:
        rig.inspector.verdicts["C2"] = NOK
        result = await rig.station.inspect("C2", 0, 0)
        assert (result.verdict, result.part_id) == (Verdict.NOK, "C2")
        rig.inspector.gate = asyncio.Event()
        first = asyncio.create_task(rig.station.inspect("C3", 0, 0))
        await rig.until(lambda: rig.tag("busy"))
        with pytest.raises(RefusedError) as refusal:
            await rig.station.inspect("C4", 0, 0)
        assert refusal.value.reason in (RejectReason.BUSY, RejectReason.EXPOSING)
        rig.inspector.gate.set()
        assert (await first).part_id == "C3"


async def test_inspect_changes_the_recipe_first() -> None:
    async with running() as rig:
        assert (await rig.station.inspect("D1", 2, 0)).recipe == 2
        assert rig.tag("recipe") == 2
        rig.inspector.ill = InspectorError("PEKAT is not there", reason=Reason.INSPECTOR_OFFLINE)
        rig.inspector.unusable.add(1)
        with pytest.raises(RefusedError) as refusal:
            await rig.station.inspect("D2", 1, 0)
        assert refusal.value.reason is ErrorCode.RECIPE_FAILED
        assert rig.tag("recipe") == 2


async def test_recipe_change_by_tag_and_its_time_out() -> None:
    """H18: recipe_ack or recipe_error rises when it is over; the old recipe stays in force if it failed."""
    async with running(recipe_timeout_ms=20) as rig:
        rig.write(change_recipe=True, recipe_request=2)
        assert not rig.tag("ready")
        await rig.until(lambda: rig.tag("recipe_ack"))
        rig.write(change_recipe=False)
        assert not rig.tag("recipe_ack")
        rig.inspector.gate = asyncio.Event()
        rig.write(change_recipe=True, recipe_request=1)
        await rig.until(lambda: rig.tag("recipe_error"))
        assert (rig.tag("recipe"), rig.tag("error_code")) == (2, ErrorCode.RECIPE_TIMEOUT)


@pytest.mark.parametrize("takes_offline", [False, True])
async def test_ill_inspector_is_told_and_recovers(takes_offline: bool) -> None:
    policy = HealthPolicy(inspector_takes_offline=takes_offline, check_s=0.005)
    async with running(policy=policy) as rig:
        rig.inspector.ill = InspectorError("no ping", reason=Reason.INSPECTOR_OFFLINE)
        await rig.until(lambda: rig.tag("error_code") == ErrorCode.INSPECTOR_DOWN)
        assert rig.tag("online") is not takes_offline
        rig.inspector.ill = None
        rig.write(error_ack=True)
        await rig.until(lambda: rig.tag("online") and not rig.tag("error"))
        assert rig.tag("ready")


async def test_write_that_changes_nothing_does_nothing() -> None:
    """A driver that rewrites its whole block each cycle, a held trigger in it: one inspection, no new image."""
    async with running() as rig:
        rig.write(trigger=True, part_id="H1")
        await rig.until(lambda: rig.tag("result_valid"))
        triggers, image = rig.tag("count_triggers"), rig.station.image
        for _ in range(5):
            rig.write()
        assert rig.station.image is image
        assert rig.tag("count_triggers") == triggers == 1


async def test_part_that_swallows_a_cancellation_does_not_keep_the_station_from_ending() -> None:
    """As asyncio.wait_for does in Python 3.11 when the answer crosses the cancellation."""

    class Stubborn(MemorySource):
        swallowed = 0

        async def check(self) -> None:
            try:
                await asyncio.sleep(WAIT_S)
            except asyncio.CancelledError:
                self.swallowed += 1

    rig = Rig()
    source = Stubborn()
    station = Station("s1", source=source, inspector=rig.inspector, recipes=RECIPES[:1], recipe=1, boot_id=1)
    async with asyncio.timeout(WAIT_S), station:
        await asyncio.sleep(0.01)
    assert source.swallowed == 1


async def test_heartbeat_moves_while_the_station_runs() -> None:
    """H21: at least twice a second."""
    async with running() as rig:
        seen: set[int] = set()
        end = rig.station.watch(lambda image: seen.add(int(image.values["heartbeat"])))
        await asyncio.sleep(1.1)
        end()
        assert len(seen) >= 3


async def test_watchers_see_every_image_in_order_and_no_two_alike() -> None:
    async with running() as rig:
        images: list[TagImage] = []
        end = rig.station.watch(images.append)
        await rig.trigger()
        await rig.until(lambda: rig.tag("result_valid"))
        end()
        assert [image.seq for image in images] == sorted(image.seq for image in images)
        assert all(a.values != b.values or a.commands != b.commands for a, b in itertools.pairwise(images))

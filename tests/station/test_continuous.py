"""A continuous run on a real station: pictures that nobody asked for, each one trigger with one answer (H28)."""

import asyncio
import time

import pytest

from gateway.core.errors import OfflineReason, RefusedError, RejectReason, SourceError
from gateway.core.result import Origin, Reason
from gateway.station import pictures
from tests.station.parts import MemorySource
from tests.station.rig import Rig, running

BATCH = Origin(by="continuous", job_id="J1")


def arrive(rig: Rig, count: int = 1) -> None:
    for _ in range(count):
        rig.source.pictures.release()


def own_tasks(rig: Rig) -> list[str]:
    return [task.get_name() for task in asyncio.all_tasks() if task.get_name().endswith("next-picture")]


async def test_each_picture_is_answered_once_in_order_also_those_that_come_in_a_burst() -> None:
    async with running() as rig:
        rig.station.run_continuously("batch", BATCH)
        assert not rig.tag("ready")
        arrive(rig, 20)
        await rig.until(lambda: len(rig.sink.results) == 20)
        arrive(rig)
        await rig.until(lambda: len(rig.sink.results) == 21)
        assert rig.tag("count_triggers") == 21
        rig.station.stop()
        await rig.until(lambda: rig.tag("ready"))
        assert {order.pictures_from for order in rig.source.orders} == {rig.source.collecting[0]}
        assert rig.source.collecting == [rig.source.collecting[0], None]
    assert [result.result_seq for result in rig.sink.results] == list(range(1, 22))
    assert {(result.part_id, result.origin) for result in rig.sink.results} == {("batch", BATCH)}


async def test_a_run_needs_what_a_trigger_needs() -> None:
    rig = Rig()
    async with rig.station:
        with pytest.raises(RefusedError) as refusal:
            rig.station.run_continuously("batch", BATCH)
        assert refusal.value.reason is RejectReason.NOT_ENABLED
        assert own_tasks(rig) == []


async def test_stop_finishes_what_is_in_flight_and_takes_no_more() -> None:
    async with running() as rig:
        rig.inspector.gate = asyncio.Event()
        rig.station.run_continuously("batch", BATCH)
        arrive(rig, 3)
        await rig.until(lambda: rig.inspector.seen != [])
        rig.station.stop()
        rig.inspector.gate.set()
        await rig.until(lambda: rig.tag("ok"))
        await asyncio.sleep(0)
        assert (rig.tag("count_triggers"), rig.tag("ready")) == (1, True)
        await rig.until(lambda: own_tasks(rig) == [])


@pytest.mark.parametrize("end", ["halt", "reset", "abort", "disable"])
async def test_these_end_it_and_no_task_waits_any_more(end: str) -> None:
    async with running() as rig:
        rig.inspector.gate = asyncio.Event()
        rig.station.run_continuously("batch", BATCH)
        arrive(rig)
        await rig.until(lambda: rig.inspector.seen != [])
        if end == "disable":
            rig.write(enable=False)
        else:
            getattr(rig.station, end)()
        assert rig.station.state.continuous is None
        assert rig.sink.results[0].judgement.reason in (Reason.CANCELLED, Reason.RESET)
        await rig.until(lambda: own_tasks(rig) == [] and rig.inspector.cancelled == 1)
        arrive(rig)
        await asyncio.sleep(0.01)
        assert len(rig.sink.results) == 1


async def test_an_ill_source_makes_no_verdict_and_the_run_goes_on_when_it_is_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pictures, "RETRY_S", 0.005)
    async with running() as rig:
        rig.source.ill = SourceError("the share is gone")
        rig.station.run_continuously("batch", BATCH)
        await rig.until(lambda: "the share is gone" in caplog.text)
        await asyncio.sleep(0.03)
        assert (rig.tag("count_triggers"), rig.tag("result_valid")) == (0, False)
        assert caplog.text.count("the continuous run waits for its source") == 1
        rig.source.ill = None
        arrive(rig, 2)
        await rig.until(lambda: len(rig.sink.results) == 2)
        assert rig.tag("count_no_decision") == 0


async def test_a_source_that_crashes_ends_the_run_and_is_told(caplog: pytest.LogCaptureFixture) -> None:
    class Crashing(MemorySource):
        async def arrival(self) -> None:
            raise ZeroDivisionError

    rig = Rig(source=Crashing())
    async with rig.station:
        rig.station.select_automatic()
        rig.station.run_continuously("batch", BATCH)
        await rig.until(lambda: rig.station.state.continuous is None)
        assert rig.tag("offline_reason") == OfflineReason.SOURCE
        await rig.until(lambda: bool(rig.tag("ready")))
        assert "waiting for pictures crashed" in caplog.text


@pytest.mark.parametrize("in_flight", [False, True])
async def test_leaving_the_station_in_a_run_answers_everything_and_leaves_no_task(in_flight: bool) -> None:
    """H7."""
    before = asyncio.all_tasks()
    async with running() as rig:
        rig.inspector.gate = asyncio.Event()
        rig.station.run_continuously("batch", BATCH)
        if in_flight:
            arrive(rig)
            await rig.until(lambda: rig.inspector.seen != [])
        began = time.monotonic()
    assert time.monotonic() - began < 1.0
    assert asyncio.all_tasks() <= before
    assert [result.judgement.reason for result in rig.sink.results] == [Reason.SHUTDOWN] * in_flight
    assert rig.tag("offline_reason") == OfflineReason.STOPPING
    assert rig.source.collecting[-1] is None


async def test_a_run_in_simulation_mode_takes_pictures_from_the_simulation_source() -> None:
    """H29."""
    async with running() as rig:
        rig.station.simulate(True)
        rig.station.run_continuously("batch", BATCH)
        for _ in range(3):
            rig.simulation.pictures.release()
        await rig.until(lambda: len(rig.sink.results) == 3)
        rig.station.stop()
        assert rig.source.orders == []
        assert not any(recorded.presented for recorded in rig.sink.recorded)
        assert (rig.tag("result_valid"), rig.tag("count_triggers")) == (False, 0)

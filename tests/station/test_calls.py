"""What a link can ask of a station by call, and what it can observe."""

import asyncio
import itertools
from dataclasses import replace

import pytest

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.errors import ErrorCode, OfflineReason, RefusedError, RejectReason, SourceError
from gateway.core.result import Origin, Reason, Verdict
from gateway.ports import Fate, Step
from tests.bare_station import RECIPES
from tests.station.parts import NOK, MemorySource
from tests.station.rig import Rig, running

JOB = Origin(by="job", job_id="J1", meas_id="M1", product_id="P1")


def refused(reason: RejectReason | ErrorCode) -> "pytest.RaisesExc[RefusedError]":
    return pytest.raises(RefusedError, check=lambda error: error.reason is reason)


async def test_trigger_returns_the_inspections_id_at_once_and_the_origin_comes_back_with_the_result() -> None:
    async with running() as rig:
        rig.inspector.gate = asyncio.Event()
        inspection = rig.station.trigger("J-part", JOB)
        assert [one.id for one in rig.station.state.flight] == [inspection]
        with refused(RejectReason.EXPOSING):
            rig.station.trigger("too early", JOB)
        rig.inspector.gate.set()
        await rig.until(lambda: rig.tag("result_valid"))
    (result,) = rig.sink.results
    assert (result.inspection_id, result.part_id, result.origin) == (inspection, "J-part", JOB)


async def test_trigger_in_another_recipe_is_refused() -> None:
    async with running() as rig:
        with refused(RejectReason.OTHER_RECIPE):
            rig.station.trigger("X", JOB, recipe=2)
        assert rig.station.recipes == RECIPES


async def test_inspect_and_tags_have_origins_of_their_own() -> None:
    async with running() as rig:
        assert (await rig.station.inspect("A", 0, 0)).origin == Origin(by="inspect")
        await rig.trigger("B")
        await rig.until(lambda: len(rig.sink.results) == 2)
        assert (await rig.station.inspect("C", 0, 0, "opcua pat")).origin == Origin("inspect", client="opcua pat")
        rig.write(trigger=False)
        rig.station.write(replace(rig.commands, trigger=True), "modbus plc")
        await rig.until(lambda: len(rig.sink.results) == 4)
        rig.station.write(replace(rig.commands, trigger=False), "modbus somebody else")
    assert rig.sink.results[1].origin == Origin(by="tags")
    assert rig.sink.results[3].origin == Origin(by="tags", client="modbus plc")


async def test_a_caller_that_goes_away_leaves_nothing_behind() -> None:
    async with running() as rig:
        rig.inspector.gate = asyncio.Event()
        caller = asyncio.create_task(rig.station.inspect("gone", 0, 0))
        await rig.until(lambda: rig.tag("busy"))
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        rig.inspector.gate.set()
        await rig.until(lambda: rig.tag("result_valid"))
        calls = rig.station._calls
        assert (calls._waiting, calls._results, calls._outcomes) == ({}, {}, {})


async def test_halt_answers_and_stays_until_reset() -> None:
    """H26."""
    async with running() as rig:
        rig.inspector.gate = asyncio.Event()
        waiting = asyncio.create_task(rig.station.inspect("H", 0, 0))
        await rig.until(lambda: rig.tag("busy"))
        rig.station.halt()
        assert rig.tag("offline_reason") == OfflineReason.HALTED
        assert (await waiting).judgement.reason is Reason.CANCELLED
        assert rig.tag("no_decision")
        with refused(RejectReason.OFFLINE):
            rig.station.trigger("no", JOB)
        rig.station.reset()
        assert rig.tag("online")
        assert rig.tag("ready"), "the enable bit is still 1"
        await rig.until(lambda: rig.inspector.cancelled == 1)


async def test_automatic_mode_needs_no_plc() -> None:
    """H25."""
    rig = Rig()
    async with rig.station:
        with refused(RejectReason.NOT_ENABLED):
            rig.station.trigger("no", JOB)
        rig.station.select_automatic()
        assert rig.tag("ready")
        rig.station.trigger("yes", JOB)
        await rig.until(lambda: rig.tag("ok"))
        rig.station.reset()
        assert not rig.tag("ready")


async def test_abort_by_call() -> None:
    """H15."""
    async with running() as rig:
        rig.inspector.gate = asyncio.Event()
        rig.station.trigger("A", JOB)
        rig.station.abort()
        assert (rig.tag("reason"), rig.tag("ready")) == (Reason.CANCELLED, True)
        await rig.until(lambda: not rig.station._work._inspections)


async def test_unprepared_until_a_recipe_change() -> None:
    """H27."""
    async with running() as rig:
        rig.station.unprepare_recipe()
        assert (rig.tag("ready"), rig.tag("recipe")) == (False, 1)
        with refused(RejectReason.NO_RECIPE):
            rig.station.trigger("no", JOB)
        assert (await rig.station.inspect("prepares first", 1, 0)).recipe == 1
        rig.station.unprepare_recipe()
        await rig.station.change_recipe(2)
        assert (rig.tag("ready"), rig.tag("recipe")) == (True, 2)
        with refused(ErrorCode.RECIPE_UNKNOWN):
            await rig.station.change_recipe(9)


# ---- simulation -------------------------------------------------------------------------------------------------


async def test_simulation_takes_its_own_pictures_and_shows_the_plc_nothing() -> None:
    """H29."""
    async with running() as rig:
        assert rig.station.can_simulate
        rig.inspector.verdicts["S"] = NOK
        rig.station.simulate(True)
        assert rig.tag("offline_reason") == OfflineReason.SIMULATION
        assert rig.simulation.entered == 0, "it is brought up when the first picture is asked of it"
        result = await rig.station.inspect("S", 0, 0)
        assert (result.verdict, result.origin.simulated) == (Verdict.NOK, True)
        assert (rig.tag("result_valid"), rig.tag("nok"), rig.tag("count_triggers")) == (False, False, 0)
        assert [order.part_id for order in rig.simulation.orders] == ["S"]
        assert rig.source.orders == []
        rig.station.simulate(False)
        assert rig.tag("ready")
        await rig.trigger("real")
        await rig.until(lambda: rig.tag("ok"))
        assert [order.part_id for order in rig.source.orders] == ["real"]
        await rig.until(lambda: rig.simulation.settled == [("S", Fate.JUDGED)])
    assert [recorded.presented for recorded in rig.sink.recorded] == [False, True]
    assert rig.simulation.entered == 0


async def test_a_simulation_source_that_is_missing_costs_simulated_verdicts_only() -> None:
    class Missing(MemorySource):
        async def __aenter__(self) -> "Missing":
            raise SourceError("no such folder")

    rig = Rig(simulation=Missing())
    async with rig.station:
        rig.write(enable=True)
        assert rig.tag("online"), "the station comes up without it"
        rig.station.simulate(True)
        result = await rig.station.inspect("S", 0, 0)
        assert result.judgement.reason is Reason.SOURCE_FAILED
        assert not rig.tag("error")


async def test_simulation_is_refused_without_a_source_and_while_busy() -> None:
    async with running(can_simulate=False) as rig:
        assert not rig.station.can_simulate
        with refused(RejectReason.NO_SIMULATION):
            rig.station.simulate(True)
        rig.station.simulate(False)
    async with running() as rig:
        rig.inspector.gate = asyncio.Event()
        rig.station.trigger("A", JOB)
        with refused(RejectReason.BUSY):
            rig.station.simulate(True)
        rig.inspector.gate.set()
        await rig.until(lambda: rig.tag("ready"))


# ---- observing --------------------------------------------------------------------------------------------------


async def test_observers_see_every_step_in_order_after_its_image() -> None:
    async with running() as rig:
        steps: list[Step] = []

        def note(step: Step) -> None:
            steps.append(step)
            assert rig.tag("busy") == bool(step.after.flight), "its image is out"

        end = rig.station.observe(note)
        await rig.trigger("A")
        await rig.until(lambda: rig.tag("result_valid"))
        end()
        seen = len(steps)
        rig.write(part_id="after the end")
        assert len(steps) == seen
        assert all(one.after is other.before for one, other in itertools.pairwise(steps))
        kinds = [type(step.event) for step in steps if not isinstance(step.event, ev.Tick)]
        assert kinds == [ev.PlcWrote, ev.PlcWrote, ev.Exposed, ev.Answered]
        (record,) = [action for step in steps for action in step.actions if isinstance(action, act.Record)]
        assert record.result.part_id == "A"


async def test_an_observer_that_fails_costs_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    async with running() as rig:
        seen: list[Step] = []

        def fail(step: Step) -> None:
            raise ZeroDivisionError

        rig.station.observe(fail)
        rig.station.observe(seen.append)
        await rig.trigger("A")
        await rig.until(lambda: rig.tag("ok"))
        assert seen
        assert "an observer failed" in caplog.text


async def test_a_trigger_from_within_a_step_says_what_is_wrong() -> None:
    async with running() as rig:
        caught: list[str] = []

        def misuse(step: Step) -> None:
            if isinstance(step.event, ev.Exposed):
                try:
                    rig.station.trigger("from a callback", JOB)
                except RuntimeError as error:
                    caught.append(str(error))

        rig.station.observe(misuse)
        await rig.trigger("A")
        await rig.until(lambda: bool(caught))
        assert "within a step" in caught[0]
        await rig.until(lambda: rig.tag("result_valid"))

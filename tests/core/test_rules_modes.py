"""H25 to H27 and H29: automatic mode, halt, no recipe, simulation."""

from typing import Any

import pytest

from gateway.core import actions as act
from gateway.core import calls
from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.errors import ErrorCode, OfflineReason, RejectReason
from gateway.core.result import Judgement, Origin, Reason, Verdict
from tests.core.driver import NOK, OK, UNDEFINED, Rig, offline, rejected, rig

RESETS: dict[str, ev.Event] = {"bit": ev.PlcWrote(Commands(reset=True)), "call": calls.ResetAsked()}
JOB = Origin(by="job", job_id="J1", meas_id="M1", product_id="P1")


def _reset(bench: Rig, how: str) -> Rig:
    return bench.happen(RESETS[how])


# ---- H25: automatic mode ----------------------------------------------------------------------------------------


def test_h25_automatic_mode_enables_as_the_bit_does() -> None:
    bench = rig(enabled=False).reads(ready=False, state=1)
    bench.happen(calls.AutomaticAsked()).reads(ready=True, state=2)
    assert not bench.state.commands.enable, "the control tags are the PLC's"
    bench.happen(ev.TriggerAsked(5, "called"))
    assert [start.part_id for start in bench.did(act.Start)] == ["called"]
    bench.answer(1).trigger("by tags")
    bench.answer(2).reads(result_part_id="by tags", ok=True)


@pytest.mark.parametrize("how", RESETS)
def test_h25_reset_ends_it(how: str) -> None:
    bench = _reset(rig(enabled=False).happen(calls.AutomaticAsked()), how)
    bench.reads(ready=False, online=True, state=1)
    bench.happen(ev.TriggerAsked(1))
    rejected(bench, RejectReason.NOT_ENABLED)


def test_h25_a_halt_ends_it() -> None:
    bench = rig(enabled=False).happen(calls.AutomaticAsked()).happen(calls.HaltAsked())
    assert not bench.state.automatic


def test_h25_a_falling_enable_ends_it_and_cancels() -> None:
    bench = rig().happen(calls.AutomaticAsked()).write(trigger=True)
    bench.write(enable=False).reads(no_decision=True, reason=Reason.CANCELLED, ready=False, busy=False)
    bench.write(trigger=False).reads(state=1, ready=False)


def test_h25_enable_that_stays_0_ends_nothing() -> None:
    bench = rig(enabled=False).happen(calls.AutomaticAsked())
    bench.write(part_id="X").write(plc_heartbeat=1).reads(ready=True)
    bench.write(enable=True).reads(ready=True)


# ---- H26: halt --------------------------------------------------------------------------------------------------


def test_h26_a_halt_answers_and_shows_what_is_in_flight() -> None:
    bench = rig(max_in_flight=2)
    bench.trigger("A")
    bench.expose(1).trigger("B")
    bench.happen(calls.HaltAsked())
    offline(bench, OfflineReason.HALTED)
    assert [(r.part_id, r.judgement.reason) for r in bench.results] == [(part, Reason.CANCELLED) for part in "AB"]
    bench.reads(busy=False, result_valid=True, no_decision=True, result_part_id="B", trigger_ack=False, error=False)
    assert [cancel.inspection_id for cancel in bench.did(act.Cancel)] == [1, 2]


def test_h26_a_halt_takes_trigger_ack_back_and_lets_nothing_in() -> None:
    bench = rig().write(trigger=True).happen(calls.HaltAsked()).reads(trigger_ack=False)
    rejected(bench.write(trigger=False).write(trigger=True), RejectReason.OFFLINE)
    bench.happen(ev.TriggerAsked(4))
    assert bench.did(act.Reject) == [act.Reject(4, RejectReason.OFFLINE)]


def test_h26_a_recipe_change_under_way_fails() -> None:
    bench = rig().write(change_recipe=True, recipe_request=2).happen(calls.HaltAsked())
    bench.reads(recipe=1, recipe_error=True, error_code=ErrorCode.RECIPE_FAILED)
    assert len(bench.did(act.AbandonRecipe)) == 1
    bench.happen(ev.RecipePrepared(1)).reads(recipe=1)


@pytest.mark.parametrize("how", RESETS)
def test_h26_reset_and_nothing_else_ends_it(how: str) -> None:
    bench = rig().happen(calls.HaltAsked())
    for event in (calls.AutomaticAsked(), ev.CameOnline(OfflineReason.OPERATOR), calls.AbortAsked(), calls.HaltAsked()):
        offline(bench.happen(event), OfflineReason.HALTED)
    offline(bench.write(enable=False).write(enable=True), OfflineReason.HALTED)
    _reset(bench, how).reads(online=True)
    bench.write(reset=False, enable=False).write(enable=True).reads(ready=True)


# ---- H27: no recipe ---------------------------------------------------------------------------------------------


def test_h27_without_a_recipe_triggers_are_rejected_and_the_number_stays() -> None:
    bench = rig().happen(calls.UnprepareAsked(1)).reads(ready=False, online=True, recipe=1, state=8)
    assert not bench.did(act.Refused)
    rejected(bench.write(trigger=True), RejectReason.NO_RECIPE)
    bench.happen(ev.TriggerAsked(2, recipe=1))
    assert bench.did(act.Reject) == [act.Reject(2, RejectReason.NO_RECIPE)]


def test_h27_a_change_that_succeeds_ends_it_also_to_the_same_recipe() -> None:
    bench = rig().happen(calls.UnprepareAsked(1)).happen(ev.RecipeAsked(2, 1))
    bench.happen(ev.RecipePrepared(1)).reads(ready=True, recipe=1)


def test_h27_a_change_that_fails_leaves_it() -> None:
    bench = rig().happen(calls.UnprepareAsked(1)).happen(ev.RecipeAsked(2, 2))
    bench.happen(ev.RecipePrepared(1, ErrorCode.RECIPE_FAILED)).reads(ready=False, recipe=1, state=8)


@pytest.mark.parametrize("how", RESETS)
def test_h27_reset_ends_it(how: str) -> None:
    bench = _reset(rig().happen(calls.UnprepareAsked(1)), how)
    bench.write(reset=False, enable=True).reads(ready=True, recipe=1)


def test_h27_it_is_refused_while_anything_is_under_way() -> None:
    bench = rig(max_in_flight=2)
    bench.trigger()
    bench.happen(calls.UnprepareAsked(7))
    assert bench.did(act.Refused) == [act.Refused(7, ErrorCode.RECIPE_BUSY)]
    bench.answer(1).happen(ev.RecipeAsked(1, 2)).happen(calls.UnprepareAsked(8))
    assert bench.did(act.Refused) == [act.Refused(8, ErrorCode.RECIPE_BUSY)]
    bench.happen(ev.RecipePrepared(1)).happen(calls.RunAsked(3)).happen(calls.UnprepareAsked(9))
    assert bench.did(act.Refused) == [act.Refused(9, ErrorCode.RECIPE_BUSY)]
    bench.reads(error=False)


# ---- H29: simulation --------------------------------------------------------------------------------------------


def _simulating(**options: Any) -> Rig:
    bench = rig(**options)
    bench.answer(bench.trigger("real"), OK)
    return bench.happen(calls.SimulationAsked(1, True))


def test_h29_for_the_plc_the_station_is_offline_for_calls_it_works() -> None:
    bench = _simulating()
    offline(bench, OfflineReason.SIMULATION)
    rejected(bench.write(trigger=True), RejectReason.OFFLINE)
    bench.write(trigger=False).happen(ev.TriggerAsked(2, "S", 0, 0, JOB))
    (start,) = bench.did(act.Start)
    assert (start.origin.simulated, start.origin.job_id, start.part_id, start.token) == (True, "J1", "S", 2)


@pytest.mark.parametrize("judgement", [OK, NOK, UNDEFINED])
def test_h29_a_simulated_answer_changes_no_tag_but_goes_to_the_journal(judgement: Judgement) -> None:
    bench = _simulating()
    before = bench.tags
    bench.happen(ev.TriggerAsked(2, "S", 0, 0, JOB)).reads(**{**before, "busy": True})
    bench.expose(2).answer(2, judgement)
    bench.reads(**before)
    (record,) = bench.did(act.Record)
    assert not record.presented
    assert (record.result.part_id, record.result.verdict) == ("S", judgement.verdict)
    assert (record.result.result_seq, record.result.trigger_seq) == (0, 0)
    assert record.result.origin.simulated
    assert record.result.exposed_at > 0


def test_h29_a_simulated_verdict_is_never_ok_on_the_tags_whatever_happens() -> None:
    bench = rig().happen(calls.SimulationAsked(1, True)).happen(ev.TriggerAsked(2)).answer(1, OK)
    bench.happen(calls.SimulationAsked(3, False)).reads(online=True, ready=True, result_valid=False, ok=False)
    assert not any(tags["ok"] or tags["result_valid"] for tags in bench.trace)
    bench.reads(count_triggers=0, count_ok=0, trigger_seq_accepted=0, result_seq=0)


def test_h29_a_full_fifo_is_no_obstacle() -> None:
    bench = rig(buffered=True, result_depth=1)
    bench.answer(bench.trigger("real"), OK)
    bench.happen(calls.SimulationAsked(1, True)).happen(ev.TriggerAsked(2)).answer(2, NOK)
    assert len(bench.did(act.Record)) == 1
    bench.reads(ok=True, result_part_id="real", results_pending=0)


def test_h29_time_out_abort_and_halt_answer_the_caller_alone() -> None:
    bench = _simulating(inspection_timeout_ms=100)
    for event, ms in ((ev.Tick(), 100), (calls.AbortAsked(), 1), (calls.HaltAsked(), 1)):
        before = {**bench.tags, "heartbeat": 0}
        bench.happen(ev.TriggerAsked(2)).happen(event, ms)
        (record,) = bench.did(act.Record)
        assert (record.presented, record.result.verdict) == (False, Verdict.NO_DECISION)
        same = ("result_valid", "result_seq", "ok", "error_count", "count_no_decision", "result_part_id")
        bench.reads(**{name: before[name] for name in same})


def test_h29_other_reasons_to_be_offline_and_a_low_enable_hold_for_calls_too() -> None:
    bench = _simulating().write(enable=False).happen(ev.TriggerAsked(1))
    assert bench.did(act.Reject) == [act.Reject(1, RejectReason.NOT_ENABLED)]
    bench.write(enable=True, set_offline=True).happen(ev.TriggerAsked(2))
    assert bench.did(act.Reject) == [act.Reject(2, RejectReason.OFFLINE)]
    bench.reads(count_missed=0, trigger_rejected=False)


def test_h29_the_mode_changes_only_when_nothing_is_under_way() -> None:
    bench = rig()
    bench.trigger()
    bench.happen(calls.SimulationAsked(5, True)).reads(online=True)
    assert bench.did(act.Refused) == [act.Refused(5, RejectReason.BUSY)]
    bench.answer(1).happen(calls.SimulationAsked(6, True)).happen(ev.TriggerAsked(7))
    bench.happen(calls.SimulationAsked(8, False))
    assert bench.did(act.Refused) == [act.Refused(8, RejectReason.BUSY)]
    offline(bench, OfflineReason.SIMULATION)
    bench.answer(2).happen(calls.SimulationAsked(9, False)).reads(ready=True, online=True)
    assert not bench.did(act.Refused)


@pytest.mark.parametrize("how", RESETS)
def test_h29_reset_ends_it_also_with_an_inspection_in_flight(how: str) -> None:
    bench = _reset(_simulating().happen(ev.TriggerAsked(2, "S")), how)
    (record,) = bench.did(act.Record)
    assert (record.presented, record.result.judgement.reason) == (False, Reason.RESET)
    bench.write(reset=False, enable=True).reads(online=True, ready=True)

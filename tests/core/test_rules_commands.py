"""H15 to H20: enable, abort, reset, offline, recipes, several commands at once, the latched error."""

from itertools import combinations

import pytest

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.errors import Cause, ErrorCode, Fault, OfflineReason, RejectReason
from gateway.core.result import Reason
from tests.core.driver import NOK, OK, Rig, offline, rejected, rig

PEKAT_DOWN = Fault(ErrorCode.INSPECTOR_DOWN, Cause.INSPECTOR)
CAMERA_DOWN = Fault(ErrorCode.SOURCE_DOWN, Cause.SOURCE)

# ---- H15: enable falling, abort ---------------------------------------------------------------------------------


def test_h15_enable_falling_cancels_and_answers_what_is_in_flight() -> None:
    bench = rig(max_in_flight=2)
    bench.expose(bench.trigger("one"))
    bench.write(trigger=True, part_id="two").write(enable=False)
    bench.reads(trigger_ack=False, busy=False, ready=False, no_decision=True, reason=Reason.CANCELLED, error=False)
    assert [(record.result.part_id, record.presented) for record in bench.did(act.Record)] == [
        ("one", True),
        ("two", True),
    ]
    bench.answer(2, OK).reads(ok=False)


def test_h15_results_stay_when_enable_falls() -> None:
    bench = rig(buffered=True)
    bench.answer(bench.trigger(), NOK)
    bench.answer(bench.trigger())
    bench.write(enable=False).reads(nok=True, result_seq=1, results_pending=1)
    bench.write(result_ack_seq=1).reads(ok=True, result_seq=2)


def test_h15_abort_does_the_same_and_stays_enabled() -> None:
    bench = rig().write(trigger=True).write(abort=True)
    bench.reads(trigger_ack=False, busy=False, no_decision=True, reason=Reason.CANCELLED, ready=True)
    bench.write(trigger=False, abort=False).write(trigger=True).reads(count_triggers=2)


def test_h15_abort_lets_an_answer_out_that_waited_for_an_older_one() -> None:
    bench = rig(max_in_flight=2, buffered=True)
    bench.expose(bench.trigger())
    bench.expose(bench.trigger())
    bench.answer(2, NOK).write(abort=True)
    assert [result.judgement.reason for result in bench.results] == [Reason.CANCELLED, Reason.NONE]
    bench.write(result_ack_seq=1).reads(nok=True)


# ---- H16: reset -------------------------------------------------------------------------------------------------


def _messy() -> Rig:
    """Everything at once: a result presented, one waiting, one in flight, a rejection, an overrun, an error."""
    bench = rig(buffered=True, result_depth=3)
    bench.answer(bench.trigger(), NOK)
    bench.answer(bench.trigger(), OK)
    bench.trigger("flying")
    bench.write(trigger=True).write(trigger=False, result_ack_seq=999)
    bench.reads(error=True, trigger_rejected=True, results_pending=1, busy=True, exposure_done=False)
    return bench


def test_h16_reset_clears_everything_in_one_step() -> None:
    bench = _messy().write(reset=True)
    bench.reads(result_valid=False, results_pending=0, busy=False, error=False, error_code=0, trigger_rejected=False)
    bench.reads(overrun=False, ready=True, verdict=0, result_part_id="", trigger_ack=False)


def test_h16_reset_answers_what_was_in_flight_in_the_journal_only() -> None:
    bench = _messy().write(reset=True)
    (record,) = bench.did(act.Record)
    assert (record.result.judgement.reason, record.presented) == (Reason.RESET, False)
    bench.reads(count_no_decision=1, count_triggers=3)
    bench.write(reset=False).answer(record.result.inspection_id).reads(result_valid=False)


def test_h16_counters_and_numbers_go_on_so_that_a_gap_shows() -> None:
    bench = _messy().write(reset=True).write(reset=False)
    bench.reads(result_seq=1, count_nok=1, count_ok=1, count_missed=1)
    bench.answer(bench.trigger())
    bench.reads(result_seq=4, trigger_seq_accepted=4, count_triggers=4)


def test_h16_reset_together_with_all_bits_low_is_only_a_reset() -> None:
    bench = rig()
    bench.trigger()
    bench.write(enable=False, trigger=False, reset=True)
    (record,) = bench.did(act.Record)
    assert (record.result.judgement.reason, record.presented) == (Reason.RESET, False)
    bench.reads(result_seq=0, result_toggle=False, result_valid=False)


def test_h16_reset_ends_a_recipe_change_and_keeps_the_old_recipe() -> None:
    bench = rig().write(change_recipe=True, recipe_request=2).write(reset=True)
    assert bench.did(act.AbandonRecipe) == [act.AbandonRecipe(1)]
    bench.reads(recipe=1, recipe_ack=False, recipe_error=False, ready=True, error=False)
    bench.happen(ev.RecipePrepared(1)).reads(recipe=1)


def test_h16_reset_works_offline_disabled_and_unanswered_and_before_all_else() -> None:
    bench = rig(enabled=False).happen(ev.WentOffline(OfflineReason.OPERATOR)).write(reset=True)
    bench.reads(error=False, online=False)
    bench.write(reset=False).happen(ev.CameOnline(OfflineReason.OPERATOR)).write(enable=True).reads(ready=True)


def test_h16_reset_shows_the_next_fault_that_still_stands() -> None:
    bench = rig().write(result_ack=True).happen(ev.PartFailed(PEKAT_DOWN)).write(reset=True)
    bench.reads(error_code=ErrorCode.INSPECTOR_DOWN)


# ---- H17: offline -----------------------------------------------------------------------------------------------


def test_h17_set_offline_finishes_what_is_in_flight() -> None:
    bench = rig()
    bench.trigger()
    bench.write(set_offline=True)
    offline(bench, OfflineReason.PLC)
    bench.answer(1).reads(ok=True, result_valid=True)
    rejected(bench.write(trigger=True), RejectReason.OFFLINE)
    bench.write(set_offline=False, trigger=False).reads(online=True, ready=True, offline_reason=0)


def test_h17_the_gravest_reason_shows_and_all_must_go() -> None:
    bench = rig().write(set_offline=True).happen(ev.PartFailed(PEKAT_DOWN, OfflineReason.INSPECTOR))
    bench.happen(ev.WentOffline(OfflineReason.OPERATOR))
    offline(bench, OfflineReason.INSPECTOR)
    bench.happen(ev.PartRecovered(PEKAT_DOWN, OfflineReason.INSPECTOR))
    offline(bench, OfflineReason.OPERATOR)
    bench.happen(ev.CameOnline(OfflineReason.OPERATOR))
    offline(bench, OfflineReason.PLC)
    bench.write(set_offline=False).reads(online=True, ready=True)


def test_h17_a_part_that_fails_need_not_take_the_station_offline() -> None:
    bench = rig().happen(ev.PartFailed(CAMERA_DOWN))
    bench.reads(online=True, ready=True, error_code=ErrorCode.SOURCE_DOWN, error_cause=Cause.SOURCE)


# ---- H18: recipes -----------------------------------------------------------------------------------------------


def test_h18_a_change_takes_ready_away_and_ends_in_recipe_ack() -> None:
    bench = rig().write(change_recipe=True, recipe_request=2)
    assert bench.did(act.PrepareRecipe) == [act.PrepareRecipe(1, 2)]
    bench.reads(ready=False, recipe=1, recipe_ack=False)
    bench.happen(ev.RecipePrepared(1)).reads(ready=True, recipe=2, recipe_ack=True, error=False)
    bench.write(change_recipe=False).reads(recipe_ack=False, recipe=2)
    assert bench.write(trigger=True).did(act.Start)[0].recipe == 2


@pytest.mark.parametrize("ending", [ErrorCode.RECIPE_FAILED, ErrorCode.RECIPE_TIMEOUT])
def test_h18_where_it_fails_the_old_recipe_stays_in_force(ending: ErrorCode) -> None:
    bench = rig(recipe_timeout_ms=300).write(change_recipe=True, recipe_request=2)
    if ending is ErrorCode.RECIPE_FAILED:
        bench.happen(ev.RecipePrepared(1, ending))
    else:
        bench.pass_ms(300)
        assert bench.did(act.AbandonRecipe) == [act.AbandonRecipe(1)]
    bench.reads(recipe=1, recipe_error=True, recipe_ack=False, error_code=ending, ready=True)
    bench.reads(error_cause=Cause.CHANGE_RECIPE)
    bench.happen(ev.RecipePrepared(1)).reads(recipe=1, recipe_error=True)
    bench.write(change_recipe=False).reads(recipe_error=False)


def test_h18_it_is_refused_while_anything_is_in_flight_or_changing_or_unknown() -> None:
    bench = rig().write(trigger=True).write(change_recipe=True, recipe_request=2)
    bench.reads(recipe_error=True, error_code=ErrorCode.RECIPE_BUSY, busy=True, recipe=1)
    bench = rig().write(change_recipe=True, recipe_request=3)
    bench.reads(recipe_error=True, error_code=ErrorCode.RECIPE_UNKNOWN, ready=True)
    bench = rig().happen(ev.RecipeAsked(5, 2)).happen(ev.RecipeAsked(6, 1))
    assert bench.did(act.RecipeSettled) == [act.RecipeSettled(6, ErrorCode.RECIPE_BUSY)]
    assert bench.happen(ev.RecipePrepared(1)).did(act.RecipeSettled) == [act.RecipeSettled(5, ErrorCode.NONE)]
    bench.reads(recipe=2, recipe_ack=False)


def test_h18_the_end_of_an_older_change_is_not_told_as_that_of_a_refused_one() -> None:
    bench = rig().write(change_recipe=True, recipe_request=2).write(change_recipe=False)
    bench.write(change_recipe=True, recipe_request=1).reads(recipe_error=True)
    bench.happen(ev.RecipePrepared(1)).reads(recipe_error=True, recipe_ack=False, recipe=2)


# ---- H19: several commands --------------------------------------------------------------------------------------

EDGES: dict[str, dict[str, int]] = {
    "trigger": {"trigger": True},
    "trigger_seq": {"trigger_seq": 9},
    "abort": {"abort": True},
    "flush_results": {"flush_results": True},
    "change_recipe": {"change_recipe": True, "recipe_request": 2},
}


@pytest.mark.parametrize("pair", list(combinations(EDGES, 2)), ids="-".join)
def test_h19_of_two_commands_at_once_none_is_executed(pair: tuple[str, str]) -> None:
    bench = rig(buffered=True, max_in_flight=2)
    bench.answer(bench.trigger())
    bench.answer(bench.trigger())
    bench.expose(bench.trigger())
    bench.write(**EDGES[pair[0]], **EDGES[pair[1]])
    bench.reads(error_code=ErrorCode.SEVERAL_COMMANDS, error_cause=Cause.COMMANDS, count_triggers=3)
    bench.reads(results_pending=1, busy=True, recipe=1, trigger_ack=False)
    assert not bench.actions
    triggers = int("trigger" in pair or "trigger_seq" in pair)
    bench.reads(count_missed=triggers, reject_reason=int(RejectReason.SEVERAL_COMMANDS) * triggers)


@pytest.mark.parametrize("other", EDGES)
def test_h19_reset_among_them_is_executed_alone(other: str) -> None:
    bench = rig().write(reset=True, **EDGES[other])
    bench.reads(error=False, error_count=0, count_triggers=0, count_missed=0, ready=True, recipe=1)
    assert not bench.actions


# ---- H20: the latched error -------------------------------------------------------------------------------------


def test_h20_the_first_error_stays_and_later_ones_only_count() -> None:
    bench = rig().write(result_ack=True).write(change_recipe=True, recipe_request=99)
    bench.reads(error_code=ErrorCode.ACK_WITHOUT_RESULT, error_cause=Cause.RESULT_ACK, error_count=2)
    bench.write(error_ack=True).reads(error=False, error_code=0, error_cause=0, error_count=2)


def test_h20_after_the_ack_the_next_one_shows_if_it_still_stands() -> None:
    bench = rig().write(result_ack=True)
    bench.happen(ev.PartFailed(PEKAT_DOWN)).happen(ev.PartFailed(CAMERA_DOWN)).happen(ev.PartRecovered(PEKAT_DOWN))
    bench.reads(error_code=ErrorCode.ACK_WITHOUT_RESULT, error_count=3)
    bench.pulse("error_ack").reads(error_code=ErrorCode.SOURCE_DOWN)
    bench.happen(ev.PartRecovered(CAMERA_DOWN)).reads(error_code=ErrorCode.SOURCE_DOWN)
    bench.pulse("error_ack").reads(error=False)


def test_h20_error_ack_is_an_edge_and_an_error_stops_no_inspection() -> None:
    bench = rig().write(error_ack=True).write(result_ack=True).reads(error=True, ready=True)
    bench.write(error_ack=True).reads(error=True)
    bench.answer(bench.trigger()).reads(ok=True, error=True)


def test_h20_a_fault_that_is_reported_again_counts_once() -> None:
    bench = rig().happen(ev.PartFailed(PEKAT_DOWN)).happen(ev.PartFailed(PEKAT_DOWN))
    bench.reads(error_count=1)

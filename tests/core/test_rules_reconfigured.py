"""H35: recipes and times change while the station runs, and nothing that is under way notices."""

from dataclasses import replace
from typing import Any

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.errors import ErrorCode
from gateway.core.result import Reason
from tests.core.driver import NOK, REVIEW, Rig, rig


def reconfigured(bench: Rig, *recipes: int, **options: Any) -> Rig:
    """These recipes, and of the options those that are given."""
    return bench.happen(ev.Reconfigured(frozenset(recipes or {1, 2}), replace(bench.state.options, **options)))


def test_h35_a_new_recipe_can_be_changed_to_and_one_that_went_cannot() -> None:
    bench = reconfigured(rig(), 1, 7)
    bench.write(change_recipe=True, recipe_request=2).reads(recipe_error=True, error_code=ErrorCode.RECIPE_UNKNOWN)
    bench.write(change_recipe=False).write(change_recipe=True, recipe_request=7)
    assert [change.recipe for change in bench.did(act.PrepareRecipe)] == [7]


def test_h35_what_is_in_flight_keeps_its_deadline_and_the_next_has_the_new_one() -> None:
    bench = rig(max_in_flight=2)
    bench.expose(bench.trigger())
    reconfigured(bench, inspection_timeout_ms=100).pass_ms(200).reads(busy=True, result_valid=False)
    bench.pass_ms(5_000).reads(reason=Reason.TIMEOUT, result_seq=1)
    bench.trigger()
    bench.pass_ms(100).reads(reason=Reason.TIMEOUT, result_seq=2)


def test_h35_results_numbers_and_commands_stay() -> None:
    bench = rig(buffered=True).write(trigger=True, part_id="P").answer(1)
    before = bench.tags
    reconfigured(bench, 1, 2, 3, stop_after_nok=5, decision_deadline_ms=100)
    assert {**bench.tags, "heartbeat": 0} == {**before, "heartbeat": 0}
    assert bench.actions == ()


def test_h35_a_shorter_time_for_acknowledging_counts_at_once() -> None:
    bench = rig(buffered=True)
    bench.answer(bench.trigger())
    bench.pass_ms(3_000).reads(error=False)
    reconfigured(bench, ack_timeout_ms=2_000).reads(error_code=ErrorCode.ACK_OVERDUE)


def test_h35_a_recipe_change_under_way_keeps_its_deadline() -> None:
    bench = reconfigured(rig().write(change_recipe=True, recipe_request=2), recipe_timeout_ms=10).pass_ms(1_000)
    bench.reads(recipe_error=False)
    bench.happen(ev.RecipePrepared(1)).reads(recipe_ack=True, recipe=2)


def test_h35_the_decision_deadline_counts_from_the_next_trigger_on() -> None:
    bench = rig(max_in_flight=2)
    bench.expose(bench.trigger())
    reconfigured(bench, decision_deadline_ms=200, late_is_nok=True).pass_ms(1_000).reads(busy=True)
    bench.answer(1).reads(ok=True)
    bench.expose(bench.trigger())
    bench.pass_ms(200).reads(nok=True, reason=Reason.TOO_LATE)
    reconfigured(bench, decision_deadline_ms=0)
    bench.expose(bench.trigger())
    bench.pass_ms(1_000).reads(count_nok=1, busy=True)


def test_h35_an_alarm_that_is_new_goes_by_the_row_so_far_and_one_that_is_gone_begins_anew() -> None:
    bench = rig(stop_after_nok=3)
    bench.answer(bench.trigger(), NOK).answer(bench.trigger(), NOK)
    reconfigured(bench, stop_after_nok=2).reads(stop_line=False)
    bench.answer(bench.trigger(), REVIEW).reads(stop_line=False)
    bench.answer(bench.trigger(), NOK).reads(stop_line=True)
    bench.pulse("error_ack").answer(bench.trigger(), NOK)
    reconfigured(reconfigured(bench, stop_after_nok=0), stop_after_nok=2)
    bench.answer(bench.trigger(), NOK).reads(stop_line=False)

"""H35: recipes and times change while the station runs, and nothing that is under way notices."""

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.errors import ErrorCode
from gateway.core.result import Reason
from tests.core.driver import rig


def reconfigured(
    *recipes: int, inspection_ms: int = 5_000, ack_ms: int = 10_000, recipe_ms: int = 30_000
) -> ev.Reconfigured:
    return ev.Reconfigured(frozenset(recipes), inspection_ms, ack_ms, recipe_ms)


def test_h35_a_new_recipe_can_be_changed_to_and_one_that_went_cannot() -> None:
    bench = rig().happen(reconfigured(1, 7))
    bench.write(change_recipe=True, recipe_request=2).reads(recipe_error=True, error_code=ErrorCode.RECIPE_UNKNOWN)
    bench.write(change_recipe=False).write(change_recipe=True, recipe_request=7)
    assert [change.recipe for change in bench.did(act.PrepareRecipe)] == [7]


def test_h35_what_is_in_flight_keeps_its_deadline_and_the_next_has_the_new_one() -> None:
    bench = rig(max_in_flight=2)
    bench.expose(bench.trigger())
    bench.happen(reconfigured(1, 2, inspection_ms=100)).pass_ms(200).reads(busy=True, result_valid=False)
    bench.pass_ms(5_000).reads(reason=Reason.TIMEOUT, result_seq=1)
    bench.trigger()
    bench.pass_ms(100).reads(reason=Reason.TIMEOUT, result_seq=2)


def test_h35_results_numbers_and_commands_stay() -> None:
    bench = rig(buffered=True).write(trigger=True, part_id="P").answer(1)
    before = bench.tags
    bench.happen(reconfigured(1, 2, 3))
    assert {**bench.tags, "heartbeat": 0} == {**before, "heartbeat": 0}
    assert bench.actions == ()


def test_h35_a_shorter_time_for_acknowledging_counts_at_once() -> None:
    bench = rig(buffered=True)
    bench.answer(bench.trigger())
    bench.pass_ms(3_000).reads(error=False)
    bench.happen(reconfigured(1, 2, ack_ms=2_000)).reads(error_code=ErrorCode.ACK_OVERDUE)


def test_h35_a_recipe_change_under_way_keeps_its_deadline() -> None:
    bench = rig().write(change_recipe=True, recipe_request=2).happen(reconfigured(1, 2, recipe_ms=10)).pass_ms(1_000)
    bench.reads(recipe_error=False)
    bench.happen(ev.RecipePrepared(1)).reads(recipe_ack=True, recipe=2)

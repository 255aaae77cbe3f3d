"""H3: a recipe's own time-out is the inspection's, longer or shorter than the station's; latched at the trigger."""

import pytest

from gateway.core import events as ev
from gateway.core.result import Reason
from tests.core.driver import Rig, rig


def changed_to(bench: Rig, recipe: int) -> Rig:
    change = bench.state.next_change_id
    bench.write(change_recipe=True, recipe_request=recipe).happen(ev.RecipePrepared(change))
    return bench.write(change_recipe=False)


@pytest.mark.parametrize("own_ms", [300, 9_000])
def test_h3_the_answer_is_due_by_the_time_of_the_recipe_in_force(own_ms: int) -> None:
    bench = changed_to(rig(inspection_timeout_ms=1_000, own_timeouts_ms={2: own_ms}), 2)
    bench.trigger()
    bench.pass_ms(own_ms - 5).reads(busy=True).pass_ms(5).reads(reason=Reason.TIMEOUT, result_recipe=2)


def test_h3_a_recipe_without_one_has_the_stations() -> None:
    bench = rig(inspection_timeout_ms=1_000, own_timeouts_ms={2: 9_000})
    bench.trigger()
    bench.pass_ms(995).reads(busy=True).pass_ms(5).reads(reason=Reason.TIMEOUT, result_recipe=1)


@pytest.mark.parametrize(("asked_ms", "due_ms"), [(0, 3_000), (500, 500), (9_000, 3_000)])
def test_h3_a_call_can_only_shorten_it(asked_ms: int, due_ms: int) -> None:
    bench = rig(inspection_timeout_ms=1_000, own_timeouts_ms={1: 3_000})
    bench.happen(ev.TriggerAsked(7, "P", 0, asked_ms)).pass_ms(due_ms - 1).reads(busy=True)
    bench.pass_ms(1).reads(reason=Reason.TIMEOUT, busy=False)


def test_h36_the_decision_deadline_comes_first_where_the_recipe_has_longer() -> None:
    bench = rig(inspection_timeout_ms=1_000, decision_deadline_ms=200, own_timeouts_ms={1: 3_000})
    bench.expose(bench.trigger())
    accepted_at = bench.state.flight[0].accepted_at
    bench.pass_ms(200).reads(reason=Reason.TIMEOUT)
    assert [one.work_by for one in bench.state.overdue] == [accepted_at + 3_000_000]

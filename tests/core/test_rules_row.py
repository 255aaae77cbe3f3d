"""H34: so many parts NOK in a row that the line should stop; and REVIEW, which is no fault."""

import pytest

from gateway.core import calls
from gateway.core import events as ev
from gateway.core.errors import Cause, ErrorCode
from gateway.core.result import Judgement, Reason, no_decision
from tests.core.driver import NOK, OK, REVIEW, UNDEFINED, Rig, rig


def judged(bench: Rig, *answers: Judgement) -> Rig:
    """One part after the other."""
    for answer in answers:
        bench.answer(bench.trigger(), answer)
    return bench


def test_h34_so_many_parts_nok_in_a_row_raise_the_alarm() -> None:
    bench = judged(rig(stop_after_nok=3), NOK, NOK).reads(stop_line=False, error=False)
    judged(bench, NOK).reads(stop_line=True, error_code=ErrorCode.NOK_IN_A_ROW, error_cause=Cause.INSPECTION)
    bench.reads(error_count=1, ready=True, nok=True, reason=Reason.NONE)


def test_h34_only_an_ok_ends_the_row() -> None:
    judged(rig(stop_after_nok=2), NOK, OK, NOK, OK, NOK).reads(stop_line=False)
    judged(rig(stop_after_nok=2), NOK, REVIEW, NOK).reads(stop_line=True)
    judged(rig(stop_after_nok=2), NOK, no_decision(Reason.CANCELLED), NOK).reads(stop_line=True)


def test_h34_without_the_option_nothing_is_ever_raised() -> None:
    judged(rig(), *[NOK] * 50).reads(stop_line=False, error=False)


def test_h34_parts_without_a_decision_raise_nothing() -> None:
    judged(rig(stop_after_nok=2), *[REVIEW] * 9).reads(stop_line=False, error=False)


def test_h34_it_stands_until_it_is_acknowledged_also_when_good_parts_come() -> None:
    bench = judged(rig(stop_after_nok=2), NOK, NOK, OK, OK).reads(stop_line=True)
    bench.pulse("error_ack").reads(stop_line=False, error=False)
    judged(bench, NOK).reads(stop_line=False)
    judged(bench, NOK).reads(stop_line=True, error_count=2)


def test_h34_while_it_stands_no_further_row_is_counted() -> None:
    bench = judged(rig(stop_after_nok=2), NOK, NOK, NOK).reads(error_count=1).pulse("error_ack")
    judged(bench, NOK).reads(stop_line=False)
    judged(bench, NOK).reads(stop_line=True)


def test_h34_behind_another_error_it_is_shown_after_that_one() -> None:
    bench = judged(rig(stop_after_nok=2), UNDEFINED, NOK, NOK)
    bench.reads(stop_line=True, error_code=ErrorCode.NO_DECISION_UNDEFINED, error_count=2)
    bench.pulse("error_ack").reads(stop_line=True, error_code=ErrorCode.NOK_IN_A_ROW)
    bench.pulse("error_ack").reads(stop_line=False, error=False, error_count=2)


@pytest.mark.parametrize("first", [UNDEFINED, OK])
def test_h34_a_reset_ends_alarm_and_row(first: Judgement) -> None:
    bench = judged(rig(stop_after_nok=2), first, NOK, NOK).reads(stop_line=True)
    bench.pulse("reset").reads(stop_line=False, error=False)
    judged(bench, NOK).happen(calls.ResetAsked())
    judged(bench, NOK).reads(stop_line=False)


def test_h34_a_row_is_of_one_product() -> None:
    bench = judged(rig(stop_after_nok=2), NOK)
    bench.happen(ev.RecipeAsked(1, 2)).happen(ev.RecipePrepared(1)).reads(recipe=2)
    judged(bench, NOK).reads(stop_line=False)
    bench.happen(ev.RecipeAsked(1, 1)).happen(ev.RecipePrepared(2, ErrorCode.RECIPE_FAILED)).reads(recipe=2)
    judged(bench, NOK).reads(stop_line=True)  # a change that failed leaves the product, and its row


def test_h34_what_is_simulated_belongs_to_no_row() -> None:
    bench = rig(stop_after_nok=1).happen(calls.SimulationAsked(1, True))
    bench.happen(ev.TriggerAsked(2))
    bench.answer(bench.state.flight[-1].id, NOK).reads(stop_line=False, count_nok=0)


def test_h34_the_row_goes_by_the_order_of_the_parts() -> None:
    """Answers that overtake each other inside PEKAT leave in order (H9)."""
    bench = rig(stop_after_nok=2, max_in_flight=3)
    for seq in (1, 2, 3):
        bench.write(trigger_seq=seq).expose(seq)
    bench.answer(3, NOK).answer(2, OK).answer(1, NOK).reads(stop_line=False, count_nok=2)


def test_h34_a_part_to_be_looked_at_is_no_decision_and_no_error() -> None:
    bench = judged(rig(), REVIEW)
    bench.reads(no_decision=True, ok=False, nok=False, verdict=3, reason=Reason.REVIEW, error=False, error_count=0)


def test_h34_what_the_rules_could_not_check_is_an_error() -> None:
    bench = judged(rig(), no_decision(Reason.UNCHECKED))
    bench.reads(ok=False, no_decision=True, reason=24, error_code=124, error_cause=Cause.INSPECTION)

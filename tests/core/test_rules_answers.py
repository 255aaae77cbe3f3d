"""H7 to H10: every accepted trigger gets exactly one answer, in order, and a fault is never an OK."""

import pytest

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.errors import Cause, ErrorCode, Fault, OfflineReason
from gateway.core.result import NOT_A_FAULT, UNDECIDED, Judgement, Reason, Verdict, no_decision
from gateway.core.state import WatchdogAction
from tests.core.driver import NOK, OK, Rig, rig

# ---- H7: exactly one answer -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("judgement", "bit"), [(OK, "ok"), (NOK, "nok"), (no_decision(Reason.NO_IMAGE), "no_decision")]
)
def test_h7_an_answer_is_ok_nok_or_no_decision_with_a_reason(judgement: Judgement, bit: str) -> None:
    bench = rig()
    bench.trigger()
    bench.answer(1, judgement)
    bench.reads(**{bit: True, "verdict": int(judgement.verdict), "reason": int(judgement.reason), "busy": False})
    assert [result.judgement for result in bench.results] == [judgement]


def test_h7_at_its_deadline_it_is_answered_by_a_time_out() -> None:
    bench = rig(inspection_timeout_ms=5_000).write(trigger=True).write(trigger=False)
    bench.pass_ms(4_998).reads(busy=True)
    bench.pass_ms(1).reads(no_decision=True, reason=Reason.TIMEOUT, total_time_ms=5_000, busy=False)
    assert bench.did(act.Cancel) == [act.Cancel(1)]
    bench.reads(error_code=ErrorCode.NO_DECISION_TIMEOUT, error_cause=Cause.INSPECTION)


def test_h7_the_deadline_passes_before_an_answer_of_the_same_instant() -> None:
    bench = rig(inspection_timeout_ms=100).write(trigger=True)
    bench.answer(1, OK, after_ms=100)
    bench.reads(ok=False, no_decision=True, reason=Reason.TIMEOUT)
    assert len(bench.did(act.LateAnswer)) == 1


def test_h7_a_call_can_shorten_the_time_but_not_lengthen_it() -> None:
    bench = rig(inspection_timeout_ms=500).happen(ev.TriggerAsked(1, timeout_ms=200))
    assert bench.did(act.Start)[0].deadline == bench.now + 200_000
    bench = rig(inspection_timeout_ms=500).happen(ev.TriggerAsked(1, timeout_ms=9_999))
    assert bench.did(act.Start)[0].deadline == bench.now + 500_000


def test_h7_nobody_waits_past_its_deadline_for_an_older_one() -> None:
    """Answers leave in order (H9), so a younger inspection never gets an earlier deadline than an older one."""
    bench = rig(max_in_flight=2, inspection_timeout_ms=500).happen(ev.TriggerAsked(1)).expose(1)
    bench.happen(ev.TriggerAsked(2, timeout_ms=50)).expose(2)
    first, second = bench.all(act.Start)
    assert second.deadline == first.deadline
    bench.pass_ms(600)
    assert [result.inspection_id for result in bench.results] == [1, 2]


@pytest.mark.parametrize("way", ["enable", "abort", "reset", "stop", "watchdog"])
def test_h7_no_way_out_leaves_an_inspection_without_its_answer(way: str) -> None:
    bench = rig(max_in_flight=2, watchdog_ms=1_000, watchdog_action=WatchdogAction.CANCEL)
    bench.expose(bench.trigger())
    bench.trigger()
    match way:
        case "enable":
            bench.write(enable=False)
        case "stop":
            bench.happen(ev.Stopped())
        case "watchdog":
            bench.pass_ms(1_000)
        case _:
            bench.write(**{way: True})
    assert [(result.inspection_id, result.verdict) for result in bench.results] == [
        (1, Verdict.NO_DECISION),
        (2, Verdict.NO_DECISION),
    ]
    assert bench.did(act.Cancel) == [act.Cancel(1), act.Cancel(2)]
    bench.reads(busy=False, count_no_decision=2, error_code=ErrorCode.WATCHDOG if way == "watchdog" else 0)


def test_h7_shutdown_has_its_own_reason_and_accepts_nothing_more() -> None:
    bench = rig().write(trigger=True).happen(ev.Stopped())
    bench.reads(reason=Reason.SHUTDOWN, online=False, offline_reason=OfflineReason.STOPPING)
    bench.write(trigger=False).write(trigger=True).reads(count_triggers=1, count_missed=1)


def test_h7_shutdown_ends_a_recipe_change_too() -> None:
    bench = rig().happen(ev.RecipeAsked(9, 2)).happen(ev.Stopped())
    assert bench.did(act.AbandonRecipe) == [act.AbandonRecipe(1)]
    assert [settled.token for settled in bench.did(act.RecipeSettled)] == [9]


@pytest.mark.parametrize("reason", sorted(UNDECIDED))
def test_h7_each_reason_is_told_and_a_fault_is_latched(reason: Reason) -> None:
    bench = rig().write(trigger=True).answer(1, no_decision(reason))
    bench.reads(reason=int(reason), no_decision=True, error=reason not in NOT_A_FAULT)
    if reason not in NOT_A_FAULT:
        bench.reads(error_code=100 + reason, error_cause=int(Cause.INSPECTION))


# ---- H8: late and doubled ---------------------------------------------------------------------------------------


def _timed_out() -> Rig:
    bench = rig(inspection_timeout_ms=50).write(trigger=True)
    return bench.write(trigger=False).pass_ms(50)


def test_h8_a_late_answer_is_dropped_and_counted() -> None:
    bench = _timed_out()
    shown = bench.tags
    bench.answer(1, OK)
    assert bench.tags == shown
    assert bench.did(act.LateAnswer) == [act.LateAnswer(1, OK)]
    assert bench.state.counts.late == 1
    assert len(bench.results) == 1


def test_h8_a_late_answer_never_becomes_that_of_the_next_trigger() -> None:
    bench = _timed_out()
    assert bench.trigger("next") == 2
    bench.answer(1, OK).reads(busy=True, result_valid=False)
    bench.answer(2, NOK).reads(nok=True, result_part_id="next")


def test_h8_a_doubled_answer_is_dropped() -> None:
    bench = rig().write(trigger=True).answer(1, NOK).answer(1, OK)
    bench.reads(nok=True, ok=False, count_ok=0, count_nok=1)
    assert len(bench.all(act.LateAnswer)) == 1


def test_h8_a_doubled_answer_is_dropped_while_the_first_waits_for_its_turn() -> None:
    bench = rig(max_in_flight=2)
    bench.expose(bench.trigger())
    bench.trigger()
    bench.answer(2, NOK).answer(2, OK).answer(1, OK)
    assert [(result.inspection_id, result.verdict) for result in bench.results] == [(1, Verdict.OK), (2, Verdict.NOK)]


def test_h8_an_answer_that_nobody_asked_for_is_dropped() -> None:
    bench = rig().answer(99, OK)
    bench.reads(result_valid=False, result_seq=0, count_ok=0)
    assert bench.state.counts.late == 1


# ---- H9: order and echo -----------------------------------------------------------------------------------------


def test_h9_answers_leave_in_the_order_of_acceptance() -> None:
    bench = rig(max_in_flight=3)
    for part in ("a", "b", "c"):
        bench.expose(bench.trigger(part))
    bench.answer(3).answer(2, NOK)
    assert not bench.results
    bench.reads(result_valid=False, busy=True)
    bench.answer(1)
    assert [(result.part_id, result.result_seq) for result in bench.results] == [("a", 1), ("b", 2), ("c", 3)]


def test_h9_a_result_says_which_trigger_part_and_recipe_it_belongs_to() -> None:
    bench = rig().write(trigger_seq=700, part_id="P700").answer(1)
    bench.reads(result_seq=1, result_trigger_seq=700, result_part_id="P700", result_recipe=1)
    bench.write(change_recipe=True, recipe_request=2).happen(ev.RecipePrepared(1))
    bench.reads(recipe=2, result_recipe=1)


def test_h9_result_numbers_wrap_from_65535_to_1() -> None:
    bench = rig()
    bench.state.result_seq = 65534
    for expected in (65535, 1, 2):
        bench.answer(bench.trigger())
        bench.reads(result_seq=expected)


# ---- H10: ok only for an OK -------------------------------------------------------------------------------------


def test_h10_verdict_bits_fall_with_result_valid_and_the_values_stay() -> None:
    bench = rig().write(trigger_seq=3, part_id="P").answer(1).write(result_ack_seq=1)
    bench.reads(result_valid=False, ok=False, nok=False, no_decision=False)
    bench.reads(verdict=1, result_part_id="P", result_seq=1)


def test_h10_no_fault_of_any_part_lights_ok() -> None:
    bench = rig().write(trigger=True)
    bench.happen(ev.PartFailed(Fault(ErrorCode.INSPECTOR_DOWN, Cause.INSPECTOR), OfflineReason.INSPECTOR))
    bench.pass_ms(60_000).write(enable=False).pulse("error_ack")
    assert not any(tags["ok"] for tags in bench.trace)


def test_h10_a_result_that_was_superseded_is_no_longer_ok() -> None:
    bench = rig()
    bench.answer(bench.trigger())
    bench.reads(ok=True)
    bench.write(trigger=True).reads(ok=False, result_valid=False)

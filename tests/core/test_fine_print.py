"""The lines of "Fine print" in docs/handshake.md that no rule's test already proves."""

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.errors import Cause, ErrorCode, Fault, OfflineReason, RejectReason
from tests.core.driver import OK, Rig, fresh, rejected, rig


def test_a_rejected_number_is_used_up() -> None:
    bench = rig().write(set_offline=True, trigger_seq=5).write(set_offline=False).write(trigger_seq=5)
    bench.reads(count_triggers=0, count_missed=1, ready=True)
    bench.write(trigger_seq=6).reads(count_triggers=1)


def test_an_acknowledgement_number_that_was_there_before_the_result_does_not_count() -> None:
    bench = Rig(fresh()).write(buffer_results=True, result_ack_seq=1).write(enable=True)
    bench.answer(bench.trigger()).write(result_ack_seq=1).reads(result_valid=True, error=False)
    bench.write(result_ack_seq=0).write(result_ack_seq=1).reads(result_valid=False, error=False)


def test_an_acknowledgement_frees_its_place_for_a_trigger_in_the_same_write() -> None:
    bench = rig(buffered=True, result_depth=1).write(trigger_seq=1).answer(1)
    bench.reads(ready=False)
    bench.write(result_ack_seq=1, trigger_seq=2).reads(count_triggers=2, count_missed=0)


def test_a_number_counts_in_the_write_in_which_enable_rises_and_a_bit_does_not() -> None:
    bench = rig(enabled=False).write(enable=True, trigger=True, trigger_seq=1)
    bench.reads(count_triggers=1, trigger_seq_accepted=1, trigger_ack=False, error=False)


def test_a_recipe_change_among_several_commands_has_no_outcome() -> None:
    bench = rig().write(change_recipe=True, recipe_request=2, trigger=True)
    rejected(bench, RejectReason.SEVERAL_COMMANDS)
    bench.reads(recipe_ack=False, recipe_error=False, error_code=ErrorCode.SEVERAL_COMMANDS, trigger_ack=False)


def test_in_the_first_write_commands_are_edges_but_trigger_and_result_ack_are_none() -> None:
    bench = Rig(fresh()).write(change_recipe=True, recipe_request=2, trigger=True, result_ack=True, enable=True)
    assert bench.did(act.PrepareRecipe) == [act.PrepareRecipe(1, 2)]
    bench.reads(count_missed=0, error=False)


def test_what_waits_for_an_older_one_keeps_its_place_in_flight() -> None:
    bench = rig(max_in_flight=2)
    bench.expose(bench.trigger())
    bench.expose(bench.trigger())
    rejected(bench.answer(2).write(trigger=True), RejectReason.BUSY)


def test_reset_empties_the_values_and_keeps_the_number() -> None:
    bench = rig().write(trigger=True, part_id="P").answer(1).write(reset=True)
    bench.reads(verdict=0, result_part_id="", result_trigger_seq=0, result_seq=1)


def test_an_acknowledged_fault_that_still_stands_is_not_shown_again_until_it_comes_back() -> None:
    fault, reason = Fault(ErrorCode.INSPECTOR_DOWN, Cause.INSPECTOR), OfflineReason.INSPECTOR
    bench = rig().happen(ev.PartFailed(fault, reason)).pulse("error_ack")
    bench.reads(error=False, offline_reason=int(reason))
    bench.happen(ev.PartRecovered(fault, reason)).happen(ev.PartFailed(fault, reason))
    bench.reads(error_code=ErrorCode.INSPECTOR_DOWN)


def test_a_call_needs_ready_and_its_result_is_shown_to_the_plc_too() -> None:
    bench = rig().happen(ev.TriggerAsked(1, "called")).answer(1, OK)
    bench.reads(ok=True, result_part_id="called", trigger_seq_accepted=1, trigger_ack=False)
    bench.write(enable=False).happen(ev.TriggerAsked(2))
    assert bench.did(act.Reject) == [act.Reject(2, RejectReason.NOT_ENABLED)]
    bench.reads(count_missed=1)


def test_a_call_for_another_recipe_is_refused() -> None:
    bench = rig().happen(ev.TriggerAsked(1, recipe=2))
    assert bench.did(act.Reject) == [act.Reject(1, RejectReason.OTHER_RECIPE)]

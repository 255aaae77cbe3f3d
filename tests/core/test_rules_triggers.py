"""H1 to H6: what is a trigger, when it is accepted, what a rejection says."""

import pytest

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.errors import ErrorCode, OfflineReason, RejectReason
from tests.core.driver import NOK, Rig, fresh, offline, rejected, rig

# ---- H1: what is a trigger --------------------------------------------------------------------------------------


def test_h1_a_rising_edge_of_the_bit_is_one_trigger() -> None:
    bench = rig().write(trigger=True)
    assert len(bench.did(act.Start)) == 1
    bench.write(trigger=True).write(part_id="still held")
    assert len(bench.all(act.Start)) == 1
    bench.reads(count_missed=0)


def test_h1_a_rejected_bit_that_stays_high_is_not_tried_again() -> None:
    bench = rig().write(set_offline=True, trigger=True)
    bench.write(set_offline=False).reads(ready=True)
    bench.write(part_id="x").reads(count_triggers=0, count_missed=1)


def test_h1_each_new_number_is_one_trigger_and_repeating_it_is_none() -> None:
    bench = rig(max_in_flight=3).write(trigger_seq=17)
    assert [start.trigger_seq for start in bench.did(act.Start)] == [17]
    bench.expose(1).write(trigger_seq=17).write(trigger_seq=17, part_id="retry")
    assert len(bench.all(act.Start)) == 1
    bench.write(trigger_seq=9)
    assert [start.trigger_seq for start in bench.all(act.Start)] == [17, 9]


def test_h1_number_zero_is_no_trigger_and_arms_the_old_number_again() -> None:
    bench = rig().write(trigger_seq=5).answer(1).write(trigger_seq=0)
    assert len(bench.all(act.Start)) == 1
    bench.reads(count_missed=0)
    bench.write(trigger_seq=5)
    assert [start.trigger_seq for start in bench.all(act.Start)] == [5, 5]


def test_h1_without_ready_a_trigger_is_rejected() -> None:
    rejected(rig(enabled=False).write(trigger=True), RejectReason.NOT_ENABLED)
    rejected(rig(enabled=False).write(trigger_seq=4), RejectReason.NOT_ENABLED)


def test_h1_ready_counts_as_the_same_write_leaves_it() -> None:
    bench = rig(enabled=False).write(enable=True, trigger_seq=1)
    assert len(bench.did(act.Start)) == 1
    bench = rig().write(set_offline=True, trigger=True)
    rejected(bench, RejectReason.OFFLINE)


def test_h1_a_call_is_a_trigger_with_its_own_outcome() -> None:
    bench = rig().happen(ev.TriggerAsked(77, part_id="P"))
    (start,) = bench.did(act.Start)
    assert (start.token, start.part_id) == (77, "P")
    bench.happen(ev.TriggerAsked(78))
    assert bench.did(act.Reject) == [act.Reject(78, RejectReason.EXPOSING)]


# ---- H2: ready --------------------------------------------------------------------------------------------------


def test_h2_ready_needs_online() -> None:
    bench = rig().happen(ev.WentOffline(OfflineReason.OPERATOR))
    offline(bench, OfflineReason.OPERATOR)
    rejected(bench.write(trigger=True), RejectReason.OFFLINE)


def test_h2_ready_needs_enable() -> None:
    bench = rig().write(enable=False)
    bench.reads(ready=False, online=True)
    bench.write(enable=True).reads(ready=True)


def test_h2_ready_needs_the_recipe_to_stand() -> None:
    bench = rig().write(change_recipe=True, recipe_request=2)
    bench.reads(ready=False)
    rejected(bench.write(trigger=True), RejectReason.RECIPE_CHANGE)


def test_h2_ready_needs_trigger_ack_to_have_fallen() -> None:
    bench = rig().write(trigger=True).answer(1)
    bench.reads(trigger_ack=True, ready=False)
    rejected(bench.write(trigger_seq=500), RejectReason.TRIGGER_HELD)
    bench.write(trigger=False).reads(ready=True)


def test_h2_ready_needs_every_exposure_to_be_over() -> None:
    bench = rig(max_in_flight=2)
    bench.trigger()
    bench.reads(ready=False, exposure_done=False)
    rejected(bench.write(trigger=True), RejectReason.EXPOSING)
    bench.write(trigger=False).expose(1).reads(ready=True, exposure_done=True)


@pytest.mark.parametrize("most", [1, 2, 3])
def test_h2_ready_needs_a_free_place_in_flight(most: int) -> None:
    bench = rig(max_in_flight=most)
    for _ in range(most):
        bench.expose(bench.trigger())
    bench.reads(ready=False, busy=True)
    rejected(bench.write(trigger=True), RejectReason.BUSY)
    bench.write(trigger=False).answer(1).reads(ready=True)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_h2_ready_needs_a_place_for_the_result(depth: int) -> None:
    bench = rig(buffered=True, result_depth=depth)
    for _ in range(depth):
        bench.reads(ready=True)
        bench.answer(bench.trigger())
    bench.reads(ready=False, overrun=False, results_pending=depth - 1)
    rejected(bench.write(trigger=True), RejectReason.RESULTS_FULL)
    bench.write(trigger=False, result_ack=True).reads(ready=True)


def test_h2_a_place_in_the_fifo_is_promised_to_what_is_in_flight() -> None:
    bench = rig(buffered=True, max_in_flight=3, result_depth=2)
    bench.expose(bench.trigger())
    bench.expose(bench.trigger())
    rejected(bench.write(trigger=True), RejectReason.RESULTS_FULL)


def test_h2_free_running_needs_no_place() -> None:
    bench = rig(result_depth=1)
    for _ in range(4):
        bench.answer(bench.trigger())
    bench.reads(ready=True, count_ok=4)


# ---- H3: accepted -----------------------------------------------------------------------------------------------


def test_h3_everything_about_an_accepted_trigger_is_in_one_image() -> None:
    bench = rig().write(trigger=True, part_id="A-1")
    bench.reads(busy=True, trigger_ack=True, trigger_seq_accepted=1, count_triggers=1, ready=False)
    assert bench.did(act.Start) == [act.Start(1, 1, "A-1", 1, bench.now + 5_000_000)]


def test_h3_the_part_id_is_latched_at_the_trigger() -> None:
    bench = rig().write(trigger=True, part_id="mine")
    bench.write(trigger=False, part_id="the next one's").answer(1).reads(result_part_id="mine")


def test_h3_the_plcs_number_is_taken_and_the_bit_style_counts_on_by_itself() -> None:
    bench = rig().write(trigger_seq=65535).answer(1)
    bench.reads(trigger_seq_accepted=65535, result_trigger_seq=65535, trigger_ack=False)
    bench.trigger()
    bench.reads(trigger_seq_accepted=1)


def test_h3_acceptance_takes_the_rejection_back() -> None:
    bench = rig()
    bench.trigger()
    rejected(bench.write(trigger=True), RejectReason.EXPOSING)
    bench.answer(1).write(trigger=False).write(trigger=True)
    bench.reads(trigger_rejected=False, reject_reason=0, count_missed=1, count_triggers=2)


# ---- H4: rejected -----------------------------------------------------------------------------------------------


def test_h4_a_rejected_trigger_is_told_counted_and_leaves_no_trace() -> None:
    bench = rig()
    bench.trigger("one")
    rejected(bench.write(trigger=True, part_id="two"), RejectReason.EXPOSING)
    bench.reads(trigger_ack=False, overrun=False, error=False, count_triggers=1, trigger_seq_accepted=1)
    bench.write(trigger=False).answer(1).reads(ready=True, result_part_id="one")
    assert len(bench.all(act.Start)) == 1


def test_h4_only_a_full_fifo_is_an_overrun() -> None:
    bench = rig(buffered=True, result_depth=1)
    bench.answer(bench.trigger())
    rejected(bench.write(trigger=True), RejectReason.RESULTS_FULL)
    bench.reads(overrun=True)
    bench = rig(buffered=True, result_depth=1)
    bench.answer(bench.trigger())
    rejected(bench.write(set_offline=True, trigger=True), RejectReason.OFFLINE)
    bench.reads(overrun=False)


@pytest.mark.parametrize("way", ["accepted", "error_ack", "reset"])
def test_h4_rejection_and_overrun_are_cleared_three_ways(way: str) -> None:
    bench = rig(buffered=True, result_depth=1)
    bench.answer(bench.trigger())
    bench.write(trigger=True).write(trigger=False).reads(overrun=True, trigger_rejected=True)
    bench.pulse("result_ack").reads(overrun=True, trigger_rejected=True)
    bench.write(**{"trigger" if way == "accepted" else way: True})
    bench.reads(overrun=False, trigger_rejected=False, reject_reason=0, count_missed=1)


# ---- H5: the trigger bit held -----------------------------------------------------------------------------------


def test_h5_trigger_ack_stays_until_trigger_is_seen_low() -> None:
    bench = rig().write(trigger=True).answer(1).pass_ms(50)
    bench.reads(trigger_ack=True)
    bench.write(trigger=False).reads(trigger_ack=False)


def test_h5_held_too_long_is_one_error_and_nothing_else() -> None:
    bench = rig(ack_timeout_ms=10_000).write(trigger=True).answer(1, NOK)
    bench.pass_ms(9_998).reads(error=False)
    bench.pass_ms(1).reads(error_code=ErrorCode.TRIGGER_HELD, error_count=1, trigger_ack=True, nok=True)
    bench.pass_ms(20_000).reads(error_count=1)
    bench.write(trigger=False).reads(trigger_ack=False, ready=True)


def test_h5_time_out_zero_lets_it_be_held_for_ever() -> None:
    bench = rig(ack_timeout_ms=0).write(trigger=True).answer(1).pass_ms(3_600_000)
    bench.reads(error=False, trigger_ack=True)


# ---- H6: no edge ------------------------------------------------------------------------------------------------


def test_h6_a_bit_that_is_already_high_at_start_is_no_edge() -> None:
    bench = Rig(fresh()).write(enable=True, trigger=True)
    bench.reads(ready=True, count_triggers=0, count_missed=0)
    bench.write(trigger=False).write(trigger=True).reads(count_triggers=1)


def test_h6_a_bit_that_is_high_when_enable_rises_is_no_edge() -> None:
    bench = rig().write(trigger=True).write(enable=False).write(enable=True)
    bench.reads(count_triggers=1, count_missed=0, ready=True)
    bench = rig(enabled=False).write(enable=True, trigger=True)
    bench.reads(count_triggers=0, count_missed=0, ready=True)


@pytest.mark.parametrize("together", [True, False])
def test_h6_a_bit_that_is_high_after_reset_is_no_edge(together: bool) -> None:
    bench = rig().write(trigger=True, reset=together).write(reset=True)
    bench.write(reset=False).reads(trigger_ack=False, ready=True)
    assert len(bench.all(act.Start)) == (0 if together else 1)
    bench.write(trigger=False).write(trigger=True)
    assert len(bench.did(act.Start)) == 1


def test_h6_the_first_number_after_a_start_is_a_baseline_only() -> None:
    bench = Rig(fresh()).write(enable=True, trigger_seq=41)
    bench.reads(count_triggers=0, count_missed=0, ready=True)
    bench.write(trigger_seq=42).reads(count_triggers=1, trigger_seq_accepted=42)
    bench = Rig(fresh()).write(enable=True).write(trigger_seq=41)
    bench.reads(count_triggers=0, count_missed=0)


def test_h6_after_enable_was_seen_low_the_first_number_counts() -> None:
    bench = Rig(fresh()).write(enable=False).write(enable=True, trigger_seq=41)
    bench.reads(count_triggers=1, trigger_seq_accepted=41)
    bench = Rig(fresh()).write(enable=False, trigger_seq=40).write(enable=True, trigger_seq=41)
    bench.reads(count_triggers=1, trigger_seq_accepted=41)


def test_h6_an_old_number_is_never_run_again_after_a_restart() -> None:
    bench = Rig(fresh()).write(enable=False, trigger_seq=40).write(enable=True)
    bench.reads(count_triggers=0, count_missed=0, ready=True)

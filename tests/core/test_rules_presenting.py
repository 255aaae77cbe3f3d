"""H11 to H14: free running, buffered, acknowledgements, and the change between the two modes."""

import pytest

from gateway.core import events as ev
from gateway.core.errors import Cause, ErrorCode
from tests.core.driver import NOK, OK, Rig, rig


def _backlog(results: int) -> Rig:
    """Buffered, with `results` answers: number 1 presented, the others waiting."""
    bench = rig(buffered=True, result_depth=8)
    for number in range(1, results + 1):
        bench.answer(bench.trigger(f"part {number}"))
    bench.reads(result_seq=1, results_pending=results - 1)
    return bench


# ---- H11: free running ------------------------------------------------------------------------------------------


def test_h11_a_new_result_replaces_the_old_one_and_flips_the_toggle() -> None:
    bench = rig(max_in_flight=2)
    for number, toggle in ((1, True), (2, False), (3, True)):
        bench.answer(bench.trigger())
        bench.reads(result_seq=number, result_toggle=toggle, result_valid=True, results_pending=0)


def test_h11_with_one_in_flight_result_valid_falls_at_the_next_trigger() -> None:
    bench = rig(max_in_flight=1)
    bench.answer(bench.trigger("one"))
    bench.write(trigger=True).reads(result_valid=False, result_part_id="one", result_seq=1)


def test_h11_with_several_in_flight_result_valid_stays() -> None:
    bench = rig(max_in_flight=2)
    bench.answer(bench.trigger())
    bench.write(trigger=True).reads(result_valid=True, ok=True)


def test_h11_a_rejected_trigger_leaves_the_result_valid() -> None:
    bench = rig()
    bench.answer(bench.trigger())
    bench.write(set_offline=True, trigger=True).reads(trigger_rejected=True, result_valid=True)


def test_h11_an_acknowledgement_may_clear_it_and_need_not_come() -> None:
    bench = rig()
    bench.answer(bench.trigger())
    bench.write(result_ack=True).reads(result_valid=False, error=False)
    bench.answer(bench.trigger())
    bench.pass_ms(60_000).reads(result_valid=True, error=False, ready=True)


def test_h11_two_results_in_one_step_still_change_the_toggle() -> None:
    bench = rig(max_in_flight=2)
    bench.expose(bench.trigger())
    bench.trigger()
    bench.answer(2).reads(result_toggle=False)
    bench.answer(1).reads(result_toggle=True, result_seq=2)


# ---- H12: buffered ----------------------------------------------------------------------------------------------


def test_h12_the_presented_result_is_frozen_whatever_else_happens() -> None:
    bench = _backlog(1)
    shown = {name: bench[name] for name in ("result_seq", "result_part_id", "verdict", "ok", "result_toggle")}
    bench.answer(bench.trigger("two"), NOK)
    bench.write(trigger=True).write(abort=True).write(enable=False, trigger=False, abort=False)
    bench.write(set_offline=True).happen(ev.Stopped()).pass_ms(60_000)
    bench.reads(**shown)
    bench.reads(results_pending=2, result_valid=True)


def test_h12_bit_style_the_next_one_comes_when_result_ack_is_low_again() -> None:
    bench = _backlog(3)
    bench.write(result_ack=True).reads(result_valid=False, ok=False, result_seq=1, results_pending=2)
    bench.pass_ms(100).reads(result_valid=False)
    bench.write(result_ack=False).reads(result_valid=True, ok=True, result_seq=2, results_pending=1)
    bench.write(result_ack=True).write(result_ack=False).reads(result_seq=3, results_pending=0)


def test_h12_bit_style_a_result_that_comes_while_result_ack_is_high_waits() -> None:
    bench = _backlog(1).write(result_ack=True)
    bench.answer(bench.trigger())
    bench.reads(result_valid=False, results_pending=1, result_seq=1)
    bench.write(result_ack=False).reads(result_valid=True, results_pending=0, result_seq=2)


def test_h12_sequence_style_the_next_one_comes_at_once() -> None:
    bench = _backlog(3)
    bench.write(result_ack_seq=1).reads(result_valid=True, result_seq=2, results_pending=1)
    bench.write(result_ack_seq=1).reads(result_seq=2, error=False)
    bench.write(result_ack_seq=2).write(result_ack_seq=3).reads(result_valid=False, result_seq=3, error=False)


def test_h12_a_level_that_stays_high_acknowledges_once() -> None:
    bench = _backlog(3).write(result_ack=True).write(result_ack=True, part_id="x").write(result_ack=True)
    bench.reads(result_seq=1, results_pending=2, error=False)


def test_h12_no_result_is_lost_up_to_the_full_depth() -> None:
    bench = _backlog(8)
    bench.reads(ready=False)
    seen = [bench["result_part_id"]]
    for number in range(1, 8):
        bench.write(result_ack_seq=number)
        seen.append(bench["result_part_id"])
    assert seen == [f"part {number}" for number in range(1, 9)]


# ---- H13: wrong and overdue acknowledgements --------------------------------------------------------------------


@pytest.mark.parametrize("number", [2, 3, 7, 65535])
def test_h13_an_ack_of_another_number_does_nothing_but_latch_an_error(number: int) -> None:
    bench = _backlog(2).write(result_ack_seq=number)
    bench.reads(error_code=ErrorCode.ACK_WRONG_RESULT, error_cause=Cause.RESULT_ACK)
    bench.reads(result_valid=True, result_seq=1, results_pending=1)


@pytest.mark.parametrize("ack", [{"result_ack": True}, {"result_ack_seq": 1}])
def test_h13_an_ack_without_a_result_latches_an_error(ack: dict[str, int]) -> None:
    bench = rig(buffered=True).write(**ack)
    bench.reads(error_code=ErrorCode.ACK_WITHOUT_RESULT, error_cause=Cause.RESULT_ACK, ready=True)
    bench.answer(bench.trigger()).reads(result_valid=True)


def test_h13_an_ack_cannot_hit_a_result_that_its_own_write_brought_out() -> None:
    bench = rig(buffered=True)
    bench.trigger()
    bench.write(enable=False, result_ack=True)
    bench.reads(result_valid=True, no_decision=True, error_code=ErrorCode.ACK_WITHOUT_RESULT)
    bench = rig(max_in_flight=2)
    bench.answer(bench.trigger())
    bench.trigger()
    bench.write(enable=False, result_ack_seq=1)
    bench.reads(result_valid=True, result_seq=2, error=False)


def test_h13_an_overdue_ack_is_one_error_and_keeps_the_result() -> None:
    bench = rig(buffered=True, ack_timeout_ms=2_000)
    bench.answer(bench.trigger())
    bench.pass_ms(1_999 - 1).reads(error=False)
    bench.pass_ms(2).reads(error_code=ErrorCode.ACK_OVERDUE, result_valid=True, ok=True, error_count=1)
    bench.pass_ms(10_000).reads(error_count=1, result_valid=True)
    bench.write(result_ack=True).reads(result_valid=False)


def test_h13_each_presented_result_has_its_own_time() -> None:
    bench = rig(buffered=True, ack_timeout_ms=2_000)
    bench.answer(bench.trigger())
    bench.answer(bench.trigger())
    bench.pass_ms(1_500).write(result_ack_seq=1).pass_ms(1_500).reads(error=False, result_seq=2)
    bench.pass_ms(600).reads(error_code=ErrorCode.ACK_OVERDUE)


def test_h13_time_out_zero_waits_for_ever() -> None:
    bench = rig(buffered=True, ack_timeout_ms=0)
    bench.answer(bench.trigger())
    bench.pass_ms(3_600_000).reads(error=False, result_valid=True)


# ---- H14: changing the mode -------------------------------------------------------------------------------------


def test_h14_leaving_buffered_mode_keeps_what_waits_and_its_order() -> None:
    bench = _backlog(2).write(buffer_results=False)
    bench.reads(result_seq=1, result_valid=True, results_pending=1)
    bench.answer(bench.trigger("part 3"), NOK)
    bench.reads(result_seq=1, results_pending=2)
    bench.write(result_ack_seq=1).reads(result_part_id="part 2", ok=True)
    bench.write(result_ack_seq=2).reads(result_part_id="part 3", nok=True, results_pending=0)
    bench.answer(bench.trigger("part 4"), OK)
    bench.reads(result_part_id="part 4", results_pending=0, result_valid=True)


def test_h14_flush_after_leaving_buffered_mode_begins_free_running() -> None:
    bench = _backlog(3).write(buffer_results=False, flush_results=True)
    bench.reads(results_pending=0, result_seq=1)
    bench.answer(bench.trigger())
    bench.reads(result_seq=4, results_pending=0)


def test_h14_entering_buffered_mode_keeps_the_presented_result() -> None:
    bench = rig()
    bench.answer(bench.trigger("one"))
    bench.pass_ms(11_000).write(buffer_results=True).reads(result_part_id="one", result_valid=True)
    bench.answer(bench.trigger("two"))
    bench.reads(result_part_id="one", results_pending=1, error=False)
    bench.pass_ms(9_900).reads(error=False)
    bench.pass_ms(200).reads(error_code=ErrorCode.ACK_OVERDUE)


def test_h14_flush_drops_the_waiting_ones_and_nothing_else() -> None:
    bench = _backlog(4).write(flush_results=True)
    bench.reads(results_pending=0, result_seq=1, result_valid=True, count_ok=4)
    assert [result.result_seq for result in bench.results] == [1, 2, 3, 4]
    bench.write(result_ack=True).write(result_ack=False, flush_results=False).reads(result_valid=False)
    bench.answer(bench.trigger())
    bench.reads(result_seq=5, result_valid=True)

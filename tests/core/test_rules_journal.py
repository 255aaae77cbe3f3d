"""H30 and H31: an answer is shown once the journal has it, and a restart goes on where the journal ends."""

from dataclasses import replace
from typing import Any

import pytest

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.counts import Counts
from gateway.core.errors import Cause, ErrorCode, OfflineReason
from gateway.core.image import shows_the_same
from gateway.core.result import Judgement, Reason, Result, Verdict, no_decision
from gateway.core.resume import Memory, memory_of, owed, resumed
from tests.core.driver import NOK, OK, Rig, fresh, rig

# ---- H30: first the journal, then the PLC -----------------------------------------------------------------------


def safe(**options: Any) -> Rig:
    """The journal has 200 of the 1000 ms."""
    return rig(keep_ms=200, inspection_timeout_ms=1_000, **options)


def test_h30_an_answer_is_shown_when_the_journal_has_it() -> None:
    bench = safe()
    bench.answer(bench.trigger("P"), NOK).reads(result_valid=False, nok=False, busy=True, count_nok=0, result_seq=0)
    (keep,) = bench.did(act.Keep)
    assert (keep.result.part_id, keep.result.judgement, keep.result.result_seq, keep.counts.nok) == ("P", NOK, 1, 1)
    assert not bench.results
    bench.happen(ev.Kept(1, True)).reads(result_valid=True, nok=True, busy=False, count_nok=1, result_seq=1)
    assert bench.results == [keep.result]


def test_h30_while_an_answer_is_written_there_is_no_new_image() -> None:
    bench = safe()
    number = bench.trigger("P")
    bench.happen(ev.Exposed(number))
    before = bench.state
    assert not shows_the_same(fresh(), before)
    bench.answer(number, OK)
    assert bench.all(act.Keep)
    assert shows_the_same(before, bench.state)
    written = bench.state
    bench.happen(ev.Kept(1, True))
    assert not shows_the_same(written, bench.state)


def test_h30_without_a_journal_nothing_waits_for_one() -> None:
    bench = rig()
    bench.answer(bench.trigger()).reads(ok=True)
    assert not bench.all(act.Keep)


def test_h30_a_decision_that_cannot_be_kept_is_no_decision() -> None:
    bench = safe()
    bench.answer(bench.trigger("P"), OK).happen(ev.Kept(1, False))
    bench.reads(ok=False, no_decision=True, reason=Reason.JOURNAL, result_part_id="P", result_seq=1, count_ok=0)
    bench.reads(error_code=ErrorCode.NO_DECISION_JOURNAL, error_cause=Cause.INSPECTION)


def test_h30_or_it_is_shown_all_the_same_with_an_error_if_that_is_configured() -> None:
    bench = safe(show_unkept=True)
    bench.answer(bench.trigger(), OK).happen(ev.Kept(1, False))
    bench.reads(ok=True, reason=Reason.NONE, error_code=ErrorCode.JOURNAL_DOWN, error_cause=Cause.JOURNAL)


def test_h30_what_is_no_decision_anyway_keeps_its_reason() -> None:
    bench = safe()
    bench.answer(bench.trigger(), no_decision(Reason.CANCELLED)).happen(ev.Kept(1, False))
    bench.reads(reason=Reason.CANCELLED, error_code=ErrorCode.JOURNAL_DOWN)


def test_h30_the_journals_time_is_part_of_the_inspections() -> None:
    bench = safe()
    bench.trigger()  # two events, the first of which accepts
    (start,) = bench.all(act.Start)
    assert start.deadline == bench.now - 1_000 + 800_000
    bench.pass_ms(799).reads(busy=True, result_valid=False)
    assert [keep.result.judgement.reason for keep in bench.did(act.Keep)] == [Reason.TIMEOUT]
    bench.pass_ms(199).reads(result_valid=False)
    bench.pass_ms(1).reads(result_valid=True, reason=Reason.TIMEOUT, busy=False)


def test_h30_the_journal_is_not_waited_for_beyond_the_deadline() -> None:
    bench = safe()
    bench.answer(bench.trigger(), OK, after_ms=700).pass_ms(298).reads(busy=True, result_valid=False)
    bench.pass_ms(1).reads(no_decision=True, reason=Reason.JOURNAL, busy=False)
    before = bench.tags
    bench.happen(ev.Kept(1, True))
    assert {**bench.tags, "heartbeat": 0} == {**before, "heartbeat": 0}


def test_h30_a_short_call_leaves_the_journal_half_of_its_time() -> None:
    bench = safe().happen(ev.TriggerAsked(1, timeout_ms=100))
    assert bench.did(act.Start)[0].deadline == bench.now + 50_000


def test_h30_answers_are_kept_side_by_side_and_shown_in_order() -> None:
    bench = safe(max_in_flight=3)
    for part in ("a", "b", "c"):
        bench.expose(bench.trigger(part))
    bench.answer(2, NOK)
    assert not bench.did(act.Keep)
    bench.answer(1, OK)
    assert [(k.result.part_id, k.result.result_seq, k.counts) for k in bench.did(act.Keep)] == [
        ("a", 1, Counts(triggers=3, ok=1)),
        ("b", 2, Counts(triggers=3, ok=1, nok=1)),
    ]
    bench.happen(ev.Kept(2, True)).reads(result_valid=False)
    bench.happen(ev.Kept(1, True))
    assert [(one.part_id, one.result_seq) for one in bench.results] == [("a", 1), ("b", 2)]
    bench.answer(3).happen(ev.Kept(3, True)).reads(result_part_id="c")


def test_h30_no_answer_comes_after_the_one_that_is_on_its_way_into_the_journal() -> None:
    bench = safe()
    bench.answer(bench.trigger(), NOK).answer(1, OK)
    assert len(bench.all(act.Keep)) == len(bench.all(act.LateAnswer)) == 1
    bench.happen(ev.Kept(1, True)).reads(nok=True, ok=False)


def test_h30_a_station_is_busy_until_its_answer_is_kept() -> None:
    bench = safe()
    bench.answer(bench.trigger())
    bench.write(trigger=True).reads(count_missed=1)


def test_h30_cancelled_ones_are_kept_too_and_reset_waits_for_nothing() -> None:
    bench = safe()
    bench.trigger()
    bench.write(abort=True).reads(busy=True, result_valid=False)
    bench.write(abort=False).happen(ev.Kept(1, True)).reads(reason=Reason.CANCELLED, result_valid=True)
    bench.answer(bench.trigger()).write(reset=True).reads(busy=False, result_valid=False, result_seq=1)
    assert [(r.result.result_seq, r.presented) for r in bench.did(act.Record)] == [(2, False)]
    bench.happen(ev.Kept(2, True)).reads(result_valid=False)


def test_h30_a_simulated_answer_waits_for_no_journal() -> None:
    from gateway.core import calls

    bench = safe().happen(calls.SimulationAsked(1, True)).happen(ev.TriggerAsked(2)).answer(1)
    assert [record.presented for record in bench.did(act.Record)] == [False]
    assert not bench.all(act.Keep)


def test_h30_a_gateway_that_has_to_stop_waits_once() -> None:
    bench = safe()
    bench.trigger()
    bench.happen(ev.Stopped()).reads(busy=True)
    bench.happen(ev.Stopped()).reads(busy=False, reason=Reason.SHUTDOWN, offline_reason=OfflineReason.STOPPING)


# ---- H31: after a restart ---------------------------------------------------------------------------------------


def restarted(bench: Rig, memory: Memory | None = None) -> Rig:
    again = Rig(resumed(fresh(bench.state.options), memory or memory_of(bench.state), bench.now), bench.now)
    return again.write()


def test_h31_numbers_and_counters_go_on() -> None:
    bench = rig()
    bench.answer(bench.trigger()).answer(bench.trigger(), NOK).write(result_ack_seq=2).write(result_ack_seq=0)
    bench.answer(99)
    again = restarted(bench)
    again.reads(count_triggers=2, count_ok=1, count_nok=1, trigger_seq_accepted=2, result_seq=2, result_valid=False)
    again.write(enable=True)
    assert again.trigger() == 3
    again.answer(3).reads(result_seq=3, result_trigger_seq=3, count_triggers=3)


def test_h31_what_was_not_taken_is_offered_again_in_order() -> None:
    bench = rig(buffered=True, result_depth=4)
    for part in ("a", "b", "c"):
        bench.answer(bench.trigger(part), NOK if part == "b" else OK)
    again = restarted(bench).reads(result_valid=True, ok=True, result_part_id="a", result_seq=1, results_pending=2)
    again.write(buffer_results=True, result_ack_seq=1).reads(nok=True, result_part_id="b", result_seq=2)
    again.write(result_ack_seq=2).reads(ok=True, result_part_id="c")
    again.write(result_ack_seq=3).reads(result_valid=False, results_pending=0)


def test_h31_what_was_taken_is_not_offered_again() -> None:
    bench = rig(buffered=True)
    bench.answer(bench.trigger("a")).answer(bench.trigger("b")).write(result_ack_seq=1)
    again = restarted(bench).reads(result_part_id="b", results_pending=0)
    again.write(buffer_results=True, result_ack_seq=2).reads(result_valid=False)


def test_h31_free_running_the_newest_is_offered_again() -> None:
    bench = rig()
    bench.answer(bench.trigger("a")).answer(bench.trigger("b"))
    both = tuple(bench.results)
    restarted(bench, memory_of(bench.state)._replace(owed=both)).reads(result_part_id="b", results_pending=0, ok=True)
    bench.write(trigger=True)
    restarted(bench).reads(result_valid=False, ok=False)


def test_h31_its_time_to_be_acknowledged_begins_anew() -> None:
    bench = rig(buffered=True, ack_timeout_ms=100)
    bench.answer(bench.trigger()).pass_ms(99)
    again = restarted(bench).write(buffer_results=True)
    again.pass_ms(97).reads(error=False)
    again.pass_ms(3).reads(error_code=ErrorCode.ACK_OVERDUE)


@pytest.mark.parametrize("judgement", [OK, NOK])
def test_h31_reset_drops_what_is_offered_again(judgement: Judgement) -> None:
    bench = rig(buffered=True)
    bench.answer(bench.trigger(), judgement)
    again = restarted(bench).write(reset=True).reads(result_valid=False, ok=False, nok=False)
    assert owed(again.state) == ()


def test_h31_an_interrupted_inspection_is_no_decision() -> None:
    interrupted = replace(fresh_result(), judgement=no_decision(Reason.INTERRUPTED))
    again = restarted(rig(), Memory(owed=(interrupted,), next_id=8))
    again.reads(no_decision=True, ok=False, reason=Reason.INTERRUPTED, error=False)
    assert interrupted.verdict is Verdict.NO_DECISION


def fresh_result() -> Result:
    bench = rig()
    return bench.answer(bench.trigger()).results[0]

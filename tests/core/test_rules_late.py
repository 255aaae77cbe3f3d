"""H36: the PLC has its answer at the decision deadline, and what comes later is for the journal alone."""

from typing import Any

import pytest

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.errors import Cause, ErrorCode
from gateway.core.result import Judgement, Reason, Verdict, no_decision
from tests.core.driver import NOK, OK, Rig, rig


def hurried(**options: Any) -> Rig:
    return rig(**{"inspection_timeout_ms": 1_000, "decision_deadline_ms": 300} | options)


def late(bench: Rig, **options: Any) -> int:
    """A part whose picture is there, at its decision deadline; its id."""
    number = bench.trigger("P")
    bench.expose(number).pass_ms(298)
    return number


def test_h36_the_answer_comes_at_the_decision_deadline() -> None:
    bench = hurried()
    number = bench.trigger("P")
    bench.expose(number).pass_ms(297).reads(busy=True, result_valid=False)
    bench.pass_ms(1).reads(busy=False, no_decision=True, reason=Reason.TIMEOUT, result_part_id="P", ready=True)
    bench.reads(error_code=ErrorCode.NO_DECISION_TIMEOUT, error_cause=Cause.INSPECTION)
    assert not bench.did(act.Cancel), "the work goes on"


def test_h36_the_work_has_the_inspections_whole_time() -> None:
    bench = hurried()
    bench.trigger()
    (start,) = bench.all(act.Start)
    assert start.deadline == bench.state.flight[0].accepted_at + 1_000_000


def test_h36_or_it_is_nok_that_nobody_takes_for_pekats() -> None:
    bench = hurried(late_is_nok=True)
    late(bench)
    bench.reads(nok=True, ok=False, no_decision=False, verdict=2, reason=Reason.TOO_LATE, count_nok=1)
    bench.reads(error_code=ErrorCode.NO_DECISION_TOO_LATE)


@pytest.mark.parametrize("judgement", [OK, NOK, no_decision(Reason.FLOW_ERROR)])
def test_h36_a_later_answer_is_for_the_journal_alone(judgement: Judgement) -> None:
    bench = hurried(late_is_nok=True)
    number = late(bench)
    before = dict(bench.tags)
    bench.answer(number, judgement)
    assert dict(bench.tags) == before
    ((told,), results) = bench.did(act.LateAnswer), bench.results
    assert told.result is not None
    assert told.result.late
    assert (told.result.judgement, told.result.part_id, told.result.result_seq) == (judgement, "P", 0)
    assert told.result.total_us == 301_000
    assert [result.late for result in results] == [False]
    assert bench.state.counts.late == 1
    assert not bench.state.overdue
    bench.answer(number, judgement)
    assert [one.result for one in bench.did(act.LateAnswer)] == [None], "a second one is dropped (H8)"


def test_h36_without_a_picture_there_is_nothing_to_wait_for() -> None:
    """The next part's picture must not become this one's."""
    bench = hurried()
    number = bench.trigger()
    bench.pass_ms(299).reads(reason=Reason.TIMEOUT)
    assert bench.did(act.Cancel) == [act.Cancel(number)]
    assert not bench.state.overdue


def test_h36_late_work_ends_with_the_inspections_time() -> None:
    bench = hurried()
    number = late(bench)
    bench.pass_ms(699)
    assert not bench.did(act.Cancel)
    bench.pass_ms(1)
    assert bench.did(act.Cancel) == [act.Cancel(number)]
    bench.answer(number)
    assert [one.result for one in bench.did(act.LateAnswer)] == [None]


def test_h36_a_fresh_part_comes_first() -> None:
    bench = hurried()
    number = late(bench)
    bench.write(trigger=True)
    assert bench.did(act.Cancel) == [act.Cancel(number)]
    assert len(bench.did(act.Start)) == 1


def test_h36_where_there_is_room_it_goes_on_beside_fresh_parts() -> None:
    bench = hurried(max_in_flight=2)
    number = late(bench)
    second = bench.trigger()
    assert not bench.all(act.Cancel)
    bench.expose(second).trigger()
    assert bench.all(act.Cancel) == [act.Cancel(number)]


@pytest.mark.parametrize("how", ["abort", "reset"])
def test_h36_what_cancels_ends_late_work_too(how: str) -> None:
    bench = hurried()
    number = late(bench)
    bench.write(**{how: True})
    assert bench.did(act.Cancel) == [act.Cancel(number)]


def test_h36_without_a_decision_deadline_the_time_out_is_it() -> None:
    bench = rig(inspection_timeout_ms=1_000)
    number = bench.trigger()
    bench.expose(number).pass_ms(998).reads(reason=Reason.TIMEOUT)
    assert bench.did(act.Cancel) == [act.Cancel(number)]


def test_h36_a_call_that_asks_for_less_time_gets_less() -> None:
    bench = hurried().happen(ev.TriggerAsked(1, timeout_ms=100))
    bench.expose(1).pass_ms(99).reads(reason=Reason.TIMEOUT)
    assert bench.did(act.Cancel) == [act.Cancel(1)]


def test_h36_the_journals_time_is_part_of_it() -> None:
    bench = hurried(keep_ms=100)
    bench.expose(bench.trigger()).pass_ms(198)
    assert len(bench.did(act.Keep)) == 1
    bench.happen(ev.Kept(1, True)).reads(reason=Reason.TIMEOUT, result_valid=True)


def test_h36_of_several_views_each_is_late_by_itself() -> None:
    bench = hurried(views=("top", "side"), late_is_nok=True)
    number = bench.trigger()
    bench.expose(number).happen(ev.ViewAnswered(number, 1, OK)).pass_ms(297)
    bench.reads(nok=True, reason=Reason.TOO_LATE)
    assert [one.verdict for one in bench.results[0].judgement.views] == [Verdict.OK, Verdict.NOK]
    bench.happen(ev.ViewAnswered(number, 2, OK))
    (told,) = bench.did(act.LateAnswer)
    assert told.result is not None
    assert told.result.verdict is Verdict.OK


def test_h36_what_a_view_has_found_outweighs_the_deadline() -> None:
    bench = hurried(views=("top", "side"), late_is_nok=True)
    number = bench.trigger()
    bench.expose(number).happen(ev.ViewAnswered(number, 2, NOK)).pass_ms(297)
    bench.reads(nok=True, reason=Reason.NONE, error=False)

"""H38: an operator decides on a part in doubt, in time, once, and nobody makes it good but he."""

from typing import Any

import pytest

from gateway.core import actions as act
from gateway.core import calls
from gateway.core import events as ev
from gateway.core.errors import RejectReason
from gateway.core.result import REASON_TEXTS, Judgement, Reason, Review, Verdict, no_decision
from gateway.core.review import MOST_REVIEWS
from tests.core.driver import NOK, OK, REVIEW, Rig, rig

DOUBT = Judgement(Verdict.NO_DECISION, Reason.REVIEW, score=0.4, detail="score 0.4 is not below 0.3")


def patient(**options: Any) -> Rig:
    return rig(**{"inspection_timeout_ms": 1_000, "review_wait_ms": 400} | options)


def in_doubt(bench: Rig, part_id: str = "P") -> int:
    """A part that an operator is asked about; its id."""
    number = bench.trigger(part_id)
    bench.expose(number).answer(number, DOUBT)
    return number


def decide(bench: Rig, number: int, verdict: Verdict, after_ms: float = 1) -> Rig:
    return bench.happen(calls.ReviewDecided(7, number, verdict, "anna", "opcua"), after_ms)


def refused(bench: Rig) -> None:
    assert bench.did(act.Refused) == [act.Refused(7, RejectReason.NO_REVIEW)]
    assert not bench.did(act.Record)


def test_h38_without_a_wait_the_plc_has_its_answer_at_once() -> None:
    bench = rig()
    number = bench.trigger()
    bench.answer(number, DOUBT).reads(no_decision=True, reason=Reason.REVIEW, review_waiting=False)
    assert not bench.all(act.OfferReview)
    assert bench.results[0].review is None


def test_h38_an_operator_is_asked_and_the_plc_waits() -> None:
    bench = patient()
    number = in_doubt(bench)
    assert bench.did(act.OfferReview) == [act.OfferReview(number, DOUBT, bench.now + 400_000)]
    bench.reads(busy=True, result_valid=False, review_waiting=True, ready=False)


@pytest.mark.parametrize("verdict", [Verdict.OK, Verdict.NOK])
def test_h38_his_decision_is_the_answer_and_shows_that_it_is_his(verdict: Verdict) -> None:
    bench = patient()
    number = in_doubt(bench)
    decide(bench, number, verdict, 100)
    bench.reads(
        ok=verdict is Verdict.OK, nok=verdict is Verdict.NOK, reason=Reason.BY_OPERATOR, result_part_id="P",
        error=False, review_waiting=False, score_milli=400, ready=True,
    )  # fmt: skip
    (result,) = bench.results
    assert result.review == Review(bench.now - 100_000, bench.now, verdict, "anna", "opcua")
    assert result.judgement.detail == f"score 0.4 is not below 0.3; {verdict.name} by anna"
    assert bench.did(act.EndReview) == [act.EndReview(number, result.review)]


def test_h38_he_may_not_know_either() -> None:
    bench = patient()
    decide(bench, in_doubt(bench), Verdict.NO_DECISION).reads(no_decision=True, reason=Reason.REVIEW, error=False)
    (result,) = bench.results
    assert result.review is not None
    assert (result.review.decision, result.review.operator) == (Verdict.NO_DECISION, "anna")


def test_h38_when_his_time_is_over_it_is_as_if_nobody_was_asked() -> None:
    bench = patient()
    number = in_doubt(bench)
    bench.pass_ms(399).reads(busy=True)
    bench.pass_ms(1).reads(no_decision=True, reason=Reason.REVIEW, error=False, busy=False)
    assert bench.results[0].review == Review(bench.now - 400_000, bench.now)
    assert not bench.all(act.Cancel)
    refused(decide(bench, number, Verdict.OK))


def test_h38_a_decision_in_the_very_moment_is_too_late() -> None:
    bench = patient()
    number = in_doubt(bench)
    decide(bench, number, Verdict.OK, 400).reads(no_decision=True, ok=False)
    assert bench.did(act.Refused) == [act.Refused(7, RejectReason.NO_REVIEW)]


@pytest.mark.parametrize("options", [{}, {"decision_deadline_ms": 300}, {"decision_deadline_ms": 300, "keep_ms": 100}])
def test_h38_the_deadline_ends_the_wait_earlier(options: dict[str, int]) -> None:
    bench = patient(review_wait_ms=5_000, late_is_nok=True, **options)
    number = in_doubt(bench)
    (offered,) = bench.did(act.OfferReview)
    assert offered.review_by == bench.state.flight[0].deadline < bench.now + 1_000_000
    bench.pass_ms((offered.review_by - bench.now) / 1000)
    if options.get("keep_ms"):
        bench.happen(ev.Kept(number, True))
    bench.reads(no_decision=True, reason=Reason.REVIEW, error=False)
    assert not bench.state.overdue, "PEKAT has answered: nobody works on it any more"


FAULTS = [no_decision(reason) for reason in (Reason.TIMEOUT, Reason.UNCHECKED, Reason.BAD_REPLY)]


@pytest.mark.parametrize("judgement", [OK, NOK, *FAULTS])
def test_h38_nobody_is_asked_about_a_verdict_or_a_fault(judgement: Judgement) -> None:
    bench = patient()
    number = bench.trigger()
    bench.answer(number, judgement).reads(verdict=judgement.verdict, reason=judgement.reason)
    assert not bench.all(act.OfferReview)
    refused(decide(bench, number, Verdict.OK))


def test_h38_once() -> None:
    bench = patient()
    number = in_doubt(bench)
    decide(bench, number, Verdict.NOK).reads(nok=True)
    refused(decide(bench, number, Verdict.OK).reads(nok=True))


def test_h38_for_that_very_part_and_with_a_decision() -> None:
    bench = patient()
    number = in_doubt(bench)
    refused(decide(bench, number + 1, Verdict.OK))
    refused(decide(bench, number, Verdict.NONE))
    bench.reads(busy=True)


def test_h38_what_pekat_says_again_is_late() -> None:
    bench = patient()
    number = in_doubt(bench)
    bench.answer(number, OK).reads(busy=True, result_valid=False)
    assert bench.state.counts.late == 1
    decide(bench, number, Verdict.NOK).reads(nok=True)


@pytest.mark.parametrize(
    ("how", "reason"), [("abort", Reason.CANCELLED), ("reset", Reason.RESET), ("enable", Reason.CANCELLED)]
)
def test_h38_what_cancels_ends_the_question(how: str, reason: Reason) -> None:
    bench = patient()
    number = in_doubt(bench)
    bench.write(**{how: how != "enable"})
    (result,) = bench.results
    assert (result.verdict, result.judgement.reason) == (Verdict.NO_DECISION, reason)
    assert result.judgement.detail == REASON_TEXTS[reason]
    assert result.review == Review(bench.now - 1000, bench.now)
    refused(decide(bench, number, Verdict.OK))


def test_h38_at_the_end_nobody_is_asked_any_more() -> None:
    bench = patient(max_in_flight=2)
    first, second = in_doubt(bench), bench.trigger()
    bench.expose(second).happen(ev.Draining()).answer(second, DOUBT)
    assert len(bench.all(act.OfferReview)) == 1, "a question takes longer than a stop"
    decide(bench, first, Verdict.OK)
    assert [result.judgement.reason for result in bench.results] == [Reason.BY_OPERATOR, Reason.REVIEW]
    third = patient()
    in_doubt(third)
    third.happen(ev.Stopped())
    assert third.results[0].judgement.reason is Reason.SHUTDOWN


def test_h38_answers_leave_in_the_order_of_the_triggers() -> None:
    bench = patient(max_in_flight=3, result_depth=3)
    bench.write(buffer_results=True)
    first = in_doubt(bench, "A")
    second = bench.trigger("B")
    bench.expose(second).answer(second, OK).reads(result_valid=False)
    third = in_doubt(bench, "C")
    decide(bench, third, Verdict.NOK).reads(result_valid=False, review_waiting=True)
    decide(bench, first, Verdict.OK)
    assert [(r.part_id, r.verdict) for r in bench.results] == [("A", Verdict.OK), ("B", Verdict.OK), ("C", Verdict.NOK)]
    bench.reads(result_part_id="A", results_pending=2)


def test_h38_once_also_while_the_answer_waits_for_its_turn() -> None:
    bench = patient(max_in_flight=2)
    first, second = in_doubt(bench), in_doubt(bench)
    refused(decide(decide(bench, second, Verdict.NOK), second, Verdict.OK))
    decide(bench, first, Verdict.OK)
    assert [result.verdict for result in bench.results] == [Verdict.OK, Verdict.NOK]


def test_h38_the_part_may_move_and_the_next_may_come_while_he_looks() -> None:
    bench = patient(max_in_flight=2)
    number = bench.trigger()
    bench.answer(number, REVIEW).reads(ready=True, review_waiting=True)


def test_h38_only_so_many_at_a_time() -> None:
    bench = patient(max_in_flight=MOST_REVIEWS + 1)
    numbers = [in_doubt(bench) for _ in range(MOST_REVIEWS + 1)]
    assert [one.inspection_id for one in bench.all(act.OfferReview)] == numbers[:-1]
    assert bench.state.flight[-1].judgement == DOUBT


def test_h38_the_journal_has_his_decision_before_it_is_shown() -> None:
    bench = patient(keep_ms=100)
    number = in_doubt(bench)
    decide(bench, number, Verdict.OK).reads(result_valid=False, review_waiting=False)
    (keep,) = bench.did(act.Keep)
    assert keep.result.review is not None
    assert (keep.result.review.operator, keep.result.verdict) == ("anna", Verdict.OK)
    bench.happen(ev.Kept(number, True)).reads(ok=True)


def test_h38_a_decision_that_is_not_kept_is_none() -> None:
    bench = patient(keep_ms=100)
    number = in_doubt(bench)
    decide(bench, number, Verdict.OK).happen(ev.Kept(number, False)).reads(ok=False, reason=Reason.JOURNAL)
    assert bench.results[0].review is not None, "who decided what is known all the same"


def test_h38_of_several_views_the_whole_is_asked_about() -> None:
    bench = patient(views=("top", "side"))
    number = bench.trigger()
    bench.expose(number).happen(ev.ViewAnswered(number, 1, DOUBT))
    assert not bench.did(act.OfferReview)
    bench.happen(ev.ViewAnswered(number, 2, OK))
    (offered,) = bench.did(act.OfferReview)
    assert [one.reason for one in offered.found.views] == [Reason.REVIEW, Reason.NONE]
    decide(bench, number, Verdict.OK).reads(ok=True)
    views = bench.results[0].judgement.views
    assert [one.verdict for one in views] == [Verdict.NO_DECISION, Verdict.OK], "what each found stays"


@pytest.mark.parametrize("other", [NOK, no_decision(Reason.INSPECTOR_OFFLINE)])
def test_h38_a_view_that_is_bad_or_failed_leaves_nothing_to_ask(other: Judgement) -> None:
    bench = patient(views=("top", "side"))
    number = bench.trigger()
    bench.happen(ev.ViewAnswered(number, 1, DOUBT)).happen(ev.ViewAnswered(number, 2, other))
    bench.reads(verdict=other.verdict, reason=other.reason)
    assert not bench.all(act.OfferReview)


def test_h38_a_cancelled_question_about_several_views_is_cancelled() -> None:
    bench = patient(views=("top", "side"))
    number = bench.trigger()
    bench.happen(ev.ViewAnswered(number, 1, DOUBT)).happen(ev.ViewAnswered(number, 2, OK)).write(abort=True)
    bench.reads(no_decision=True, reason=Reason.CANCELLED)


def test_h38_nobody_is_asked_about_a_simulated_part() -> None:
    bench = patient().happen(calls.SimulationAsked(1, True)).happen(ev.TriggerAsked(2))
    bench.expose(1).answer(1, DOUBT)
    assert not bench.all(act.OfferReview)
    assert bench.results[0].judgement == DOUBT


def test_h38_in_a_run_the_next_picture_waits() -> None:
    bench = patient().happen(calls.RunAsked(1, "batch"))
    number = bench.picture()
    bench.expose(number).answer(number, DOUBT)
    asked = len(bench.awaited)
    decide(bench, number, Verdict.OK).reads(ok=True)
    assert len(bench.awaited) == asked + 1


def test_h38_his_nok_counts_in_the_row() -> None:
    bench = patient(stop_after_nok=1)
    decide(bench, in_doubt(bench), Verdict.NOK).reads(stop_line=True, count_nok=1)

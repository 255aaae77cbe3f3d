"""H32: several views of one part give one verdict, and a fault in one of them is never an OK."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.errors import ErrorCode
from gateway.core.image import Projection
from gateway.core.result import CUT_SHORT, UNDECIDED, Detection, Judgement, Reason, Verdict, no_decision
from gateway.core.resume import Memory, resumed
from gateway.core.state import Options
from gateway.core.tags import VIEW_TAGS
from gateway.core.views import MOST_VIEWS, combine, completed
from tests.core.driver import NOK, OK, Rig, fresh, rig

NAMES = ("top", "side", "bottom", "left", "right", "front", "back", "inside")
OPEN = [no_decision(reason) for reason in sorted(UNDECIDED)]
EVERY = [OK, NOK, *OPEN]

numbers = st.floats(0, 1000)
detections = st.builds(Detection, st.text(max_size=5), st.integers(0, 65535), st.floats(0, 1), *[numbers] * 4)
judgements = st.builds(
    lambda plain, found, score, us: Judgement(plain.verdict, plain.reason, tuple(found), score, inspector_us=us),
    st.sampled_from(EVERY),
    st.lists(detections, max_size=4).map(lambda found: sorted(found, key=lambda d: (-d.confidence, d.x, d.y))),
    st.none() | numbers,
    st.integers(0, 10**7),
)
several = st.lists(judgements, min_size=1, max_size=MOST_VIEWS)


def rule(verdicts: list[Verdict]) -> Verdict:
    """The rule in other words than the code's."""
    if verdicts.count(Verdict.NOK) > 0:
        return Verdict.NOK
    return Verdict.OK if verdicts.count(Verdict.OK) == len(verdicts) else Verdict.NO_DECISION


def bench(count: int = 3, **options: object) -> Rig:
    return rig(views=NAMES[:count], **options)  # type: ignore[arg-type]  # any option of the core


def views_of(station: Rig) -> list[tuple[Verdict, Reason]]:
    assert station.state.presented is not None
    return [(one.verdict, one.reason) for one in station.state.presented.judgement.views]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_h32_every_combination_of_verdicts_and_reasons(count: int) -> None:
    for judged in product(EVERY, repeat=count):
        whole = combine(NAMES[:count], judged)
        verdicts = [one.verdict for one in judged]
        assert whole.verdict is rule(verdicts)
        undecided = [one.reason for one in judged if one.verdict is Verdict.NO_DECISION]
        undecided.sort(key=lambda reason: reason is Reason.REVIEW)  # a fault first
        assert whole.reason is (undecided[0] if whole.verdict is Verdict.NO_DECISION else Reason.NONE)


@given(several)
def test_h32_a_fault_is_never_an_ok_and_what_is_bad_stays_bad(judged: list[Judgement]) -> None:
    whole = combine(NAMES[: len(judged)], judged)
    assert (whole.verdict is Verdict.OK) == all(one.verdict is Verdict.OK for one in judged)
    assert (whole.verdict is Verdict.NOK) == any(one.verdict is Verdict.NOK for one in judged)


@given(several)
def test_h32_nothing_gets_lost_and_each_detection_knows_its_view(judged: list[Judgement]) -> None:
    whole = combine(NAMES[: len(judged)], judged)
    assert [one.confidence for one in whole.detections] == sorted(
        (found.confidence for one in judged for found in one.detections), reverse=True
    )
    for number, (view, one) in enumerate(zip(whole.views, judged, strict=True), start=1):
        assert (view.view, view.name) == (number, NAMES[number - 1])
        assert (view.verdict, view.reason, view.score) == (one.verdict, one.reason, one.score)
        assert view.detection_count == len(one.detections)
        assert view.defect_class == (one.detections[0].class_number if one.detections else 0)
        assert sum(found.view == number for found in whole.detections) == len(one.detections)
    assert whole.inspector_us == max(one.inspector_us for one in judged)


@given(several)
def test_h32_the_score_is_that_of_the_first_view_that_speaks_for_the_whole(judged: list[Judgement]) -> None:
    whole = combine(NAMES[: len(judged)], judged)
    given_scores = [one.score for one in judged if one.verdict is whole.verdict and one.score is not None]
    assert whole.score == (given_scores[0] if given_scores else None)


def test_h32_user_values_and_details_of_all_views() -> None:
    first = Judgement(Verdict.OK, user_values=(("gap", 7),), detail="1 of 2 rectangles")
    whole = combine(NAMES[:2], [first, Judgement(Verdict.OK, user_values=(("lot", "A"),))])
    assert whole.user_values == (("gap", 7), ("lot", "A"))
    assert whole.detail == "top: 1 of 2 rectangles"


def test_h32_no_view_is_no_verdict() -> None:
    with pytest.raises(ValueError, match="no view"):
        combine((), ())


@given(st.lists(st.none() | judgements, min_size=2, max_size=MOST_VIEWS), st.sampled_from(OPEN))
def test_h32_what_is_cut_short_is_ok_only_if_nothing_was_missing(
    answers: list[Judgement | None], rest: Judgement
) -> None:
    whole = completed(NAMES[: len(answers)], answers, rest)
    filled = [(answer or rest).verdict for answer in answers]
    by_command = None in answers and rest.reason in CUT_SHORT
    assert whole.verdict is (Verdict.NO_DECISION if by_command else rule(filled))
    assert (whole.verdict is Verdict.OK) == all(
        answer is not None and answer.verdict is Verdict.OK for answer in answers
    )
    assert [one.verdict for one in whole.views] == filled


@given(st.permutations(range(1, 5)), st.lists(st.sampled_from(EVERY), min_size=4, max_size=4))
def test_h32_one_answer_when_the_last_view_has_answered_in_any_order(order: list[int], judged: list[Judgement]) -> None:
    station = bench(4)
    number = station.trigger("A1")
    station.expose(number)
    for done, view in enumerate(order, start=1):
        station.happen(ev.ViewAnswered(number, view, judged[view - 1]))
        assert len(station.results) == (1 if done == 4 else 0)
    assert station.results[0].verdict is rule([one.verdict for one in judged])
    assert views_of(station) == [(one.verdict, one.reason) for one in judged]
    station.reads(count_triggers=1, ready=True, result_part_id="A1")


@given(st.lists(st.none() | st.sampled_from([OK, NOK, OPEN[0]]), min_size=3, max_size=3))
def test_h32_at_the_deadline_those_that_answered_stand_and_the_others_are_late(answers: list[Judgement | None]) -> None:
    station = bench(3, inspection_timeout_ms=100)
    number = station.trigger()
    for view, answer in enumerate(answers, start=1):
        if answer is not None:
            station.happen(ev.ViewAnswered(number, view, answer))
    station.pass_ms(100)
    late = no_decision(Reason.TIMEOUT)
    shown = [answer or late for answer in answers]
    assert views_of(station) == [(one.verdict, one.reason) for one in shown]
    assert [one.verdict for one in station.results] == [rule([one.verdict for one in shown])]
    assert len(station.all(act.Cancel)) == int(None in answers)


def test_h32_a_time_out_beside_a_bad_view_is_nok_and_without_one_an_error() -> None:
    station = bench(2, inspection_timeout_ms=100)
    station.happen(ev.ViewAnswered(station.trigger(), 1, NOK)).pass_ms(100)
    station.reads(nok=True, reason=0, error=False, count_nok=1)
    station.happen(ev.ViewAnswered(station.trigger(), 1, OK)).pass_ms(100)
    station.reads(no_decision=True, reason=Reason.TIMEOUT, error_code=ErrorCode.NO_DECISION_TIMEOUT, count_ok=0)


def test_h32_the_answer_of_a_view_that_comes_late_or_twice_is_dropped_and_counted() -> None:
    station = bench(2, inspection_timeout_ms=100)
    number = station.trigger()
    station.happen(ev.ViewAnswered(number, 1, OK)).happen(ev.ViewAnswered(number, 1, NOK))
    assert station.did(act.LateAnswer) == [act.LateAnswer(number, NOK)]
    station.pass_ms(100).happen(ev.ViewAnswered(number, 2, OK))
    assert (station.state.counts.late, len(station.results)) == (2, 1)
    assert views_of(station) == [(Verdict.OK, Reason.NONE), (Verdict.NO_DECISION, Reason.TIMEOUT)]


@pytest.mark.parametrize("view", [0, 3, -1])
def test_h32_an_answer_of_no_view_answers_nothing(view: int) -> None:
    station = bench(2)
    number = station.trigger()
    station.happen(ev.ViewAnswered(number, view, OK)).happen(ev.ViewAnswered(number, 1, OK))
    assert station.results == []
    assert station.state.counts.late == 1


def test_h32_a_station_with_one_view_takes_no_answers_of_views() -> None:
    station = rig()
    number = station.trigger()
    station.happen(ev.ViewAnswered(number, 1, OK))
    assert (station.results, station.state.counts.late) == ([], 1)
    assert station.answer(number).results[0].judgement.views == ()


@pytest.mark.parametrize(
    ("command", "reason", "shown"),
    [({"abort": True}, Reason.CANCELLED, True), ({"enable": False}, Reason.CANCELLED, True),
     ({"reset": True}, Reason.RESET, False)],
)  # fmt: skip
def test_h32_a_command_that_cancels_is_the_answer_also_beside_a_bad_view(
    command: dict[str, bool], reason: Reason, shown: bool
) -> None:
    station = bench(2)
    station.happen(ev.ViewAnswered(station.trigger(), 1, NOK)).write(**command)
    (result,) = station.results
    assert (result.verdict, result.judgement.reason) == (Verdict.NO_DECISION, reason)
    assert [(one.verdict, one.reason) for one in result.judgement.views] == [
        (Verdict.NOK, Reason.NONE),
        (Verdict.NO_DECISION, reason),
    ]
    station.reads(no_decision=shown, error=False)


def test_h32_what_answers_for_the_whole_leaves_the_views_that_answered_as_they_are() -> None:
    station = bench(2)
    number = station.trigger()
    station.happen(ev.ViewAnswered(number, 2, OK)).answer(number, no_decision(Reason.INTERNAL))
    assert views_of(station) == [(Verdict.NO_DECISION, Reason.INTERNAL), (Verdict.OK, Reason.NONE)]


def test_h32_the_next_part_begins_with_no_answers() -> None:
    station = bench(2, max_in_flight=2)
    first = station.trigger()
    station.expose(first)
    second = station.trigger()
    for view, number, judgement in ((1, first, OK), (1, second, NOK), (2, second, OK), (2, first, OK)):
        station.happen(ev.ViewAnswered(number, view, judgement))
    assert [one.verdict for one in station.results] == [Verdict.OK, Verdict.NOK]


def test_h32_a_decision_that_the_journal_could_not_keep_is_one_of_no_view() -> None:
    station = bench(2, keep_ms=50, inspection_timeout_ms=200)
    number = station.trigger()
    station.happen(ev.ViewAnswered(number, 1, OK)).happen(ev.ViewAnswered(number, 2, OK)).happen(ev.Kept(number, False))
    unkept = (Verdict.NO_DECISION, Reason.JOURNAL)
    assert (station["verdict"], views_of(station)) == (Verdict.NO_DECISION, [unkept, unkept])


def test_h32_what_is_offered_again_after_a_restart_says_what_each_view_said() -> None:
    station = bench(2)
    number = station.trigger()
    station.happen(ev.ViewAnswered(number, 1, OK)).happen(ev.ViewAnswered(number, 2, NOK))
    before = Projection().image(station.state).values
    again = resumed(fresh(Options(views=NAMES[:2])), Memory(result_seq=1, shown_seq=1, owed=(station.results[0],)), 1)
    after = Projection().image(again).values
    names = [tag.name for tag in VIEW_TAGS]
    assert [after[name] for name in names] == [before[name] for name in names]
    assert after["views_result_seq"] == after["result_seq"] == 1


def test_h32_the_tags_of_the_views() -> None:
    station, projection = bench(2), Projection()
    values = projection.image(station.state).values
    assert {tag.name for tag in VIEW_TAGS} <= set(values)
    assert (values["view_count"], values["views_result_seq"], values["views[1].verdict"]) == (2, 0, 0)
    number = station.trigger()
    found = (Detection("Spot", 2, 0.9, 1, 1, 1, 1), Detection("", 1, 0.5, 1, 1, 1, 1))
    station.happen(ev.ViewAnswered(number, 1, Judgement(Verdict.NOK, Reason.NONE, found, 0.25, inspector_us=12_400)))
    station.happen(ev.ViewAnswered(number, 2, no_decision(Reason.NO_IMAGE)))
    values = projection.image(station.state).values
    columns = ("verdict", "reason", "detection_count", "defect_class", "score_milli", "inspection_time_ms")
    assert [[values[f"views[{row}].{column}"] for column in columns] for row in (1, 2, 3)] == [
        [2, 0, 2, 2, 250, 12],
        [3, Reason.NO_IMAGE, 0, 0, 0, 0],
        [0] * 6,
    ]
    assert values["views_result_seq"] == values["result_seq"] == 1


def test_h32_a_station_with_one_view_has_no_tags_of_views() -> None:
    station = rig()
    station.answer(station.trigger())
    assert not {tag.name for tag in VIEW_TAGS} & set(Projection().image(station.state).values)


def test_h32_the_number_in_the_views_block_is_that_of_the_tags_after_a_reset_too() -> None:
    station, projection = bench(2), Projection()
    number = station.trigger()
    station.happen(ev.ViewAnswered(number, 1, OK)).happen(ev.ViewAnswered(number, 2, OK))
    before = projection.image(station.state).values
    station.pulse("reset")
    after = projection.image(station.state).values
    assert (before["views[1].verdict"], after["views[1].verdict"]) == (1, 0)
    assert after["views_result_seq"] == after["result_seq"]

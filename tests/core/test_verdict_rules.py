"""A recipe's rules make a verdict stricter or leave it undecided, and never better."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.result import UNDECIDED, Detection, Judgement, Reason, Verdict, no_decision
from gateway.core.rules import NO_RULES, VerdictRules
from gateway.core.views import combine

STRICTER = {Verdict.OK: 0, Verdict.NO_DECISION: 1, Verdict.NOK: 2}
LABELS = st.sampled_from(["Scratch", "Dent", "Cap", ""])
COUNTS = st.dictionaries(LABELS, st.integers(0, 3), max_size=3)
SCORES = st.none() | st.floats(-1, 2)
RULES = st.builds(VerdictRules, st.none() | st.integers(0, 4), st.integers(0, 3), COUNTS, COUNTS, SCORES, SCORES)
FAULTS = st.sampled_from(sorted(UNDECIDED))


def found(*labels: str) -> tuple[Detection, ...]:
    return tuple(Detection(label, 0, 0.9, 0, 0, 1, 1) for label in labels)


DETECTIONS = st.lists(LABELS, max_size=5).map(lambda labels: found(*labels))
DECIDED = st.builds(
    Judgement,
    st.sampled_from([Verdict.OK, Verdict.NOK]),
    st.just(Reason.NONE),
    DETECTIONS,
    SCORES,
    detail=st.text(max_size=3),
)
JUDGEMENTS = DECIDED | FAULTS.map(no_decision)


@given(RULES, JUDGEMENTS, st.booleans())
def test_no_rule_makes_a_verdict_better(rules: VerdictRules, judgement: Judgement, all_read: bool) -> None:
    after = rules.judged(judgement, all_read=all_read)
    assert STRICTER[after.verdict] >= STRICTER[judgement.verdict]
    if judgement.verdict is Verdict.NO_DECISION:
        assert after is judgement, "a fault stays what it is"
    if after.verdict is not judgement.verdict:
        assert after.detail.startswith(judgement.detail), "what was said before stays"
        assert len(after.detail) > len(judgement.detail), "and the rule is named"
    assert (after.detections, after.score, after.user_values) == (
        judgement.detections, judgement.score, judgement.user_values,
    )  # fmt: skip


@given(RULES, DECIDED, st.booleans())
def test_ok_only_where_every_rule_is_kept(rules: VerdictRules, judgement: Judgement, all_read: bool) -> None:
    after = rules.judged(judgement, all_read=all_read)
    if after.verdict is not Verdict.OK:
        return
    labels = [one.label for one in judgement.detections]
    assert len(labels) >= rules.fewest
    assert rules.most is None or len(labels) <= rules.most
    assert all(labels.count(label) <= most for label, most in rules.at_most.items())
    assert all(labels.count(label) >= fewest for label, fewest in rules.at_least.items())
    limits = (rules.most is not None, rules.fewest, rules.at_most, rules.at_least)
    assert all_read or not any(limits)
    assert rules.ok_below is None or (judgement.score is not None and judgement.score < rules.ok_below)
    assert rules.nok_above is None or (judgement.score is not None and judgement.score <= rules.nok_above)


@given(RULES, DECIDED)
def test_judged_twice_is_judged_once(rules: VerdictRules, judgement: Judgement) -> None:
    once = rules.judged(judgement)
    assert rules.judged(once).verdict is once.verdict


@given(JUDGEMENTS, st.booleans())
def test_without_rules_everything_stands(judgement: Judgement, all_read: bool) -> None:
    assert NO_RULES.judged(judgement, all_read=all_read) is judgement


def ok(*labels: str, score: float | None = None) -> Judgement:
    return Judgement(Verdict.OK, detections=found(*labels), score=score)


BAND = VerdictRules(ok_below=0.3, nok_above=0.7)
N, O, U = Verdict.NOK, Verdict.OK, Verdict.NO_DECISION  # noqa: E741  # columns of a table
TABLE = [
    (VerdictRules(most=2), ok("a", "b"), O, Reason.NONE, ""),
    (VerdictRules(most=2), ok("a", "b", "c"), N, Reason.NONE, "3 objects, at most 2 allowed"),
    (VerdictRules(most=0), ok("a"), N, Reason.NONE, "1 objects, at most 0 allowed"),
    (VerdictRules(fewest=1), ok(), N, Reason.NONE, "0 objects, at least 1 wanted"),
    (VerdictRules(at_most={"Scratch": 1}), ok("Scratch", "Dent", "Dent"), O, Reason.NONE, ""),
    (VerdictRules(at_most={"Scratch": 1}), ok("Scratch", "Scratch"), N, Reason.NONE, "2 of Scratch, at most 1 allowed"),
    (VerdictRules(at_most={"Scratch": 1}), ok("Dent", ""), U, Reason.UNCHECKED, "an object has no class"),
    (VerdictRules(at_least={"Cap": 1}), ok("Dent"), N, Reason.NONE, "0 of Cap, at least 1 wanted"),
    (VerdictRules(at_least={"Cap": 1}), ok("Cap", "Cap"), O, Reason.NONE, ""),
    (BAND, ok(score=0.29), O, Reason.NONE, ""),
    (BAND, ok(score=0.3), U, Reason.REVIEW, "score 0.3 is not below 0.3"),
    (BAND, ok(score=0.7), U, Reason.REVIEW, "score 0.7 is not below 0.3"),
    (BAND, ok(score=0.71), N, Reason.NONE, "score 0.71 is over 0.7"),
    (BAND, ok(), U, Reason.UNCHECKED, "PEKAT gave no score"),
    (VerdictRules(nok_above=0.7), ok(score=0.7), O, Reason.NONE, ""),
    (VerdictRules(ok_below=0.3), ok(score=9), U, Reason.REVIEW, "score 9 is not below 0.3"),
    (BAND, Judgement(Verdict.NOK, score=0.1), N, Reason.NONE, ""),
    (BAND, Judgement(Verdict.NOK), N, Reason.NONE, ""),
    (VerdictRules(most=0, ok_below=0.3), ok("a", score=0.5), N, Reason.NONE, "1 objects"),
]  # fmt: skip


@pytest.mark.parametrize(("rules", "judgement", "verdict", "reason", "said"), TABLE)
def test_the_table(rules: VerdictRules, judgement: Judgement, verdict: Verdict, reason: Reason, said: str) -> None:
    after = rules.judged(judgement)
    assert (after.verdict, after.reason) == (verdict, reason)
    assert said in after.detail
    assert bool(after.detail) == bool(said)


@pytest.mark.parametrize(
    ("rules", "judgement", "verdict", "reason"),
    [
        (VerdictRules(most=1), ok("a", "b"), Verdict.NOK, Reason.NONE),  # it can only be more
        (VerdictRules(most=1), ok("a"), Verdict.NO_DECISION, Reason.UNCHECKED),
        (VerdictRules(fewest=1), ok(), Verdict.NO_DECISION, Reason.UNCHECKED),
        (VerdictRules(at_least={"Cap": 1}), ok("Cap"), Verdict.NO_DECISION, Reason.UNCHECKED),
        (BAND, ok("a", score=0.1), Verdict.OK, Reason.NONE),
    ],
)
def test_what_could_not_be_read_counts_for_neither_side(
    rules: VerdictRules, judgement: Judgement, verdict: Verdict, reason: Reason
) -> None:
    after = rules.judged(judgement, all_read=False)
    assert (after.verdict, after.reason) == (verdict, reason)


def test_of_several_views_a_fault_is_not_hidden_behind_a_look() -> None:
    whole = combine(["top", "side"], [no_decision(Reason.REVIEW), no_decision(Reason.FLOW_ERROR)])
    assert whole.reason is Reason.FLOW_ERROR
    assert combine(["top", "side"], [no_decision(Reason.REVIEW), ok()]).reason is Reason.REVIEW
    assert combine(["top", "side"], [no_decision(Reason.REVIEW), Judgement(Verdict.NOK)]).verdict is Verdict.NOK

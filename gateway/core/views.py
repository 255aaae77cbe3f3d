"""Several views of one part: their judgements become one. Pure.

All OK is OK, any NOK is NOK, all else is no decision: a fault in one view is never an OK. What one view found bad stays
bad, whatever became of the others.
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.core.result import CUT_SHORT, REASON_TEXTS, Detection, Judgement, Reason, Verdict, ViewJudgement

MOST_VIEWS = 8
"""As many as the tags have rows for."""


def combine(names: Sequence[str], judgements: Sequence[Judgement]) -> Judgement:
    """The one judgement of all views, each with its name. Raises ValueError where there are none.

    Reason: that of the first view without a decision, if the whole has none; a fault comes before a mere REVIEW.
    Detections: those of all views, the surest first. Score: the first one given by a view of the whole's verdict, as
    what a greater score means is the project's own affair. Time: the longest. Detail: what each view had to say. User
    values: those of all views.
    """
    verdict = _verdict([one.verdict for one in judgements])
    alike = [one for one in judgements if one.verdict is verdict]
    views = tuple(
        _view(number, name, one) for number, (name, one) in enumerate(zip(names, judgements, strict=True), start=1)
    )
    return Judgement(
        verdict,
        min((one.reason for one in alike), key=lambda reason: _RANK.get(reason, 1)),
        _detections(judgements),
        next((one.score for one in alike if one.score is not None), None),
        tuple(value for one in judgements for value in one.user_values),
        "; ".join(f"{one.name}: {one.detail}" for one in views if one.detail),
        max(one.inspector_us for one in judgements),
        views,
    )


_RANK = {Reason.NONE: 0, Reason.REVIEW: 2}
"""Which of several reasons for the same verdict counts: what PEKAT saw, then faults, then what is to be looked at."""


def completed(names: Sequence[str], answers: Sequence[Judgement | None], rest: Judgement) -> Judgement:
    """The one judgement where the views without an answer get `rest`.

    A command that cut it short (cancel, reset, stop) is the whole's reason, whatever the others found.
    """
    whole = combine(names, [rest if answer is None else answer for answer in answers])
    if None in answers and rest.verdict is Verdict.NO_DECISION and rest.reason in CUT_SHORT:
        return replace(whole, verdict=rest.verdict, reason=rest.reason, detail=rest.detail)
    return whole


def _verdict(verdicts: Sequence[Verdict]) -> Verdict:
    if not verdicts:
        raise ValueError("no view, no verdict")
    if Verdict.NOK in verdicts:
        return Verdict.NOK
    return Verdict.OK if all(one is Verdict.OK for one in verdicts) else Verdict.NO_DECISION


def _view(number: int, name: str, one: Judgement) -> ViewJudgement:
    found = one.detections
    detail = one.detail or ("" if one.reason is Reason.NONE else REASON_TEXTS[one.reason])
    surest = found[0].class_number if found else 0
    return ViewJudgement(number, name, one.verdict, one.reason, len(found), surest, one.score, one.inspector_us, detail)


def _detections(judgements: Sequence[Judgement]) -> tuple[Detection, ...]:
    found = [replace(one, view=number) for number, whose in enumerate(judgements, start=1) for one in whose.detections]
    return tuple(sorted(found, key=lambda one: (-one.confidence, one.x, one.y)))

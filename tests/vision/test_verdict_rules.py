"""A recipe's rules, from gateway.toml to the judgement of a reply."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from gateway.core.result import Judgement, Reason, Verdict
from gateway.vision.pekat_reply import read_reply
from gateway.vision.settings import RecipeSettings

RECIPE: dict[str, Any] = {"number": 1, "name": "cap", "url": "http://127.0.0.1:8000"}


def rectangle(label: str | None, **more: Any) -> dict[str, Any]:
    names = [{"label": label, "confidence": 0.9}] if label is not None else []
    return {"x": 1, "y": 2, "width": 3, "height": 4, "confidence": 0.9, "classNames": names} | more


SPOTS = [rectangle("Spot")] * 2


def judged(rules: dict[str, Any], context: dict[str, Any]) -> Judgement:
    recipe = RecipeSettings.model_validate({**RECIPE, "rules": rules})
    return read_reply(200, {}, json.dumps(context).encode(), recipe.reply_rules([])).judgement


@pytest.mark.parametrize(
    ("rules", "context", "verdict", "reason"),
    [
        ({}, {"result": True, "detectedRectangles": SPOTS * 5}, Verdict.OK, Reason.NONE),
        ({"max_detections": 1}, {"result": True, "detectedRectangles": SPOTS}, Verdict.NOK, Reason.NONE),
        ({"at_most": {"Spot": 1}}, {"result": True, "detectedRectangles": SPOTS}, Verdict.NOK, Reason.NONE),
        ({"at_least": {"Cap": 1}}, {"result": True}, Verdict.NOK, Reason.NONE),
        ({"min_detections": 1}, {"result": True, "detectedRectangles": []}, Verdict.NOK, Reason.NONE),
        ({"ok_below": 0.2, "nok_above": 0.6}, {"result": True, "score": 0.4}, Verdict.NO_DECISION, Reason.REVIEW),
        ({"ok_below": 0.2, "nok_above": 0.6}, {"result": True, "score": 0.1}, Verdict.OK, Reason.NONE),
        ({"ok_below": 0.2, "nok_above": 0.6}, {"result": True, "score": 0.61}, Verdict.NOK, Reason.NONE),
        ({"ok_below": 0.2}, {"result": False, "score": 0.4}, Verdict.NOK, Reason.NONE),
        ({"ok_below": 0.2}, {"result": None, "score": 0.1}, Verdict.NO_DECISION, Reason.UNDEFINED),
        ({"ok_below": 0.2}, {"result": True, "error": True, "score": 0.1}, Verdict.NO_DECISION, Reason.FLOW_ERROR),
        ({"ok_below": 0.2}, {"result": True}, Verdict.NO_DECISION, Reason.UNCHECKED),
        ({"ok_below": 0.2}, {"result": True, "score": float("nan")}, Verdict.NO_DECISION, Reason.UNCHECKED),
        ({"ok_below": 0.2}, {"result": True, "score": "low"}, Verdict.NO_DECISION, Reason.UNCHECKED),
        ({"max_detections": 5}, {"result": True, "detectedRectangles": "none"}, Verdict.NO_DECISION, Reason.UNCHECKED),
        (
            {"max_detections": 5},
            {"result": True, "detectedRectangles": [rectangle("Spot", x=None)]},
            Verdict.NO_DECISION,
            Reason.UNCHECKED,
        ),
        (
            {"at_most": {"Spot": 1}},
            {"result": True, "detectedRectangles": [rectangle(None)]},
            Verdict.NO_DECISION,
            Reason.UNCHECKED,
        ),
    ],
)  # fmt: skip
def test_a_reply_is_judged_by_the_recipes_rules(
    rules: dict[str, Any], context: dict[str, Any], verdict: Verdict, reason: Reason
) -> None:
    judgement = judged(rules, context)
    assert (judgement.verdict, judgement.reason) == (verdict, reason)


def test_what_was_broken_stands_in_the_detail() -> None:
    context = {"result": True, "score": 0.9, "detectedRectangles": [rectangle("Spot")] * 3}
    detail = judged({"at_most": {"Spot": 1}, "nok_above": 0.5}, context).detail
    assert detail == "3 of Spot, at most 1 allowed; score 0.9 is over 0.5"


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"ok_below": 0.7, "nok_above": 0.2}, "ok_below 0.7 is over nok_above 0.2"),
        ({"max_detections": 1, "min_detections": 2}, "min_detections 2 is over max_detections 1"),
        ({"at_most": {"Cap": 0}, "at_least": {"Cap": 1}}, "at_least of Cap is over its at_most"),
        ({"ok_below": float("nan")}, "finite"),
        ({"at_most": {"Cap": -1}}, "greater than or equal to 0"),
        ({"nok_over": 1.0}, "Extra inputs"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused(rules: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        RecipeSettings.model_validate({**RECIPE, "rules": rules})


def test_a_label_that_the_class_table_does_not_know_would_never_count() -> None:
    with pytest.raises(ValidationError, match="'Scrach', which is not in classes"):
        RecipeSettings.model_validate({**RECIPE, "classes": {"Scratch": 1}, "rules": {"at_most": {"Scrach": 2}}})
    side = {"view": "side", "classes": {"Dent": 1}}
    with pytest.raises(ValidationError, match="'Scratch', which is not in classes"):
        RecipeSettings.model_validate(
            {**RECIPE, "classes": {"Scratch": 1}, "rules": {"at_most": {"Scratch": 2}}, "views": [side]}
        )


def test_a_view_may_have_rules_of_its_own() -> None:
    recipe = RecipeSettings.model_validate(
        {**RECIPE, "rules": {"max_detections": 1}, "views": [{"view": "side", "rules": {"ok_below": 0.5}}]}
    )
    assert recipe.for_view("side").reply_rules([]).verdict.ok_below == 0.5
    assert recipe.for_view("side").reply_rules([]).verdict.most is None
    assert recipe.for_view("top").reply_rules([]).verdict.most == 1

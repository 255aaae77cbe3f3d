"""What stands in PEKAT's context: detected rectangles and user values. Pure; a wrong entry is left out, not raised."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from jmespath.parser import ParsedResult

from gateway.core.result import Detection, UserValue
from gateway.core.tags import TagType

Json = Any
"""A parsed JSON value: dict, list, str, int, float (also NaN and the infinities), bool or None."""

UNFOLLOWABLE = (ValueError, TypeError, ArithmeticError, RecursionError, LookupError, AttributeError)
"""What jmespath raises where a path's functions meet values of another type than they expect."""

LABEL_LENGTH = 200
"""Characters of a label that are kept; labels are names, and a reply must not fill the journal."""


@dataclass(frozen=True, slots=True)
class UserValueRule:
    """Where a user value comes from and what it becomes: `found * scale + offset`, or `default`.

    `path` is compiled JMESPath. BIT takes booleans, STRING texts, every other type numbers.
    """

    name: str
    path: ParsedResult
    type: TagType
    default: UserValue
    scale: float = 1.0
    offset: float = 0.0


def number(value: Json) -> float | None:
    """A finite JSON number as float; None for everything else, booleans and numbers beyond a float included."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        converted = float(value)
    except OverflowError:
        return None
    return converted if isfinite(converted) else None


def detections_of(context: Mapping[str, Json], classes: Mapping[str, int]) -> tuple[tuple[Detection, ...], list[str]]:
    """The detected rectangles, the surest first, then by x, and a sentence about those that could not be read.

    Their order in the context is not promised; the first class name is the winner, the others are candidates.
    """
    entries = context.get("detectedRectangles")
    if entries is None:
        return (), []
    if not isinstance(entries, list):
        return (), ["detectedRectangles is no list"]
    read = [_detection(entry, classes) for entry in entries]
    found = sorted((d for d in read if d is not None), key=lambda d: (-d.confidence, d.x, d.y))
    lost = len(read) - len(found)
    return tuple(found), [f"{lost} of {len(read)} detected rectangles could not be read"] if lost else []


def _detection(entry: Json, classes: Mapping[str, int]) -> Detection | None:
    if not isinstance(entry, dict):
        return None
    x, y, width, height = (number(entry.get(key)) for key in ("x", "y", "width", "height"))
    if x is None or y is None or width is None or height is None:
        return None
    label, class_confidence = _winner(entry.get("classNames"))
    confidence = number(entry.get("confidence"))
    sure = confidence if confidence is not None else class_confidence
    return Detection(label, classes.get(label, 0), sure, x, y, width, height)


def _winner(names: Json) -> tuple[str, float]:
    """(label, confidence) of the first class name; a plain text is accepted, as Code modules write such."""
    first = names[0] if isinstance(names, list) and names else None
    if isinstance(first, str):
        return first[:LABEL_LENGTH], 0.0
    if not isinstance(first, dict) or not isinstance(label := first.get("label"), str):
        return "", 0.0
    return label[:LABEL_LENGTH], number(first.get("confidence")) or 0.0


def value_of(context: Mapping[str, Json], rule: UserValueRule) -> tuple[UserValue, str]:
    """(value, doubt): the default where nothing is found, and with a sentence where something else is."""
    try:
        found: Json = rule.path.search(context)
    except UNFOLLOWABLE as error:
        return rule.default, f"user value {rule.name}: {type(error).__name__}"
    if found is None:
        return rule.default, ""
    value = _converted(found, rule)
    if value is None:
        return rule.default, f"user value {rule.name}: a {type(found).__name__} that is no {rule.type.value}"
    return value, ""


def _converted(found: Json, rule: UserValueRule) -> UserValue | None:
    match rule.type:
        case TagType.BIT:
            return found if isinstance(found, bool) else None
        case TagType.STRING:
            return found if isinstance(found, str) else None
        case _:
            plain = number(found)
            return None if plain is None else number(plain * rule.scale + rule.offset)

"""What an export says of each result. The first columns are promised in this order; new ones come at the end."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime

from gateway.cli.moments import shown
from gateway.core.result import Review, Verdict
from gateway.ports import StoredResult

Cell = bool | int | float | str | datetime | None
"""None: there is no such thing, as a score that PEKAT did not give."""


def word(member: object) -> str:
    """A verdict or a reason as one word: `ok`, `no_decision`, `inspector_offline`."""
    return str(getattr(member, "name", member)).lower()


def as_text(value: Cell) -> str:
    """A value in a line of text. Nothing is an empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return shown(value) if isinstance(value, datetime) else str(value)


def _ms(microseconds: int) -> float:
    return microseconds / 1000


def _ms_or_none(microseconds: int | None) -> float | None:
    return _ms(microseconds) if microseconds is not None else None


def _exposure_ms(stored: StoredResult) -> float | None:
    result = stored.result
    return _ms(result.exposed_at - result.accepted_at) if result.exposed_at else None


def _detections(stored: StoredResult) -> str:
    return _json([asdict(one) for one in stored.result.judgement.detections])


def _views(stored: StoredResult) -> str:
    views = stored.result.judgement.views
    return _json([asdict(one) | {"verdict": word(one.verdict), "reason": word(one.reason)} for one in views])


def _user_values(stored: StoredResult) -> str:
    return _json(dict(stored.result.judgement.user_values))


def _review(review: Review | None) -> str:
    """What an operator decided; empty where none was asked."""
    if review is None:
        return ""
    return "nobody" if review.decision is Verdict.NONE else word(review.decision)


def _review_ms(review: Review | None) -> float | None:
    """How long an operator was asked."""
    return _ms(review.ended_at - review.offered_at) if review is not None else None


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


COLUMNS: Mapping[str, Callable[[StoredResult], Cell]] = {
    "result_seq": lambda stored: stored.result.result_seq,
    "trigger_seq": lambda stored: stored.result.trigger_seq,
    "time": lambda stored: stored.answered,
    "station": lambda stored: stored.station,
    "part_id": lambda stored: stored.result.part_id,
    "recipe": lambda stored: stored.result.recipe,
    "verdict": lambda stored: word(stored.result.verdict),
    "reason": lambda stored: word(stored.result.judgement.reason),
    "detection_count": lambda stored: len(stored.result.judgement.detections),
    "recipe_name": lambda stored: stored.recipe_name,
    "score": lambda stored: stored.result.judgement.score,
    "exposed_ms": _exposure_ms,
    "inspector_ms": lambda stored: _ms(stored.result.judgement.inspector_us),
    "total_ms": lambda stored: _ms(stored.result.total_us),
    "result_id": lambda stored: stored.result_id,
    "asked_by": lambda stored: stored.result.origin.by,
    "job_id": lambda stored: stored.result.origin.job_id,
    "meas_id": lambda stored: stored.result.origin.meas_id,
    "product_id": lambda stored: stored.result.origin.product_id,
    "simulated": lambda stored: stored.result.origin.simulated,
    "presented": lambda stored: stored.presented,
    "detail": lambda stored: stored.result.judgement.detail,
    "detections": _detections,
    "user_values": _user_values,
    "views": _views,
    "images": lambda stored: _json(stored.images),
    "review": lambda stored: _review(stored.result.review),
    "reviewed_by": lambda stored: review.operator if (review := stored.result.review) is not None else "",
    "reviewed_over": lambda stored: review.over if (review := stored.result.review) is not None else "",
    "review_ms": lambda stored: _review_ms(stored.result.review),
    "client": lambda stored: stored.result.origin.client,
    "pictured_ms": lambda stored: _ms_or_none(stored.stages.pictured_us),
    "asked_ms": lambda stored: _ms_or_none(stored.stages.asked_us),
    "shown_ms": lambda stored: _ms_or_none(stored.stages.shown_us),
    "acknowledged_ms": lambda stored: _ms_or_none(stored.stages.acknowledged_us),
    "pictures": lambda stored: _json([{"view": view, "name": name} for view, name in stored.pictures]),
    "image_files": lambda stored: _json(stored.archived),
    "images_kept": lambda stored: stored.images_kept,
}

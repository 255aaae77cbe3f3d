"""What the PLC sees, as a function of the state. No action ever sets a bit, so no two protocols can disagree."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import isnan

from gateway.core import nok_row, tags
from gateway.core.commands import Commands
from gateway.core.errors import RejectReason
from gateway.core.query import Query
from gateway.core.recipe_change import RecipeOutcome
from gateway.core.result import Result, Verdict
from gateway.core.state import State
from gateway.core.tags import DETECTION_ROWS, Tag, TagType, TagValue, detection_tag, view_tag

MAP_VERSION = 1

_RANGES: Mapping[TagType, tuple[int, int]] = {
    TagType.UINT16: (0, 0xFFFF),
    TagType.INT16: (-0x8000, 0x7FFF),
    TagType.UINT32: (0, 0xFFFF_FFFF),
    TagType.INT32: (-0x8000_0000, 0x7FFF_FFFF),
}


@dataclass(frozen=True, slots=True)
class TagImage:
    """All tags of a station at one moment; replaced as a whole, never changed.

    `values` has every status tag, `commands` the control tags as last written. `seq` grows with each image.
    """

    seq: int
    values: Mapping[str, TagValue]
    commands: Commands


@dataclass(frozen=True, slots=True)
class _ResultTags:
    """The tags that come from the presented result and from the one read again, kept: they outlive many images."""

    result: Result | None
    query: Query
    values: Mapping[str, TagValue]


@dataclass(slots=True)
class Projection:
    """Makes the images of one station. `user_tags` are its user values, all named `user.*`."""

    user_tags: tuple[Tag, ...] = ()
    _seq: int = 0
    _last: _ResultTags | None = field(default=None)

    def image(self, state: State) -> TagImage:
        """The next image: `status(state)` with the tags of the presented result, and of the one read again."""
        last = self._last
        if last is None or last.result is not state.presented or last.query is not state.query:
            last = self._last = _ResultTags(state.presented, state.query, self._values(state))
        self._seq += 1
        return TagImage(self._seq, {**last.values, **status(state)}, state.commands)

    def _values(self, state: State) -> dict[str, TagValue]:
        values = result_values(state.presented, self.user_tags) | query_values(state.query)
        if several := len(state.options.views):
            values |= view_values(state.presented, state.shown_seq, several)
        return values

    def again(self, image: TagImage, commands: Commands) -> TagImage:
        """The next image where no status tag has changed: other commands beside the same values."""
        self._seq += 1
        return TagImage(self._seq, image.values, commands)


def status(state: State) -> dict[str, TagValue]:
    """Every status tag that does not come from the presented result."""
    s = state
    verdict = s.presented.verdict if s.presented is not None and s.valid else Verdict.NONE
    reject = s.reject
    return {
        "online": s.online,
        "ready": reject is RejectReason.NONE,
        "trigger_ack": s.trigger_ack,
        "busy": bool(s.flight),
        "exposure_done": s.exposure_done,
        "result_valid": s.valid,
        "result_toggle": s.toggle,
        "ok": verdict is Verdict.OK,
        "nok": verdict is Verdict.NOK,
        "no_decision": verdict is Verdict.NO_DECISION,
        "error": s.error is not None,
        "overrun": s.overrun,
        "trigger_rejected": s.reject_reason is not RejectReason.NONE,
        "recipe_ack": s.recipe_outcome is RecipeOutcome.DONE,
        "recipe_error": s.recipe_outcome is RecipeOutcome.FAILED,
        "watchdog_tripped": s.watchdog_tripped,
        "map_signature": tags.MAP_SIGNATURE,
        "map_version": MAP_VERSION,
        "state": int(s.state_where(reject)),
        "offline_reason": int(s.offline_reason),
        "reject_reason": int(s.reject_reason),
        "boot_id": s.boot_id,
        "heartbeat": s.heartbeat,
        "trigger_seq_accepted": s.trigger_seq_accepted,
        "result_seq": s.shown_seq,
        "error_code": int(s.error.code) if s.error is not None else 0,
        "error_cause": int(s.error.cause) if s.error is not None else 0,
        "error_count": s.error_count & 0xFFFF,
        "images_lost": s.images_lost & 0xFFFF,
        "recipe": s.recipe,
        "results_pending": len(s.waiting),
        "stop_line": nok_row.raised(s),
        "review_waiting": s.options.review_wait_ms > 0 and any(one.reviewing for one in s.flight),
        "count_triggers": s.counts.triggers & 0xFFFF_FFFF,
        "count_ok": s.counts.ok & 0xFFFF_FFFF,
        "count_nok": s.counts.nok & 0xFFFF_FFFF,
        "count_no_decision": s.counts.no_decision & 0xFFFF_FFFF,
        "count_missed": s.counts.missed & 0xFFFF_FFFF,
        "test_uint32": tags.TEST_UINT32,
        "test_float32": tags.TEST_FLOAT32,
        "test_string": tags.TEST_STRING,
        "user_result_seq": s.shown_seq,
        "result_seq_end": s.shown_seq,
    }


def shows_the_same(before: State, after: State) -> bool:
    """Whether no tag can differ, known without making an image: the two differ in their answers in flight at most.

    So it is while an answer is on its way to the disk, and the PLC waits for that. False says nothing.
    """
    if len(before.flight) != len(after.flight) or {**vars(before), "flight": after.flight} != vars(after):
        return False
    return all(
        (one.exposing, one.reviewing) == (other.exposing, other.reviewing)
        for one, other in zip(before.flight, after.flight, strict=True)
    )


def result_values(result: Result | None, user_tags: Iterable[Tag] = ()) -> dict[str, TagValue]:
    """The tags of one result; all zero where there is none. A value out of range saturates and is counted."""
    fit = _Fit()
    values: dict[str, TagValue] = {}
    judgement = result.judgement if result is not None else None
    found = judgement.detections if judgement is not None else ()
    values["result_trigger_seq"] = result.trigger_seq if result is not None else 0
    values["verdict"] = int(result.verdict) if result is not None else 0
    values["reason"] = int(judgement.reason) if judgement is not None else 0
    values["result_recipe"] = result.recipe if result is not None else 0
    values["result_part_id"] = result.part_id if result is not None else ""
    values["detection_count"] = fit.number(len(found), TagType.UINT16)
    values["detections_truncated"] = int(len(found) > DETECTION_ROWS)
    values["defect_class"] = fit.number(found[0].class_number, TagType.UINT16) if found else 0
    score = judgement.score if judgement is not None and judgement.score is not None else 0.0
    values["score_milli"] = fit.number(score * 1000, TagType.UINT16)
    asked_us = judgement.inspector_us if judgement is not None else 0
    total_us = result.total_us if result is not None else 0
    # Durations saturate without being counted: 65.5 s says "very long" well enough.
    values["inspection_time_ms"] = min(round(asked_us / 1000), 0xFFFF)
    values["total_time_ms"] = min(round(total_us / 1000), 0xFFFF)
    values |= _NO_ROWS
    for names, d in zip(_ROW_NAMES, found, strict=False):
        cells = (d.class_number, d.confidence * 1000, d.x, d.y, d.width, d.height)
        for name, cell in zip(names, cells, strict=True):
            values[name] = fit.number(cell, TagType.UINT16)
    given = dict(judgement.user_values) if judgement is not None else {}
    for tag in user_tags:
        values[tag.name] = fit.value(given.get(tag.name.removeprefix("user."), tag.default), tag)
    values["values_saturated"] = fit.saturated
    return values


def view_values(result: Result | None, shown_seq: int, count: int) -> dict[str, TagValue]:
    """The tags of a station with `count` views; rows without a view are zero. `shown_seq` is what `result_seq` says.

    They saturate without being counted: `values_saturated` tells of the result as a whole.
    """
    fit = _Fit()
    values: dict[str, TagValue] = {tag.name: 0 for tag in tags.VIEW_CELLS}
    values |= {"views_result_seq": shown_seq, "view_count": count}
    for one in result.judgement.views if result is not None else ():
        numbers = (
            int(one.verdict), int(one.reason), one.detection_count, one.defect_class, (one.score or 0.0) * 1000,
            one.inspector_us / 1000,
        )  # fmt: skip
        for column, number in zip(tags.VIEW_COLUMNS, numbers, strict=True):
            values[view_tag(one.view, column)] = fit.number(number, TagType.UINT16)
    return values


def query_values(query: Query) -> dict[str, TagValue]:
    """The tags of the result that is read again (H37); all but the first two are 0 unless it was found.

    They are what `result_values` made of it when it was presented. Seconds since 1970 wrap in 2106.
    """
    found = result_values(query.result) if query.result is not None else _NO_RESULT
    seconds, ms = divmod(query.answered_ms, 1000)
    return {
        "query_result_seq": query.shown_seq,
        "query_status": int(query.status),
        "query_trigger_seq": found["result_trigger_seq"],
        "query_recipe": found["result_recipe"],
        "query_part_id": found["result_part_id"],
        "query_answered_s": seconds & 0xFFFF_FFFF,
        "query_answered_ms": ms,
        **{f"query_{name}": found[name] for name in _AS_PRESENTED},
    }


_AS_PRESENTED = (
    "verdict",
    "reason",
    "detection_count",
    "defect_class",
    "score_milli",
    "inspection_time_ms",
    "total_time_ms",
)

_ROW_NAMES = [
    [detection_tag(row, column) for column, _, _ in tags.DETECTION_COLUMNS] for row in range(1, DETECTION_ROWS + 1)
]
_NO_ROWS: dict[str, TagValue] = {name: 0 for names in _ROW_NAMES for name in names}


@dataclass(slots=True)
class _Fit:
    """Fits values into tags and counts those that did not fit: they saturate, they never wrap."""

    saturated: int = 0

    def number(self, value: float, kind: TagType) -> int:
        low, high = _RANGES[kind]
        if value < low or value > high:  # first: an int that no float can hold is no NaN either
            self.saturated += 1
            return low if value < low else high
        if isnan(value):  # has no place in a register
            self.saturated += 1
            return 0
        return round(value)

    def value(self, value: TagValue, tag: Tag) -> TagValue:
        match tag.type:
            case TagType.STRING:
                return self.text(str(value), tag.length)
            case TagType.BIT:
                return bool(value)
            case TagType.FLOAT32:
                return self.float32(value if not isinstance(value, str) else 0.0)
            case _:
                return self.number(value if not isinstance(value, str) else 0, tag.type)

    def text(self, value: str, length: int) -> str:
        """At most `length` bytes of UTF-8, cut at a whole character: the same text in every protocol."""
        data = value.encode(errors="replace")
        self.saturated += len(data) > length
        return data[:length].decode(errors="ignore")

    def float32(self, value: float) -> float:
        if abs(value) > _FLOAT32_MAX:
            self.saturated += 1
            return _FLOAT32_MAX if value > 0 else -_FLOAT32_MAX
        return float(value)


_FLOAT32_MAX = 3.4028234663852886e38
_NO_RESULT = result_values(None)

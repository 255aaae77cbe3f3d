"""The projection: values saturate and are counted, they never wrap, whatever PEKAT's context holds."""

from math import isnan
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.counts import Counts
from gateway.core.image import Projection, result_values, status
from gateway.core.result import Detection, Judgement, Result, Verdict
from gateway.core.tags import DETECTION_ROWS, STATUS_TAGS, TagType, TagValue, user_tag
from tests.core.driver import fresh, rig

NUMBERS = st.one_of(st.floats(), st.integers(-(10**400), 10**400), st.booleans())
LIMITS = {
    TagType.UINT16: (0, 0xFFFF),
    TagType.INT16: (-0x8000, 0x7FFF),
    TagType.UINT32: (0, 0xFFFF_FFFF),
    TagType.INT32: (-0x8000_0000, 0x7FFF_FFFF),
}
FLOAT32_MAX = (2 - 2**-23) * 2.0**127


def _result(judgement: Judgement, took_us: int = 1) -> Result:
    return Result(1, 1, 1, "part", 1, judgement, 0, 0, took_us)


def _nan(value: float) -> bool:
    """isnan, also of an int that no float can hold."""
    return isinstance(value, float) and isnan(value)


def _user(value: Any, kind: TagType, length: int = 1) -> tuple[TagValue, int]:
    """What the tag of a user value shows, and how many values did not fit."""
    tag = user_tag("v", kind, length=length)
    values = result_values(_result(Judgement(Verdict.OK, user_values=(("v", value),))), [tag])
    return values["user.v"], int(values["values_saturated"])


@given(value=NUMBERS, kind=st.sampled_from(list(LIMITS)))
def test_a_number_saturates_and_never_wraps(value: float, kind: TagType) -> None:
    low, high = LIMITS[kind]
    shown, saturated = _user(value, kind)
    assert isinstance(shown, int)
    if _nan(value):
        assert (shown, saturated) == (0, 1)
    elif low <= value <= high:
        assert (shown, saturated) == (round(value), 0)
    else:
        assert (shown, saturated) == (low if value < low else high, 1)


@given(value=NUMBERS)
def test_a_float_saturates_at_the_greatest_32_bit_float(value: float) -> None:
    shown, saturated = _user(value, TagType.FLOAT32)
    assert isinstance(shown, float)
    if _nan(value):
        assert isnan(shown)
    elif abs(value) <= FLOAT32_MAX:
        assert (shown, saturated) == (float(value), 0)
    else:
        assert (shown, saturated) == (FLOAT32_MAX if value > 0 else -FLOAT32_MAX, 1)


@given(text=st.text(max_size=50), length=st.integers(1, 40))
def test_a_text_is_cut_at_a_whole_character_and_counted(text: str, length: int) -> None:
    shown, saturated = _user(text, TagType.STRING, length)
    assert isinstance(shown, str)
    size = len(text.encode())
    assert saturated == int(size > length)
    assert text.startswith(shown)
    assert min(size, length) - 3 <= len(shown.encode()) <= length


@given(value=st.booleans())
def test_a_bit_is_a_bit(value: bool) -> None:
    assert _user(value, TagType.BIT) == (value, 0)


def test_a_user_value_that_is_missing_has_its_default() -> None:
    tag = user_tag("v", TagType.FLOAT32)
    assert result_values(_result(Judgement(Verdict.OK)), [tag])["user.v"] == 0.0
    assert result_values(None, [tag])["user.v"] == 0.0


DETECTIONS = st.builds(
    Detection,
    label=st.just("scratch"),
    class_number=st.integers(-5, 100_000),
    confidence=st.floats(-1, 100),
    **dict.fromkeys(("x", "y", "width", "height"), st.floats(allow_nan=True, allow_infinity=True)),
)


@given(found=st.lists(DETECTIONS, max_size=12))
def test_the_detection_table_is_always_whole_and_in_range(found: list[Detection]) -> None:
    values = result_values(_result(Judgement(Verdict.NOK, detections=tuple(found))))
    cells = {name: value for name, value in values.items() if name.startswith("detections[")}
    assert len(cells) == 6 * DETECTION_ROWS
    assert all(isinstance(cell, int) and 0 <= cell <= 0xFFFF for cell in cells.values())
    assert values["detection_count"] == len(found)
    assert values["detections_truncated"] == int(len(found) > DETECTION_ROWS)
    assert all(values[f"detections[{row}].class"] == 0 for row in range(len(found) + 1, DETECTION_ROWS + 1))
    assert values["defect_class"] == (values["detections[1].class"] if found else 0)


@given(score=st.floats(allow_nan=True), took_us=st.integers(0, 2**50), asked_us=st.integers(0, 2**50))
def test_score_and_times_stay_in_their_word(score: float, took_us: int, asked_us: int) -> None:
    values = result_values(_result(Judgement(Verdict.OK, score=score, inspector_us=asked_us), took_us))
    assert 0 <= int(values["score_milli"]) <= 0xFFFF
    assert values["total_time_ms"] == min(round(took_us / 1000), 0xFFFF)
    assert values["inspection_time_ms"] == min(round(asked_us / 1000), 0xFFFF)


def test_counters_wrap_at_the_width_of_their_tag() -> None:
    counts = Counts(triggers=2**32 + 3, ok=2**32, nok=2**32 - 1, no_decision=1, missed=2**33 + 9)
    tags = status(fresh(counts=counts, error_count=0x1_0002))
    assert (tags["count_triggers"], tags["count_ok"], tags["count_nok"]) == (3, 0, 0xFFFF_FFFF)
    assert (tags["count_no_decision"], tags["count_missed"], tags["error_count"]) == (1, 9, 2)


def test_an_image_has_every_status_tag_and_no_other() -> None:
    bench, tag = rig(), user_tag("v", TagType.UINT16)
    projection = Projection((tag,))
    assert set(projection.image(bench.state).values) == {tag.name for tag in STATUS_TAGS} | {"user.v"}
    bench.write(trigger=True).answer(1)
    assert set(projection.image(bench.state).values) == {tag.name for tag in STATUS_TAGS} | {"user.v"}


def test_images_are_numbered_and_follow_the_presented_result() -> None:
    projection, bench = Projection(), rig().write(trigger=True, part_id="one")
    images = [projection.image(bench.state), projection.image(bench.answer(1).state)]
    images.append(projection.image(bench.write(reset=True).state))
    assert [image.seq for image in images] == [1, 2, 3]
    assert [image.values["result_part_id"] for image in images] == ["", "one", ""]

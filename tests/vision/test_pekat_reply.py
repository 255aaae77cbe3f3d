"""Every outcome of a reply, from one folder each, and any other reply: never an error, never a wrong OK (H10)."""

import json
from math import isnan
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.result import Reason, Verdict
from gateway.vision.pekat_reply import Reply, read_reply
from tests.vision.rules import rules

CASES = Path(__file__).parent.parent / "data" / "pekat"
NAMES = sorted(folder.name for folder in CASES.iterdir())


def load(name: str) -> tuple[Reply, dict[str, Any]]:
    case = json.loads((CASES / name / "expected.json").read_text(encoding="utf-8"))
    body = next((CASES / name).glob("reply.*")).read_bytes()
    read = rules(case["response_type"], case.get("result_path", ""))
    return read_reply(case["status"], case["headers"], body, read), case["expected"]


@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_reply_means_what_its_folder_says(name: str) -> None:
    reply, expected = load(name)
    judgement = reply.judgement
    told: dict[str, Any] = {
        "verdict": judgement.verdict.name,
        "reason": judgement.reason.name,
        "score": judgement.score,
        "detections": [
            [d.label, d.class_number, d.confidence, d.x, d.y, d.width, d.height] for d in judgement.detections
        ],
        "user_values": dict(judgement.user_values),
        "detail": judgement.detail,
        "image": None if reply.image is None else len(reply.image),
    }
    assert {key: told[key] for key in expected} == expected


def test_the_folders_cover_every_reason_that_a_reply_can_give() -> None:
    reasons = {load(name)[0].judgement.reason for name in NAMES}
    transport = {Reason.TIMEOUT, Reason.INSPECTOR_OFFLINE}
    ours = {reason for reason in Reason if reason >= Reason.NO_IMAGE}  # PEKAT was not asked, or the answer was dropped
    assert reasons == set(Reason) - transport - ours


def test_a_no_decision_always_says_why() -> None:
    for name in NAMES:
        judgement = load(name)[0].judgement
        assert judgement.detail or judgement.reason is Reason.NONE, name


def test_a_refusals_text_is_kept_short() -> None:
    judgement = read_reply(400, {}, b"line\n" * 10_000, rules()).judgement
    assert "line line" in judgement.detail
    assert len(judgement.detail) < 300


# ---- anything at all --------------------------------------------------------------------------------------------

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([10**400, -(10**18)])
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)
RECTANGLE = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(("x", "y", "width", "height", "confidence"), SCALARS | JSON),
        "classNames": JSON | st.lists(st.fixed_dictionaries({}, optional={"label": JSON, "confidence": JSON})),
    },
)
CONTEXT = st.fixed_dictionaries(
    {},
    optional={
        "result": st.booleans() | JSON,
        "processing": st.booleans() | JSON,
        "error": st.booleans() | JSON,
        "errors": st.just([]) | JSON,
        "score": JSON,
        "measurement": JSON | st.fixed_dictionaries({}, optional={"gap": SCALARS, "ratio": SCALARS}),
        "label_measurement": JSON,
        "flag": JSON,
        "detectedRectangles": JSON | st.lists(RECTANGLE | JSON, max_size=5),
    },
)
HEADERS = st.dictionaries(
    st.sampled_from(["ImageLen", "imagelen", "ContextBase64utf", "Content-Type"]),
    st.text(max_size=12) | st.integers(-5, 300).map(str),
    max_size=2,
)


def assert_sound(reply: Reply, context: Any) -> None:
    judgement = reply.judgement
    if judgement.verdict is Verdict.OK:
        assert isinstance(context, dict)
        assert context["result"] is True
        assert context.get("processing", True) is True
        assert not context.get("error")
        assert not context.get("errors")
    if judgement.verdict is Verdict.NOK:
        assert context["result"] is False
    values = dict(judgement.user_values)
    assert not any(isinstance(value, float) and isnan(value) for value in values.values())
    if values:
        assert isinstance(values["text"], str)
        assert isinstance(values["flag"], bool)
        assert isinstance(values["gap"], int | float)
    sure = [d.confidence for d in judgement.detections]
    assert sure == sorted(sure, reverse=True)


@settings(max_examples=400, deadline=None)
@given(context=CONTEXT, escaped=st.booleans())
def test_any_context_is_read_and_only_a_sound_true_is_ok(context: dict[str, Any], escaped: bool) -> None:
    body = json.dumps(context, ensure_ascii=escaped).encode("utf-8", "surrogatepass")
    assert_sound(read_reply(200, {}, body, rules()), json.loads(body.decode("utf-8", "surrogatepass")))


@settings(max_examples=300, deadline=None)
@given(body=st.binary(max_size=200), headers=HEADERS, status=st.integers(100, 599))
def test_any_bytes_are_no_ok(body: bytes, headers: dict[str, str], status: int) -> None:
    for kind in ("context", "image"):
        reply = read_reply(status, headers, body, rules("image" if kind == "image" else "context"))
        assert reply.judgement.verdict is Verdict.NO_DECISION


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(NAMES), place=st.floats(0, 1), change=st.binary(max_size=3), cut=st.booleans())
def test_a_damaged_reply_is_never_an_ok_of_its_own(name: str, place: float, change: bytes, cut: bool) -> None:
    case = json.loads((CASES / name / "expected.json").read_text(encoding="utf-8"))
    body = next((CASES / name).glob("reply.*")).read_bytes()
    at = int(place * len(body))
    damaged = body[:at] + change + (b"" if cut else body[at + len(change) :])
    reply = read_reply(case["status"], case["headers"], damaged, rules(case["response_type"]))
    if reply.judgement.verdict is not Verdict.NO_DECISION:
        assert_sound(reply, reply.context)

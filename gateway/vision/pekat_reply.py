"""PEKAT's replies: status, headers and body in, a judgement out. Pure, and total: no reply raises.

What decides, in this order: the HTTP status, `processing`, `error` and `errors`, `result`. OK needs all of them well.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from jmespath.parser import ParsedResult

from gateway.core.result import Judgement, Reason, Verdict, no_decision
from gateway.core.rules import NO_RULES, VerdictRules
from gateway.vision.context import UNFOLLOWABLE, Json, UserValueRule, detections_of, number, value_of

ResponseType = Literal["context", "image", "annotated_image", "heatmap"]

SHOWN_TEXT = 200
"""Characters of a server's error text that go into a detail: its beginning names the fault, the rest is a traceback."""


@dataclass(frozen=True, slots=True)
class ReplyRules:
    """How one recipe's replies are read.

    `classes` maps a label to the number that the PLC sees. `result_path` is JMESPath to the deciding boolean; None
    means `result`. `verdict` is what the recipe demands beyond it.
    """

    classes: Mapping[str, int] = field(default_factory=dict)
    user_values: tuple[UserValueRule, ...] = ()
    response_type: ResponseType = "context"
    result_path: ParsedResult | None = None
    verdict: VerdictRules = NO_RULES


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, read. `image` is the PNG that came with it, None where none came; `context` {} where unreadable."""

    judgement: Judgement
    context: Mapping[str, Json] = field(default_factory=dict)
    image: bytes | None = None


def read_reply(status: int, headers: Mapping[str, str], body: bytes, rules: ReplyRules) -> Reply:
    """The judgement that an answer to an analyze or last_image request gives. Never raises."""
    if status != 200:
        return Reply(no_decision(*_refusal(status, body)))
    try:
        image, text = split_body(headers, body, rules.response_type)
        context = json.loads(text)
    except (ValueError, RecursionError) as error:  # bad base64, UTF-8, JSON, an absurd length or depth
        return Reply(no_decision(Reason.BAD_REPLY, f"PEKAT's reply could not be read: {_shown(str(error))}"))
    if not isinstance(context, dict):
        return Reply(no_decision(Reason.BAD_REPLY, f"PEKAT's context is a {type(context).__name__}, not an object"))
    return Reply(_judge(context, rules), context, image)


def split_body(headers: Mapping[str, str], body: bytes, response_type: ResponseType) -> tuple[bytes | None, bytes]:
    """(image or None, context as JSON text). Raises ValueError where header and body contradict each other.

    `ImageLen` names the leading bytes that are the image; `ContextBase64utf` carries the context beside it.
    """
    if response_type == "context":
        return None, body
    if length := _header(headers, "imagelen"):
        if not (length.isascii() and length.isdigit() and len(length) < 20) or int(length) > len(body):
            raise ValueError(f"ImageLen {length[:32]!r} does not fit a body of {len(body)} bytes")
        return body[: int(length)], body[int(length) :]
    if encoded := _header(headers, "contextbase64utf"):
        return body, base64.b64decode(encoded, validate=True)
    return None, body


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value.strip() for key, value in headers.items() if key.lower() == name), "")


def _refusal(status: int, body: bytes) -> tuple[Reason, str]:
    said = _shown(body[: 4 * SHOWN_TEXT].decode("utf-8", "replace"))
    match status:
        case 400:
            return Reason.BAD_IMAGE, f"PEKAT refused the image (HTTP 400): {said}"
        case 401 | 403:
            return Reason.UNAUTHORISED, f"PEKAT refused the API key (HTTP {status})"
        case _:
            return Reason.SERVER_ERROR, f"PEKAT answered HTTP {status}: {said}"


def _shown(text: str) -> str:
    return " ".join(text.split())[:SHOWN_TEXT]


def _judge(context: Mapping[str, Json], rules: ReplyRules) -> Judgement:
    if context.get("processing", True) is not True:
        return no_decision(Reason.PROCESSING_OFF)
    if context.get("error") or context.get("errors"):
        said = _shown(repr(context.get("errors") or context.get("error")))
        return no_decision(Reason.FLOW_ERROR, f"the PEKAT flow reported an error: {said}")
    return _with_values(_decide(_result(context, rules.result_path)), context, rules)


def _result(context: Mapping[str, Json], path: ParsedResult | None) -> Json:
    if path is None:
        return context.get("result")
    try:
        return path.search(context)
    except UNFOLLOWABLE:
        return None  # a path that cannot be followed leads to no result


def _decide(result: Json) -> Judgement:
    if result is True:
        return Judgement(Verdict.OK)
    if result is False:
        return Judgement(Verdict.NOK)
    if result is None:
        return no_decision(Reason.UNDEFINED)
    shown = f"PEKAT's result is {_shown(repr(result)[: 2 * SHOWN_TEXT])}, which is no boolean"
    return no_decision(Reason.UNDEFINED, shown)


def _with_values(judgement: Judgement, context: Mapping[str, Json], rules: ReplyRules) -> Judgement:
    """Add what was found and measured, and apply the recipe's rules; what could not be read stands in `detail`."""
    found, doubts = detections_of(context, rules.classes)
    all_read, values = not doubts, []
    for rule in rules.user_values:
        value, doubt = value_of(context, rule)
        values.append((rule.name, value))
        doubts += [doubt] if doubt else []
    detail = "; ".join([judgement.detail, *doubts] if judgement.detail else doubts)
    score = number(context.get("score"))
    whole = replace(judgement, detections=found, score=score, user_values=tuple(values), detail=detail)
    return rules.verdict.judged(whole, all_read=all_read)

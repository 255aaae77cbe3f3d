"""The method `Inspect(partId, recipe, timeoutMs)`: a trigger that waits for its answer and returns it.

`detections` is a JSON array of {label, class, confidence, x, y, width, height}. `times` is a JSON object
{exposed_ms, inspector_ms, total_ms}, counted from the accepted trigger; exposed_ms is null where no image was taken.

A call that the station does not take ends with a Bad status and no outputs, never with a made-up verdict:

- BadUserAccessDenied: another link owns this station's control tags, or the user's role does not allow it,
- BadInvalidState: not ready; `status.reject_reason` (or `status.error_code` for a recipe) says why,
- BadOutOfRange for `recipe` (in BadInvalidArgument): no such recipe,
- BadResourceUnavailable, BadTimeout: the recipe could not be made ready, or not in its time.

An inspection without a decision is an answer: status Good, verdict 3, and its reason.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from gateway.core.errors import ErrorCode, RefusedError, RejectReason
from gateway.core.result import Result
from gateway.core.tags import PART_ID_LENGTH, TagType
from gateway.plc.opcua.face import StationFace
from gateway.plc.opcua.nodes import VARIANT_TYPES, node_id, standard_id
from gateway.plc.opcua.requests import GOOD, METHOD, bad, value_refusal
from gateway.ports import StationPort

NAME = METHOD
TEXT = "Triggers an inspection and returns its answer. Refused while the station is not ready: see reject_reason"

_INPUTS = (
    ("partId", TagType.STRING, "Serial or carrier, at most 32 bytes of UTF-8; echoed with the result"),
    ("recipe", TagType.UINT16, "Recipe to judge by, changed to first where it is another one; 0 the one in force"),
    ("timeoutMs", TagType.UINT32, "Time for this inspection in ms; 0 the station's own, which it can only shorten"),
)
_OUTPUTS = (
    ("verdict", TagType.UINT16, "1 OK, 2 NOK, 3 no decision"),
    ("reason", TagType.UINT16, "Why there was no decision; 0 with OK and NOK"),
    ("resultSeq", TagType.UINT16, "Number of the result, as in the tag result_seq"),
    ("detections", TagType.STRING, "JSON array of {label, class, confidence, x, y, width, height}"),
    ("times", TagType.STRING, "JSON object {exposed_ms, inspector_ms, total_ms}, from the accepted trigger"),
)

_CODES: Mapping[ErrorCode | RejectReason, int] = {
    ErrorCode.RECIPE_FAILED: StatusCodes.BadResourceUnavailable,
    ErrorCode.RECIPE_TIMEOUT: StatusCodes.BadTimeout,
}

Call = Callable[..., Awaitable[ua.CallMethodResult]]


def arguments() -> tuple[list[ua.Argument], list[ua.Argument]]:
    """The method's input and output arguments as a client reads them."""
    return [_argument(*given) for given in _INPUTS], [_argument(*given) for given in _OUTPUTS]


def method_of(face: StationFace) -> Call:
    """What the server calls for this station; it gets the object's id and the arguments as variants."""

    async def inspect(parent: ua.NodeId, *given: ua.Variant) -> ua.CallMethodResult:
        if parent != node_id(face.station.name):
            return _ended(StatusCodes.BadMethodInvalid)
        if not face.view.controls:
            return _ended(StatusCodes.BadUserAccessDenied)
        refused = check_arguments(given)
        return refused if refused is not None else await _inspect(face.station, given)

    return inspect


def check_arguments(given: Sequence[ua.Variant]) -> ua.CallMethodResult | None:
    """The refusal of arguments that are too few, too many, of a wrong type or too long; None for good ones."""
    if len(given) < len(_INPUTS):
        return _ended(StatusCodes.BadArgumentsMissing)
    if len(given) > len(_INPUTS):
        return _ended(StatusCodes.BadTooManyArguments)
    codes = [value_refusal(value, kind, PART_ID_LENGTH) for value, (_, kind, _) in zip(given, _INPUTS, strict=True)]
    return _invalid(codes) if any(code != GOOD for code in codes) else None


async def _inspect(station: StationPort, given: Sequence[ua.Variant]) -> ua.CallMethodResult:
    part_id, recipe, timeout_ms = (value.Value for value in given)
    try:
        result = await station.inspect(part_id or "", recipe, timeout_ms)
    except RefusedError as error:
        if error.reason is ErrorCode.RECIPE_UNKNOWN:
            return _invalid([GOOD, StatusCodes.BadOutOfRange, GOOD])
        return _ended(_CODES.get(error.reason, StatusCodes.BadInvalidState))
    answer = _ended(GOOD)
    answer.OutputArguments = outputs(result)
    return answer


def outputs(result: Result) -> list[ua.Variant]:
    """The output arguments for an answer."""
    judgement = result.judgement
    found = [
        {
            "label": d.label,
            "class": d.class_number,
            "confidence": d.confidence,
            "x": d.x,
            "y": d.y,
            "width": d.width,
            "height": d.height,
        }
        for d in judgement.detections
    ]
    times = {
        "exposed_ms": (result.exposed_at - result.accepted_at) / 1000 if result.exposed_at else None,
        "inspector_ms": judgement.inspector_us / 1000,
        "total_ms": result.total_us / 1000,
    }
    texts = json.dumps(found, ensure_ascii=False), json.dumps(times)
    values = (int(result.verdict), int(judgement.reason), result.result_seq, *texts)
    return [ua.Variant(value, VARIANT_TYPES[kind]) for value, (_, kind, _) in zip(values, _OUTPUTS, strict=True)]


def _argument(name: str, kind: TagType, text: str) -> ua.Argument:
    argument = ua.Argument()
    argument.Name = name
    argument.DataType = standard_id(VARIANT_TYPES[kind].value)
    argument.ValueRank = ua.ValueRank.Scalar
    argument.ArrayDimensions = []
    argument.Description = ua.LocalizedText(text)
    return argument


def _ended(code: int) -> ua.CallMethodResult:
    result = ua.CallMethodResult()
    result.StatusCode = bad(code)
    return result


def _invalid(codes: Sequence[int]) -> ua.CallMethodResult:
    result = _ended(StatusCodes.BadInvalidArgument)
    result.InputArgumentResults = [bad(code) for code in codes]
    return result

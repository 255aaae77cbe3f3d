"""The method `Inspect(partId, recipe, timeoutMs)`: a trigger that waits for its answer and returns it.

`detections` is a JSON array of {label, class, confidence, x, y, width, height} and, of several views, the number of the
`view` that found it. `times` is a JSON object
{exposed_ms, inspector_ms, total_ms}, counted from the accepted trigger; exposed_ms is null where no image was taken.

A call that the station does not take ends with a Bad status and no outputs, never with a made-up verdict:

- BadUserAccessDenied: another link owns this station's control tags, or the user's role does not allow it,
- BadInvalidState: not ready; `status.reject_reason` (or `status.error_code` for a recipe) says why,
- BadOutOfRange for `recipe` (in BadInvalidArgument): no such recipe,
- BadResourceUnavailable, BadTimeout: the recipe could not be made ready, or not in its time.

An inspection without a decision is an answer: status Good, verdict 3, and its reason.
"""

import json
from collections.abc import Mapping
from typing import Any

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from gateway.core.errors import ErrorCode, RefusedError, RejectReason
from gateway.core.result import Result
from gateway.core.tags import PART_ID_LENGTH, TagType
from gateway.plc.opcua.arguments import Signature, ended
from gateway.plc.opcua.face import StationFace
from gateway.plc.opcua.methods import Caller, Function, Method, MethodTable
from gateway.plc.opcua.nodes import VARIANT_TYPES, NodeWriter, node_id, standard_id
from gateway.plc.opcua.security.rights import INSPECT_BY_ANOTHER_RECIPE
from gateway.ports import StationPort

NAME = "Inspect"
TEXT = "Triggers an inspection and returns its answer. Refused while the station is not ready: see reject_reason"

_INPUTS = (
    ("partId", TagType.STRING, "Serial or carrier, at most 32 bytes of UTF-8; echoed with the result"),
    ("recipe", TagType.UINT16, "Recipe to judge by, changed to first where it is another one; 0 the one in force"),
    ("timeoutMs", TagType.UINT32, "Time for this inspection in ms; 0 as configured, which it can only shorten"),
)
_OUTPUTS = (
    ("verdict", TagType.UINT16, "1 OK, 2 NOK, 3 no decision"),
    ("reason", TagType.UINT16, "Why there was no decision; 0 with OK and NOK"),
    ("resultSeq", TagType.UINT16, "Number of the result, as in the tag result_seq"),
    (
        "detections",
        TagType.STRING,
        "JSON array of {label, class, confidence, x, y, width, height}, of several views with view",
    ),
    ("times", TagType.STRING, "JSON object {exposed_ms, inspector_ms, total_ms}, from the accepted trigger"),
)

_CODES: Mapping[ErrorCode | RejectReason, int] = {
    ErrorCode.RECIPE_FAILED: StatusCodes.BadResourceUnavailable,
    ErrorCode.RECIPE_TIMEOUT: StatusCodes.BadTimeout,
    ErrorCode.RECIPE_MANAGER: StatusCodes.BadResourceUnavailable,
    ErrorCode.RECIPE_PROJECT: StatusCodes.BadResourceUnavailable,
    ErrorCode.RECIPE_WARM_UP: StatusCodes.BadResourceUnavailable,
}


def arguments() -> tuple[list[ua.Argument], list[ua.Argument]]:
    """The method's input and output arguments as a client reads them."""
    return [argument(*given) for given in _INPUTS], [argument(*given) for given in _OUTPUTS]


def add(face: StationFace, writer: NodeWriter, methods: MethodTable) -> None:
    """Give a station's object its method."""
    name = face.station.name
    node = writer.method(name, NAME, TEXT, arguments(), usable=face.view.controls)
    methods.add(node_id(name), node, Method(_function(face.station), usable=face.view.controls))


def _function(station: StationPort) -> Function:
    async def inspect(caller: Caller, signature: Signature, values: list[Any]) -> ua.CallMethodResult:
        part_id, recipe, timeout_ms = values
        if recipe not in (0, station.image.values["recipe"]) and caller.role < INSPECT_BY_ANOTHER_RECIPE:
            return ended(StatusCodes.BadUserAccessDenied)
        if len(part_id.encode()) > PART_ID_LENGTH:
            return signature.out_of_range(["partId"])
        try:
            return signature.answer(outputs(await station.inspect(part_id, recipe, timeout_ms, caller.client)))
        except RefusedError as error:
            if error.reason is ErrorCode.RECIPE_UNKNOWN:
                return signature.out_of_range(["recipe"])
            return ended(_CODES.get(error.reason, StatusCodes.BadInvalidState))

    return inspect


def outputs(result: Result) -> tuple[int, int, int, str, str]:
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
        | ({"view": d.view} if d.view else {})
        for d in judgement.detections
    ]
    times = {
        "exposed_ms": (result.exposed_at - result.accepted_at) / 1000 if result.exposed_at else None,
        "inspector_ms": judgement.inspector_us / 1000,
        "total_ms": result.total_us / 1000,
    }
    texts = json.dumps(found, ensure_ascii=False), json.dumps(times)
    return int(result.verdict), int(judgement.reason), result.result_seq, *texts


def argument(name: str, kind: TagType, text: str) -> ua.Argument:
    """One argument of a method, a scalar."""
    argument = ua.Argument()
    argument.Name = name
    argument.DataType = standard_id(VARIANT_TYPES[kind].value)
    argument.ValueRank = ua.ValueRank.Scalar
    argument.ArrayDimensions = []
    argument.Description = ua.LocalizedText(text)
    return argument

"""Parts in doubt over OPC UA (H38): `status.review_id`, `status.reviews_waiting`, `GetReviews` and `DecideReview`.

`GetReviews()` returns a JSON array of what `ports.PendingReview.told` says of each. `DecideReview(id, verdict)` is for
the role operator, whichever link owns the control tags; the name that the session is logged in with is kept with the
result, so somebody without one is refused:

- BadUserAccessDenied: the role does not allow it, or the session has no name,
- BadOutOfRange for `verdict` (in BadInvalidArgument): it is no decision,
- BadInvalidState: no operator is asked about that part, or not any more; the log says why.
"""

import json
import logging
import time
from datetime import UTC
from typing import Any

from asyncua import ua
from asyncua.ua.status_codes import StatusCodes

from gateway.core.errors import RefusedError
from gateway.core.result import Verdict
from gateway.core.tags import Direction, Tag, TagType, TagValue
from gateway.plc.opcua.arguments import Signature, ended
from gateway.plc.opcua.face import StationFace, put
from gateway.plc.opcua.inspect_method import argument
from gateway.plc.opcua.methods import Caller, Function, Method, MethodTable
from gateway.plc.opcua.nodes import VARIANT_TYPES, NodeWriter, TagNode, node_id
from gateway.ports import StationPort

log = logging.getLogger(__name__)

REVIEW_ID = Tag("review_id", Direction.STATUS, TagType.STRING, "The part in doubt that waits longest", 64)
REVIEWS_WAITING = Tag("reviews_waiting", Direction.STATUS, TagType.UINT16, "Parts that an operator is asked about")

_GET = ("GetReviews", "The parts that an operator is asked about, the oldest first")
_DECIDE = ("DecideReview", "An operator's decision on a part in doubt: once, and while he is asked")
_REVIEWS = ("reviews", TagType.STRING, "JSON array of {id, part_id, recipe, score, why, seconds_left, ...}")
_ID = ("id", TagType.STRING, "As GetReviews and the tag review_id say it")
_VERDICT = ("verdict", TagType.UINT16, "1 OK, 2 NOK, 3 the operator cannot tell either")
_DECISIONS = {int(one): one for one in (Verdict.OK, Verdict.NOK, Verdict.NO_DECISION)}


def add(face: StationFace, writer: NodeWriter, methods: MethodTable) -> None:
    """Give a station's object its nodes for operators."""
    _Shown(face, writer)
    station, owner = face.station, node_id(face.station.name)
    for (name, text), inputs, outputs, function in (
        (_GET, [], [argument(*_REVIEWS)], _get(station)),
        (_DECIDE, [argument(*_ID), argument(*_VERDICT)], [], _decide(station)),
    ):
        node = writer.method(station.name, name, text, (inputs, outputs), usable=True)
        methods.add(owner, node, Method(function))


class _Shown:
    """The two variables: they follow the station's flight, together with its tags."""

    def __init__(self, face: StationFace, writer: NodeWriter) -> None:
        self._station = face.station
        self._nodes = [writer.tag(face.station.name, tag, writable=False) for tag in (REVIEW_ID, REVIEWS_WAITING)]
        self._values: list[TagValue] = ["", 0]
        self._flight: object = None
        face.also(self.show)

    def show(self) -> None:
        flight = self._station.state.flight
        if flight is self._flight:
            return
        self._flight = flight
        asked = any(one.reviewing for one in flight)
        waiting = self._station.reviews.pending if asked else ()
        values: list[TagValue] = [waiting[0].review_id if waiting else "", len(waiting)]
        for node, value, before in zip(self._nodes, values, self._values, strict=True):
            if value != before:
                _put(node, value)
        self._values = values


def _put(node: TagNode, value: TagValue) -> None:
    now = ua.DateTime.now(UTC)
    put(node.place, ua.Variant(value, VARIANT_TYPES[node.tag.type], None, False), now, now)


def _get(station: StationPort) -> Function:
    async def reviews(_: Caller, signature: Signature, __: list[Any]) -> ua.CallMethodResult:
        now = time.monotonic_ns() // 1000
        told = [one.told(now) for one in station.reviews.pending]
        return signature.answer([json.dumps(told, ensure_ascii=False)])

    return reviews


def _decide(station: StationPort) -> Function:
    async def decide(caller: Caller, signature: Signature, values: list[Any]) -> ua.CallMethodResult:
        review_id, verdict = values
        if not caller.name:
            return ended(StatusCodes.BadUserAccessDenied)
        if verdict not in _DECISIONS:
            return signature.out_of_range(["verdict"])
        try:
            station.reviews.decide(review_id, _DECISIONS[verdict], caller.name, "opcua")
        except RefusedError as refused:
            log.warning("%s: %s over OPC UA has not decided: %s", station.name, caller.name, refused)
            return ended(StatusCodes.BadInvalidState)
        return signature.answer([])

    return decide

"""How a Read request is answered without holding up the event loop.

asyncua decodes 100 node ids, looks each up and encodes 100 values: some milliseconds of Python, in one go, for each of
the clients that poll. But a client polls the same nodes all the time, and so do its neighbours, and between two
inspections hardly a tag changes. So what a request asks for is remembered by the request's bytes, each value's bytes
are made once (see shown.py), and while no tag changes, so is the whole answer.

What is not remembered yet, and what is no tag, takes asyncua's way in slices, with other things done in between. The
values themselves are taken all at once: a Read never shows parts of two images.
"""

import struct
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.server.address_space import AttributeValue
from asyncua.ua.ua_binary import Primitives, nodeid_to_binary, struct_from_binary, struct_to_binary

from gateway.plc.opcua.requests import Gate
from gateway.plc.opcua.security.rights import Role
from gateway.plc.opcua.traffic.shown import at_hand, encoded
from gateway.plc.opcua.traffic.turnstile import Turnstile

PLANS = 64
"""Requests remembered. A client that polls has one, or one for each of its update rates."""

LONGEST = 16 * 1024
"""Bytes of a request that is worth remembering: about 300 nodes."""

DECODED_AT_ONCE = 25
ENCODED_AT_ONCE = 50
"""Items between two looks at everything else: about a quarter of a millisecond."""

_NODES = 12
"""Where the nodes begin: after MaxAge (a Double) and TimestampsToReturn (an enumeration)."""
_NONE = struct_to_binary(ua.ReadParameters())[_NODES:]
"""An array without elements."""


_READ = nodeid_to_binary(ua.ReadRequest().TypeId)
_HEADER = struct.Struct("<qIIiI3s")
"""A RequestHeader after its AuthenticationToken: Timestamp, RequestHandle, ReturnDiagnostics, the length of
AuditEntryId, TimeoutHint, AdditionalHeader."""
_NO_OBJECT = bytes(3)


class _Plan:
    """What one request asks for, and the last answer to it where it asks for nothing but tags."""

    def __init__(self, items: Sequence[ua.ReadValueId], places: Sequence[AttributeValue | None]) -> None:
        self.items = items
        self.places = places
        self.only_tags = None not in places
        self.answer = b""
        self.version = -1


class ReadPath:
    """For all connections of one server."""

    def __init__(self, gate: Gate, turnstile: Turnstile) -> None:
        self._gate = gate
        self._turnstile = turnstile
        self._plans: OrderedDict[bytes, _Plan] = OrderedDict()

    def knows(self, parameters: bytes) -> bool:
        """Whether such a request was answered before, so that nobody has to look whether it can be decoded."""
        return parameters in self._plans

    async def answer(self, parameters: bytes, role: Role) -> bytes:
        """What follows the response's header, for the encoded ReadParameters.

        Raises what asyncua raises for bytes that are none.
        """
        plan = self._plans.get(parameters)
        if plan is None:
            plan = await self._plan(parameters)
        else:
            self._plans.move_to_end(parameters)
        version = self._gate.refresh()
        if plan.version == version and plan.only_tags:
            return plan.answer
        plan.answer, plan.version = await self._read(plan, role), version
        return plan.answer

    async def _read(self, plan: _Plan, role: Role) -> bytes:
        """The values of this moment, encoded slice by slice."""
        values = [
            self._gate.read(item, role) if place is None else _value(place)
            for item, place in zip(plan.items, plan.places, strict=True)
        ]
        made = 0
        parts: list[bytes] = []
        for value in values:
            made += not at_hand(value)
            if made == ENCODED_AT_ONCE:
                await self._turnstile.turn()
                made = 0
            parts.append(encoded(value))
        return _response(parts)

    async def _plan(self, parameters: bytes) -> _Plan:
        """What this request asks for; remembered, unless it is too long for that."""
        struct_from_binary(ua.ReadParameters, Buffer(parameters[:_NODES] + _NONE))  # refuses what asyncua refuses
        buffer = Buffer(parameters)
        buffer.skip(_NODES)
        count = Primitives.Int32.unpack(buffer)
        items: list[ua.ReadValueId] = []
        for number in range(count):
            if number and number % DECODED_AT_ONCE == 0:
                await self._turnstile.turn()
            items.append(struct_from_binary(ua.ReadValueId, buffer))
        plan = _Plan(items, [self._gate.place(item) for item in items])
        if len(parameters) <= LONGEST:
            self._plans[parameters] = plan
            if len(self._plans) > PLANS:
                self._plans.popitem(last=False)
        return plan


@dataclass(frozen=True, slots=True)
class AskedToRead:
    """A Read request: what it calls itself, and its encoded ReadParameters."""

    handle: int
    parameters: bytes


def familiar_read(request: bytes, session: ua.NodeId) -> AskedToRead | None:
    """A request taken apart without decoding it, where it is a Read of this session with nothing unusual in its header;
    else None."""
    if not request.startswith(_READ):
        return None
    start = _READ + nodeid_to_binary(session)
    end = len(start) + _HEADER.size
    if not request.startswith(start) or len(request) < end:
        return None
    _, handle, _, audit_entry, _, additional = _HEADER.unpack_from(request, len(start))
    return AskedToRead(handle, request[end:]) if audit_entry in (-1, 0) and additional == _NO_OBJECT else None


def _value(place: AttributeValue) -> ua.DataValue:
    """A tag's place is never empty."""
    return place.value if place.value is not None else ua.DataValue()


def _response(values: Sequence[bytes]) -> bytes:
    """Results and DiagnosticInfos of a ReadResponse."""
    return b"".join((Primitives.Int32.pack(len(values)), *values, _NONE))

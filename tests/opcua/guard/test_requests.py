"""Requests that cannot be answered: each has the status of OPC 10000-4, and its session goes on like all others."""

import struct
import time
import tracemalloc
from collections.abc import Callable

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.ua_binary import nodeid_to_binary

from tests.opcua.desk import Bench, read
from tests.opcua.guard.wire import Wire, read_request, text, wire

UNSUPPORTED = (
    ua.QueryFirstRequest, ua.QueryNextRequest, ua.CancelRequest, ua.HistoryUpdateRequest,
    ua.SetTriggeringRequest,
)  # fmt: skip


HANDLE = 77


def _header(of: Wire, kind: int) -> bytes:
    """The beginning of a request's body, up to its handle."""
    return struct.pack("<BBH", 1, 0, kind) + nodeid_to_binary(of.session) + struct.pack("<qI", 0, HANDLE)


def _body(of: Wire, kind: int, params: bytes) -> bytes:
    """A request with these parameters, as raw bytes."""
    return _header(of, kind) + struct.pack("<Ii", 0, -1) + struct.pack("<I", 0) + bytes(3) + params


READ, WRITE, CALL = (
    ObjectIds.ReadRequest_Encoding_DefaultBinary,
    ObjectIds.WriteRequest_Encoding_DefaultBinary,
    ObjectIds.CallRequest_Encoding_DefaultBinary,
)


_NODE = struct.pack("<BHIIi", 2, 0, 2255, 13, -1) + bytes(2) + struct.pack("<i", -1)


def _written(value: bytes) -> bytes:
    """Parameters of a Write of one raw variant."""
    node = struct.pack("<BHI", 2, 0, 2255)
    return struct.pack("<i", 1) + node + struct.pack("<Ii", 13, -1) + b"\x01" + value


def _nested(levels: int) -> bytes:
    """An array of one variant, in which is an array of one variant, and so on."""
    return (b"\x98" + struct.pack("<i", 1)) * levels + b"\x01\x01"


def _objects(levels: int) -> bytes:
    """Extension objects in variants in extension objects: literal operands, which hold any value."""
    value = b"\x01\x01"
    for _ in range(levels):
        value = b"\x16" + struct.pack("<BBH", 1, 0, 597) + b"\x01" + text(value)
    return value


DIAGNOSTIC = b"\x19" + b"\x40" * 4000 + b"\x00"

BODIES: dict[str, tuple[Callable[[Wire], bytes], str]] = {
    "nothing": (lambda w: b"", "BadDecodingError"),
    "half a node id": (lambda w: b"\x02\x00", "BadDecodingError"),
    "a node id of no kind": (lambda w: b"\x3f" + bytes(20), "BadDecodingError"),
    "no header": (lambda w: struct.pack("<BBH", 1, 0, READ), "BadDecodingError"),
    "half a header": (lambda w: _header(w, READ), "BadDecodingError"),
    "no parameters": (lambda w: _body(w, READ, b""), "BadDecodingError"),
    "an array of 2^31 - 1": (lambda w: _body(w, READ, struct.pack("<dii", 0, 0, 2**31 - 1)), "BadDecodingError"),
    "an array of -2": (lambda w: _body(w, READ, struct.pack("<dii", 0, 0, -2)), "BadDecodingError"),
    "a string of -5": (lambda w: _body(w, READ, struct.pack("<diiBHi", 0, 0, 1, 3, 2, -5)), "BadDecodingError"),
    "an enum of 99": (lambda w: _body(w, READ, struct.pack("<dii", 0, 99, 1) + _NODE), "BadDecodingError"),
    "nulls without number": (
        lambda w: _body(w, WRITE, _written(b"\x80" + struct.pack("<i", 2**31 - 1))), "BadDecodingError",
    ),
    "strings that go backwards": (
        lambda w: _body(w, WRITE, _written(b"\x8c" + struct.pack("<ii", 4, -4) + bytes(9))), "BadDecodingError",
    ),
    "a million empty lists": (
        lambda w: _body(w, WRITE, _written(b"\xc1" + struct.pack("<iii", 0, 1, 10**6))), "BadDecodingError",
    ),
    "dimensions below zero": (
        lambda w: _body(w, WRITE, _written(b"\xc1" + struct.pack("<ibiii", 1, 1, 2, -1, -1))), "BadDecodingError",
    ),
    "a string that is no UTF-8": (lambda w: _body(w, WRITE, _written(b"\x0c" + text(b"caf\xe9"))), "BadDecodingError"),
    "a variant of type 63": (lambda w: _body(w, WRITE, _written(b"\x3f" + bytes(9))), "BadDecodingError"),
    "an extension object in XML": (
        lambda w: _body(w, WRITE, _written(b"\x16\x00\x00\x02" + text(b"<x/>"))), "BadDecodingError",
    ),
    "variants 101 deep": (lambda w: _body(w, WRITE, _written(_nested(101))), "BadEncodingLimitsExceeded"),
    "variants 10 000 deep": (lambda w: _body(w, WRITE, _written(_nested(10_000))), "BadEncodingLimitsExceeded"),
    "extension objects 101 deep": (lambda w: _body(w, WRITE, _written(_objects(101))), "BadEncodingLimitsExceeded"),
    "diagnostics 4000 deep": (lambda w: _body(w, WRITE, _written(DIAGNOSTIC)), "BadEncodingLimitsExceeded"),
    "unknown service": (lambda w: _body(w, 9999, b""), "BadServiceUnsupported"),
    "a response": (lambda w: _body(w, ObjectIds.ReadResponse_Encoding_DefaultBinary, b""), "BadServiceUnsupported"),
    "a structure that is no request": (lambda w: _body(w, 297, b""), "BadServiceUnsupported"),
    "an opening as a message": (
        lambda w: _body(w, ObjectIds.OpenSecureChannelRequest_Encoding_DefaultBinary, b""), "BadServiceUnsupported",
    ),
}  # fmt: skip


async def test_a_body_that_cannot_be_decoded_is_a_fault_and_the_session_goes_on(
    desk: Bench, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Each in next to no time and memory."""
    async with wire(desk.url, "log_in") as odd:
        for name, (make, status) in BODIES.items():
            body = make(odd)
            began = time.monotonic()
            tracemalloc.start()
            odd.send(odd.msg(body))
            answer = await odd.answer()
            _, most = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            assert (answer.kind, answer.status) == (b"MSG", status), name
            assert answer.request_id == odd.request, name
            assert time.monotonic() - began < 1.0, name
            assert most < 4_000_000, name
            assert (await odd.ask(read_request())).status == "Good", name
            assert await read(client, "status.verdict") == [0], name
    assert desk.station.written == []
    assert not caplog.records, caplog.text


async def test_a_fault_has_the_request_handle_of_its_request(desk: Bench) -> None:
    async with wire(desk.url, "log_in") as odd:
        odd.send(odd.msg(_body(odd, READ, b"")))
        assert (await odd.answer()).response.ResponseHeader.RequestHandle == HANDLE
        odd.send(odd.msg(b"\x3f"))
        assert (await odd.answer()).response.ResponseHeader.RequestHandle == 0


async def test_what_is_deep_but_not_too_deep_is_decoded(desk: Bench) -> None:
    async with wire(desk.url, "log_in") as deep:
        for value in (_nested(99), _objects(45)):
            deep.send(deep.msg(_body(deep, WRITE, _written(value) + struct.pack("<i", 0))))
            answer = await deep.answer()
            assert answer.status == "Good"
            assert [one.name for one in answer.response.Results] == ["BadNotWritable"]


async def test_a_client_may_call_itself_anything(desk: Bench) -> None:
    """There are clients whose names are in Latin-1."""
    async with wire(desk.url) as old:
        request = ua.CreateSessionRequest()
        request.Parameters.SessionName = ua.String(
            "Pr\udcfcfstand"
        )  # asyncua encodes it as the byte that it stands for
        request.Parameters.ClientNonce = bytes(32)
        assert (await old.ask(request)).status == "Good"


async def test_many_small_things_in_one_request_are_too_many(desk: Bench) -> None:
    """A megabyte of null variants would be a hundred megabytes of objects."""
    async with wire(desk.url, "log_in") as much:
        body = _body(much, WRITE, _written(b"\x98" + struct.pack("<i", 1_000_000) + bytes(1_000_000)))
        for at in range(0, len(body), 60_000):
            much.send(much.msg(body[at : at + 60_000], kind=b"MSGC" if at + 60_000 < len(body) else b"MSGF", request=7))
        assert (await much.answer()).status == "BadEncodingLimitsExceeded"
        assert (await much.ask(read_request())).status == "Good"


# ---- sessions ----------------------------------------------------------------------------------------------------


async def test_without_a_session_no_service_is_answered_that_needs_one(desk: Bench) -> None:
    """asyncua says BadUserAccessDenied, and answers CloseSession with Good."""
    async with wire(desk.url) as nobody:
        for request in (ua.ReadRequest, ua.WriteRequest, ua.CallRequest, ua.BrowseRequest, ua.PublishRequest,
                        ua.CloseSessionRequest, ua.ActivateSessionRequest):  # fmt: skip
            assert (await nobody.ask(request())).status == "BadSessionIdInvalid", request
        assert (await nobody.ask(ua.GetEndpointsRequest())).status == "Good"
        assert (await nobody.ask(ua.FindServersRequest())).status == "Good"


async def test_a_session_that_was_not_activated_is_closed_by_its_first_other_request(desk: Bench) -> None:
    """OPC 10000-4, 5.7.3: the server closes a session that is used before it is activated."""
    async with wire(desk.url, "create") as hasty:
        assert (await hasty.ask(read_request())).status == "BadSessionNotActivated"
        assert (await hasty.ask(read_request())).status == "BadSessionIdInvalid"
        request = ua.ActivateSessionRequest()
        request.Parameters.UserIdentityToken = ua.AnonymousIdentityToken(ua.String("anonymous"))
        assert (await hasty.ask(request)).status == "BadSessionIdInvalid"
        await hasty.create_session()
        await hasty.log_in()
        assert (await hasty.ask(read_request())).status == "Good"


async def test_a_request_needs_its_own_sessions_token(desk: Bench) -> None:
    """asyncua looks at nobody's authentication token: any will do."""
    async with wire(desk.url, "log_in") as mine, wire(desk.url, "log_in") as other:
        mine.session, other.session = other.session, mine.session
        for one in (mine, other):
            assert (await one.ask(read_request())).status == "BadSessionIdInvalid"
            assert (await one.ask(ua.CloseSessionRequest())).status == "BadSessionIdInvalid"
        mine.session = other.session
        for token in (ua.NodeId(), ua.NodeId(ua.Int32(1000)), ua.NodeId(ua.String("admin"))):
            other.session = token
            assert (await other.ask(read_request())).status == "BadSessionIdInvalid"
        assert (await mine.ask(read_request())).status == "Good"


async def test_a_closed_session_leaves_no_subscription_behind(desk: Bench) -> None:
    """asyncua keeps them where the client wishes so: a hundred of them, and nobody can subscribe for days."""
    assert desk.link._server is not None
    subscriptions = desk.link._server.iserver.subscription_service.subscriptions
    async with wire(desk.url, "log_in") as greedy:
        assert (await greedy.ask(ua.CreateSubscriptionRequest())).status == "Good"
        assert len(subscriptions) == 1
        assert (await greedy.ask(ua.CloseSessionRequest(DeleteSubscriptions=False))).status == "Good"
        assert not subscriptions


async def test_a_closed_session_is_closed(desk: Bench) -> None:
    async with wire(desk.url, "log_in") as done:
        assert (await done.ask(ua.CloseSessionRequest())).status == "Good"
        for request in (read_request(), ua.CloseSessionRequest(), ua.ActivateSessionRequest()):
            assert (await done.ask(request)).status == "BadSessionIdInvalid"


async def test_a_service_that_is_not_offered_says_so(desk: Bench) -> None:
    """asyncua says that its user may not."""
    async with wire(desk.url, "log_in") as asking:
        for kind in UNSUPPORTED:
            answer = await asking.ask(kind())
            assert (answer.kind, answer.status) == (b"MSG", "BadServiceUnsupported"), kind
            assert (await asking.ask(read_request())).status == "Good"

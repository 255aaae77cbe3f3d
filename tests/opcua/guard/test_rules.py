"""The pure rules: whatever comes in whatever pieces, they see the same, take no more than they may, and end."""

import contextlib
import struct
import time
import tracemalloc
from collections.abc import Callable

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer, NotEnoughData
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from asyncua.ua.uaerrors import UaError
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.plc.opcua.transport.body_rules import check_body, layout
from gateway.plc.opcua.transport.chunk_rules import (
    WRAP_FROM,
    ChunkReader,
    ViolationError,
    acknowledge,
    agree,
    error_message,
    follows,
    read_hello,
)
from gateway.plc.opcua.transport.complaints import EVERY_S, LINES, Complaints
from gateway.plc.opcua.transport.token_rules import Key, Tokens, revised
from gateway.plc.opcua.transport.value_rules import BadBodyError, Bounds
from tests.opcua.guard.wire import chunk, hello

LARGEST = 65_535

bodies = st.binary(min_size=16, max_size=200)
messages = st.builds(chunk, st.sampled_from([b"MSGF", b"MSGC", b"MSGA", b"CLOF"]), bodies)


def _code(action: Callable[[], object]) -> int:
    """By which status it is refused; 0 where it is not."""
    try:
        action()
    except (ViolationError, BadBodyError) as refused:
        return refused.code
    return 0


def _take(reader: ChunkReader) -> list[bytes]:
    return list(iter(reader.next, None))


@given(st.lists(messages, max_size=8), st.data())
def test_chunks_are_the_same_however_the_stream_is_cut(sent: list[bytes], data: st.DataObject) -> None:
    stream = hello() + b"".join(sent)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    reader, taken = ChunkReader(LARGEST), []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        reader.feed(stream[start:end])
        taken += _take(reader)
    assert taken == [hello(), *sent]
    assert len(reader) == 0


@given(st.lists(st.binary(max_size=300), max_size=30), st.booleans())
def test_any_bytes_end_in_chunks_or_a_violation_and_take_no_more_than_one_chunk(
    pieces: list[bytes], greeted: bool
) -> None:
    reader = ChunkReader(256)
    if greeted:
        reader.feed(hello())
        _take(reader)
    for piece in pieces:
        reader.feed(piece)
        code = _code(lambda: _take(reader))
        if code:
            assert code in (StatusCodes.BadTcpMessageTypeInvalid, StatusCodes.BadTcpMessageTooLarge)
            return
        assert len(reader) <= 256


@given(st.binary(max_size=8))
def test_four_bytes_are_enough_to_know_what_is_no_opc_ua(start: bytes) -> None:
    reader = ChunkReader(LARGEST)
    reader.feed(start)
    if len(start) < 4 or start[:4] == b"HELF":
        return
    with pytest.raises(ViolationError):
        reader.next()


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
def test_sequence_numbers_count_by_one_and_wrap_near_the_end_alone(last: int, number: int) -> None:
    assert follows(last, number) is (number == last + 1 or (last > WRAP_FROM and number < 1024))
    assert follows(None, number)


@given(*[st.integers(0, 2**32 - 1)] * 4)
def test_what_is_agreed_is_within_both_sides_limits(receive: int, send: int, size: int, chunks: int) -> None:
    sent = hello(receive, send, size, chunks)
    if 0 < receive < 8192 or 0 < send < 8192:
        assert _code(lambda: read_hello(sent)) == StatusCodes.BadConnectionRejected
        return
    agreed = agree(read_hello(sent), LARGEST)
    assert 8192 <= agreed.receive_buffer <= min(send or LARGEST, LARGEST)
    assert 8192 <= agreed.send_buffer <= min(receive or LARGEST, LARGEST)
    answer = acknowledge(agreed, 1000, 10)
    assert struct.unpack("<4sI5I", answer)[1:] == (28, 0, agreed.receive_buffer, agreed.send_buffer, 1000, 10)


@given(st.binary(max_size=100))
def test_a_hello_of_any_bytes_is_taken_or_refused(rest: bytes) -> None:
    code = _code(lambda: read_hello(chunk(b"HELF", bytes(20) + rest + bytes(4))))
    assert code in (0, StatusCodes.BadTcpEndpointUrlInvalid)


@given(st.text(max_size=5000))
def test_an_error_message_is_well_formed_and_not_too_long(reason: str) -> None:
    made = error_message(StatusCodes.BadTimeout, reason)
    kind, size, code, length = struct.unpack_from("<4sIIi", made)
    assert (kind, size, code) == (b"ERRF", len(made), StatusCodes.BadTimeout)
    assert length == len(made) - 16 <= 4096
    assert reason.startswith(made[16:].decode())


# ---- tokens ------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from(["issue", "use"]), st.integers(0, 3), st.floats(0, 30)), max_size=30))
def test_a_token_is_good_while_it_is_one_of_three_and_in_its_time(steps: list[tuple[str, int, float]]) -> None:
    """Against a plain account of what was given when."""
    tokens, now = Tokens(), 0.0
    given_at = [0.0]
    current, previous, pending = tokens.issue(20_000, now), 0, 0
    for what, back, passed in steps:
        now += passed
        if what == "issue":
            pending = tokens.issue(20_000, now)
            given_at.append(now)
            continue
        number = len(given_at) - back
        known = {current, previous, pending} - {0}
        if number not in known or now - given_at[number - 1] > 25:
            assert _code(lambda: tokens.use(number, now)) == StatusCodes.BadSecureChannelTokenUnknown  # noqa: B023 - at once
            continue
        key = tokens.use(number, now)
        assert key is {current: Key.CURRENT, previous: Key.PREVIOUS, pending: Key.NEXT}[number]
        if key is Key.NEXT:
            previous, current, pending = current, pending, 0


def test_lifetimes_are_revised() -> None:
    assert [revised(one) for one in (0, 1, 10_000, 59_999, 2**32 - 1)] == [3_600_000, 10_000, 10_000, 59_999, 3_600_000]


# ---- the log -----------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 20), max_size=200))
def test_lines_are_few_and_none_is_forgotten(pauses: list[float]) -> None:
    complaints, now, shown, kept_back = Complaints(), 100.0, 0, 0
    for pause in pauses:
        now += pause
        line = complaints.line("10.0.0.7", "text", now)
        if line is None:
            kept_back += 1
            continue
        shown += 1
        assert (f"and {kept_back} more" in line) is (kept_back > 0)
        kept_back = 0
    assert shown <= LINES + sum(pauses) / EVERY_S + 1
    assert shown >= min(len(pauses), LINES)


# ---- bodies ------------------------------------------------------------------------------------------------------

numbers = st.integers(0, 2**31 - 1)
ids = st.one_of(
    st.builds(lambda i: ua.NodeId(ua.Int32(i), ua.Int16(1)), st.integers(0, 255)),
    st.builds(lambda i, n: ua.NodeId(ua.Int32(i), ua.Int16(n)), numbers, st.integers(0, 9)),
    st.builds(lambda t: ua.NodeId(ua.String(t), ua.Int16(2)), st.text(max_size=20)),
    st.builds(lambda u: ua.NodeId(ua.Guid(int=u), ua.Int16(2)), st.integers(0, 2**128 - 1)),
)
V = ua.VariantType
simple = st.one_of(
    st.builds(lambda v: ua.Variant(v, V.Int32), st.integers(-(2**31), 2**31 - 1)),
    st.builds(lambda v: ua.Variant(v, V.Boolean), st.lists(st.booleans(), max_size=5)),
    st.builds(lambda v: ua.Variant(v, V.Double), st.floats(allow_nan=False)),
    st.builds(lambda v: ua.Variant(v, V.String), st.text(max_size=20)),
    st.builds(lambda v: ua.Variant(v, V.String), st.lists(st.text(max_size=9), max_size=4)),
    st.builds(lambda v: ua.Variant(v, V.ByteString), st.binary(max_size=20)),
    st.builds(lambda v: ua.Variant(v, V.NodeId), ids),
    st.builds(lambda v: ua.Variant(ua.LocalizedText(v, "en"), V.LocalizedText), st.text(max_size=9)),
    st.builds(lambda v: ua.Variant(ua.QualifiedName(v, 1), V.QualifiedName), st.text(max_size=9)),
    st.builds(lambda v: ua.Variant(ua.LiteralOperand(ua.Variant(v, V.Int32)), V.ExtensionObject), st.integers(0, 9)),
    st.builds(lambda v: ua.Variant([[v, v], [v, v], [v, v]], V.Int16, [ua.Int32(3), ua.Int32(2)]), st.integers(0, 99)),
    st.builds(lambda v: ua.Variant(ua.DataValue(ua.Variant(v, V.Byte)), V.DataValue), st.integers(0, 9)),
    st.just(ua.Variant()),
)
variants = st.one_of(simple, st.builds(lambda v: ua.Variant(v, V.Variant), st.lists(simple, max_size=3)))
reads = st.builds(
    lambda nodes: ua.ReadRequest(
        Parameters=ua.ReadParameters(
            NodesToRead=[ua.ReadValueId(one, AttributeIds.Value, ua.String("1:2")) for one in nodes]
        )
    ),
    st.lists(ids, max_size=5),
)
writes = st.builds(
    lambda pairs: ua.WriteRequest(
        Parameters=ua.WriteParameters([ua.WriteValue(n, AttributeIds.Value, None, ua.DataValue(v)) for n, v in pairs])
    ),
    st.lists(st.tuples(ids, variants), max_size=4),
)
calls = st.builds(
    lambda n, given: ua.CallRequest(Parameters=ua.CallParameters([ua.CallMethodRequest(n, n, given)])),
    ids, st.lists(variants, max_size=4),
)  # fmt: skip
requests = st.one_of(reads, writes, calls)


@given(requests)
def test_what_asyncua_encodes_can_be_decoded(request: ua.ReadRequest) -> None:
    """The walk ends where the decoder does: anything less is too short."""
    body = struct_to_binary(request)
    check_body(type(request), body)
    check_body(type(request), body + b"more")
    for end in {len(body) - 1, len(body) // 2, 3}:
        with pytest.raises(BadBodyError):
            check_body(type(request), body[:end])


NASTY = (0x80, 0xFF, 0x98, 0xD8, 0x7F, 0xC0, 0x16)


@settings(max_examples=400, deadline=None)
@given(requests, st.data())
def test_a_body_that_passes_is_decoded_quickly_and_in_little_memory(
    request: ua.ReadRequest, data: st.DataObject
) -> None:
    body = bytearray(struct_to_binary(request))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(20, len(body) - 1))
        body[at] = data.draw(
            st.one_of(st.integers(0, 255), st.sampled_from([0x80, 0xFF, 0x98, 0xD8, 0x7F, 0xC0, 0x16]))
        )
    if code := _code(lambda: check_body(type(request), bytes(body))):
        assert code in (StatusCodes.BadDecodingError, StatusCodes.BadEncodingLimitsExceeded)
        return
    tracemalloc.start()
    began = time.perf_counter()
    with contextlib.suppress(ValueError, TypeError, ArithmeticError, UaError):  # of values, not of lengths
        struct_from_binary(type(request), Buffer(bytes(body)))
    assert time.perf_counter() - began < 0.5
    assert tracemalloc.get_traced_memory()[1] < 100_000 + 500 * len(body)
    tracemalloc.stop()


def test_every_structure_is_walked_as_asyncua_decodes_it() -> None:
    made = {kind: _both_ways(kind) for kind in ua.extension_objects_by_typeid.values()}
    walked = {kind: body for kind, body in made.items() if body}
    assert len(walked) > 250
    for kind, body in walked.items():
        assert layout(kind)(body, 0, Bounds(layout)) == len(body), kind


def _both_ways(kind: type) -> bytes:
    """An empty one, encoded; b"" for those that asyncua cannot encode and decode itself, most of PubSub."""
    with contextlib.suppress(NameError, TypeError, AssertionError, NotEnoughData):
        body = struct_to_binary(kind())
        left = Buffer(body)
        struct_from_binary(kind, left)
        return b"" if left else body
    return b""

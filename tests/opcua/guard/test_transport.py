"""What breaks OPC 10000-6, byte by byte over real sockets: the Error message, the end of the connection, one line."""

import struct
from collections.abc import Callable

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.ua_binary import struct_to_binary

from gateway.plc.opcua.transport import complaints
from tests.opcua.desk import Bench, DeskStation, bench, read, until, view
from tests.opcua.guard.wire import NONE, Wire, chunk, hello, read_request, text, wire

Make = Callable[[Wire], bytes]

TYPE, LARGE, URL = "BadTcpMessageTypeInvalid", "BadTcpMessageTooLarge", "BadTcpEndpointUrlInvalid"
CHANNEL, TOKEN, CHECKS = "BadTcpSecureChannelUnknown", "BadSecureChannelTokenUnknown", "BadSecurityChecksFailed"

BASIC = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256"


def _read() -> bytes:
    return struct_to_binary(read_request())


VECTORS: dict[str, tuple[str, Make, str]] = {
    # 7.1.2.2: message types, and what comes first
    "no OPC UA at all": ("connect", lambda w: b"GET / HTTP/1.1\r\nHost: gateway\r\n\r\n", TYPE),
    "TLS": ("connect", lambda w: bytes.fromhex("16030100c8010000c4"), TYPE),
    "unknown type": ("greet", lambda w: chunk(b"XYZF", bytes(40)), TYPE),
    "a server's message": ("greet", lambda w: chunk(b"ACKF", bytes(20)), TYPE),
    "an error from a client": ("greet", lambda w: chunk(b"ERRF", bytes(40)), TYPE),
    "reverse hello": ("connect", lambda w: chunk(b"RHEF", bytes(40)), TYPE),
    "HEL in pieces": ("connect", lambda w: b"HELC" + hello()[4:], TYPE),
    "HEL with a zero": ("connect", lambda w: b"HEL\0" + hello()[4:], TYPE),
    "OPN in pieces": ("greet", lambda w: b"OPNC" + w.opn()[4:], TYPE),
    "CLO in pieces": ("open", lambda w: w.msg(b"", kind=b"CLOA"), TYPE),
    "MSG of no chunk type": ("open", lambda w: w.msg(_read(), kind=b"MSGX"), TYPE),
    "OPN before HEL": ("connect", lambda w: w.opn(), TYPE),
    "MSG before HEL": ("connect", lambda w: w.msg(_read()), TYPE),
    "CLO before HEL": ("connect", lambda w: w.msg(b"", kind=b"CLOF"), TYPE),
    "a second HEL": ("greet", lambda w: hello(), TYPE),
    "HEL on an open channel": ("log_in", lambda w: hello(), TYPE),
    # 7.1.2.3: sizes
    "2 GiB": ("greet", lambda w: b"MSGF" + struct.pack("<I", 2**31 - 1), LARGE),
    "2 GiB of HEL": ("connect", lambda w: b"HELF" + struct.pack("<I", 2**31), LARGE),
    "a byte too long": ("open", lambda w: b"MSGF" + struct.pack("<I", 65_536), LARGE),
    "no header": ("open", lambda w: b"MSGF" + struct.pack("<I", 0), TYPE),
    "half a header": ("open", lambda w: b"MSGF" + struct.pack("<I", 23), TYPE),
    "small receive buffer": ("connect", lambda w: hello(receive=8191), "BadConnectionRejected"),
    "small send buffer": ("connect", lambda w: hello(send=1), "BadConnectionRejected"),
    "long URL": ("connect", lambda w: hello(url=b"o" * 4097), URL),
    "URL longer than its HEL": (
        "connect", lambda w: chunk(b"HELF", struct.pack("<5Ii", 0, 65_536, 65_536, 0, 0, 100)), URL,
    ),
    "URL of negative length": (
        "connect", lambda w: chunk(b"HELF", struct.pack("<5Ii", 0, 65_536, 65_536, 0, 0, -2)), URL,
    ),
    # 6.7.4, 6.7.7: opening
    "MSG without a channel": ("greet", lambda w: w.msg(_read()), CHANNEL),
    "CLO without a channel": ("greet", lambda w: w.msg(b"", kind=b"CLOF"), CHANNEL),
    "unknown policy": ("greet", lambda w: w.opn(uri="urn:none"), "BadSecurityPolicyRejected"),
    "old policy": ("greet", lambda w: w.opn(uri=BASIC.replace("256Sha256", "128Rsa15")), "BadSecurityPolicyRejected"),
    "no policy": ("greet", lambda w: w.opn(uri=""), "BadSecurityPolicyRejected"),
    "None with encryption": (
        "greet", lambda w: w.opn(mode=ua.MessageSecurityMode.SignAndEncrypt), "BadSecurityModeRejected",
    ),
    "invalid mode": ("greet", lambda w: w.opn(mode=ua.MessageSecurityMode.Invalid), "BadSecurityModeRejected"),
    "no certificate": ("greet", lambda w: w.opn(uri=BASIC, thumbprint=bytes(20)), "BadCertificateInvalid"),
    "a certificate that is none": (
        "greet", lambda w: w.opn(uri=BASIC, certificate=b"0\x82junk", thumbprint=bytes(20)), "BadCertificateInvalid",
    ),
    "OPN for another channel": ("greet", lambda w: w.opn(channel=77), CHANNEL),
    "renewal of nothing": ("greet", lambda w: w.opn(issue=False), "BadRequestTypeInvalid"),
    "a second issue": ("open", lambda w: w.opn(issue=True), "BadRequestTypeInvalid"),
    "a second issue for channel 0": ("open", lambda w: w.opn(channel=0, issue=True), CHANNEL),
    "renewal of another channel": ("open", lambda w: w.opn(channel=w.channel + 1), CHANNEL),
    "renewal with another policy": ("open", lambda w: w.opn(uri=BASIC), "BadSecurityPolicyRejected"),
    "renewal with another mode": (
        "open", lambda w: w.opn(mode=ua.MessageSecurityMode.Sign), "BadSecurityModeRejected",
    ),
    "OPN without a request": ("greet", lambda w: w.opn(body=b""), "BadDecodingError"),
    "OPN with another request": ("greet", lambda w: w.opn(body=_read()), "BadDecodingError"),
    "OPN of half a request": ("greet", lambda w: w.opn(body=struct_to_binary(ua.OpenSecureChannelRequest())[:30]),
                              "BadDecodingError"),
    "OPN with a broken header": (
        "greet", lambda w: chunk(b"OPNF", bytes(4) + text(NONE.encode()) + struct.pack("<i", -7) + bytes(60)),
        "BadDecodingError",
    ),
    # 6.7.7: what comes over an open channel
    "wrong channel": ("log_in", lambda w: w.call(read_request(), channel=w.channel + 1), CHANNEL),
    "channel 0": ("log_in", lambda w: w.call(read_request(), channel=0), CHANNEL),
    "CLO of another channel": ("log_in", lambda w: w.msg(b"", kind=b"CLOF", channel=w.channel + 1), CHANNEL),
    "wrong token": ("log_in", lambda w: w.call(read_request(), token=w.token + 1), TOKEN),
    "token 0": ("log_in", lambda w: w.call(read_request(), token=0), TOKEN),
    "repeated sequence number": ("log_in", lambda w: w.call(read_request(), sequence=w.sequence), CHECKS),
    "jumping sequence number": ("log_in", lambda w: w.call(read_request(), sequence=w.sequence + 2), CHECKS),
    "sequence number wrapped too soon": ("log_in", lambda w: w.call(read_request(), sequence=0), CHECKS),
    "a message in a message": (
        "log_in", lambda w: w.msg(_read()[:20], kind=b"MSGC") + w.msg(_read()), CHECKS,
    ),
    "a renewal in a message": ("log_in", lambda w: w.msg(_read()[:20], kind=b"MSGC") + w.opn(), CHECKS),
    "too many chunks": (
        "log_in", lambda w: b"".join(w.msg(b"x", kind=b"MSGC", request=9) for _ in range(70)), "BadRequestTooLarge",
    ),
    "too long in all": (
        "log_in", lambda w: b"".join(w.msg(bytes(65_500), kind=b"MSGC", request=9) for _ in range(65)),
        "BadRequestTooLarge",
    ),
    "much from somebody without a session": (
        "open", lambda w: b"".join(w.msg(bytes(65_500), kind=kind, request=9) for kind in (b"MSGC", b"MSGC", b"MSGF")),
        "BadRequestTooLarge",
    ),
}  # fmt: skip


async def test_each_violation_is_told_logged_once_and_ends_its_connection_alone(
    desk: Bench, client: Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(complaints, "EVERY_S", 1e-9)  # else they would be too many for the log
    for name, (upto, make, status) in VECTORS.items():
        caplog.clear()
        async with wire(desk.url, upto) as bad:
            bad.send(make(bad))
            assert await read(client, "status.verdict") == [0], name
            answer = await bad.answer()
            assert (answer.kind, answer.status) == (b"ERR", status), name
            assert (answer.reason == "") is (status == CHECKS), name  # 6.7.3: no word on security
            assert await bad.closed(), name
            assert await read(client, "status.verdict") == [0], name
        (line,) = [record.getMessage() for record in caplog.records]
        assert status in line, name
        assert "127.0.0.1" in line, name
        assert "disconnected" in line, name


async def test_what_came_before_the_violation_is_answered_first(desk: Bench) -> None:
    """In one segment: ten reads, and nonsense behind them."""
    async with wire(desk.url, "log_in") as bad:
        bad.send(b"".join(bad.call(read_request()) for _ in range(10)) + b"nonsense")
        assert [(await bad.answer()).status for _ in range(10)] == ["Good"] * 10
        assert (await bad.answer()).status == TYPE
        assert await bad.closed()


async def test_a_refused_client_that_goes_on_sending_still_reads_why(desk: Bench) -> None:
    """A connection closed with unread bytes would be reset, and the reason lost with it."""
    async with wire(desk.url, "greet") as bad:
        bad.send(hello())
        for _ in range(20):
            bad.send(bytes(65_536))
        assert (await bad.answer()).status == TYPE


async def test_the_acknowledge_says_what_will_be_kept(desk: Bench) -> None:
    """asyncua swaps the two buffers, and takes the client's limits for responses for its own for requests."""
    async with wire(desk.url, "connect") as quaint:
        quaint.send(hello(receive=8192, send=16_384, message=100_000, chunks=3))
        sizes = struct.unpack("<8sIIIII", await quaint.reader.readexactly(28))[1:]
    version, receive, send, message, chunks = sizes
    assert (version, receive, send) == (0, 16_384, 8192)
    assert message == 4 * 1024 * 1024
    assert chunks * 8192 >= message / 8


async def test_no_chunk_is_larger_than_the_client_takes(desk: Bench) -> None:
    async with wire(desk.url, "connect") as small:
        small.send(hello(receive=8192, send=8192))
        await small.answer()
        await small.open()
        await small.create_session()
        await small.log_in()
        request = read_request()
        request.Parameters.NodesToRead = request.Parameters.NodesToRead * 1000
        body = struct_to_binary(_with_session(request, small))
        for start in range(0, len(body), 8000):
            last = start + 8000 >= len(body)
            small.send(small.msg(body[start : start + 8000], kind=b"MSGF" if last else b"MSGC", request=5000))
        sizes = []
        while True:
            head = await small.reader.readexactly(8)
            sizes.append(struct.unpack_from("<I", head, 4)[0])
            await small.reader.readexactly(sizes[-1] - 8)
            if head[3:4] == b"F":
                break
    assert len(sizes) > 2
    assert max(sizes) <= 8192


def _with_session(request: ua.ReadRequest, of: Wire) -> ua.ReadRequest:
    request.RequestHeader.AuthenticationToken = of.session
    return request


async def test_a_response_longer_than_the_client_takes_is_a_fault(desk: Bench) -> None:
    async with wire(desk.url, "connect") as small:
        small.send(hello(message=20_000))
        await small.answer()
        await small.open()
        await small.create_session()
        await small.log_in()
        request = read_request()
        request.Parameters.NodesToRead = request.Parameters.NodesToRead * 1000
        assert (await small.ask(request)).status == "BadResponseTooLarge"
        assert (await small.ask(read_request())).status == "Good"


async def test_an_aborted_message_is_forgotten_and_the_channel_goes_on(desk: Bench) -> None:
    async with wire(desk.url, "log_in") as hesitant:
        for body in (struct.pack("<Ii", 0x80B8_0000, -1), b"", b"junk"):
            hesitant.send(hesitant.msg(_read()[:20], kind=b"MSGC", request=800))
            hesitant.send(hesitant.msg(body, kind=b"MSGA", request=800))
            assert (await hesitant.ask(read_request())).status == "Good"


async def test_a_message_may_come_in_chunks_of_any_size(desk: Bench) -> None:
    async with wire(desk.url, "log_in") as slow:
        body = struct_to_binary(_with_session(read_request(), slow))
        for at, byte in enumerate(body[:60]):
            slow.send(slow.msg(bytes([byte]), kind=b"MSGC", request=900 + 0 * at))
        slow.send(slow.msg(body[60:], request=900))
        assert (await slow.answer()).status == "Good"


async def test_the_sequence_number_may_wrap_where_the_specification_lets_it(desk: Bench) -> None:
    for first, second in ((2**32 - 1, 0), (2**32 - 1, 1), (2**32 - 1024, 1023)):
        async with wire(desk.url, "greet") as old:
            old.send(old.opn(sequence=first))
            given = (await old.answer()).response.Parameters.SecurityToken
            old.channel, old.token = given.ChannelId, given.TokenId
            old.send(old.call(ua.GetEndpointsRequest(), sequence=second))
            assert (await old.answer()).status == "Good"
    for first, second in ((2**32 - 1025, 0), (2**32 - 1, 1024)):
        async with wire(desk.url, "greet") as old:
            old.send(old.opn(sequence=first))
            given = (await old.answer()).response.Parameters.SecurityToken
            old.channel, old.token = given.ChannelId, given.TokenId
            old.send(old.call(ua.GetEndpointsRequest(), sequence=second))
            assert (await old.answer()).status == CHECKS


async def test_the_old_token_is_good_until_a_second_renewal(desk: Bench) -> None:
    """What was sent with it may still be under way when the new one is used first."""
    async with wire(desk.url, "log_in") as busy:
        first = busy.token
        busy.send(busy.opn())
        second = busy.token = (await busy.answer()).response.Parameters.SecurityToken.TokenId
        for token in (first, second, first, second):
            busy.send(busy.call(read_request(), token=token))
            assert (await busy.answer()).status == "Good"
        busy.send(busy.opn())
        busy.token = (await busy.answer()).response.Parameters.SecurityToken.TokenId
        assert (await busy.ask(read_request())).status == "Good"
        busy.send(busy.call(read_request(), token=first))
        assert (await busy.answer()).status == TOKEN


async def test_closing_the_channel_closes_the_connection_without_a_word(
    desk: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    async with wire(desk.url, "log_in") as done:
        done.send(done.msg(struct_to_binary(ua.CloseSecureChannelRequest()), kind=b"CLOF"))
        assert await done.closed()
    assert "disconnected" not in caplog.text


async def test_a_client_that_sends_more_than_it_is_answered_is_read_no_further_and_loses_nothing(desk: Bench) -> None:
    """asyncua disconnects a client with more requests under way than its queue takes; that is legal, and common."""
    async with wire(desk.url, "log_in") as eager:
        eager.send(b"".join(eager.call(read_request()) for _ in range(1000)))
        answers = [await eager.answer() for _ in range(1000)]
        assert {answer.status for answer in answers} == {"Good"}
        ids = [answer.request_id for answer in answers]
        assert ids == sorted(ids)


async def test_connections_beyond_the_limit_are_told_and_do_not_last(caplog: pytest.LogCaptureFixture) -> None:
    async with bench(view(DeskStation()), max_connections=2) as made:
        client = await made.connect()
        async with wire(made.url, "greet") as second:
            for _ in range(30):
                async with wire(made.url, "connect") as refused:
                    refused.send(hello())
                    assert (await refused.answer()).status == "BadTcpNotEnoughResources"
                    assert await refused.closed()
            second.send(second.opn())
            assert (await second.answer()).kind == b"OPN"
        assert await read(client, "status.verdict") == [0]
        async with wire(made.url, "connect"):  # its place is free again
            await until(lambda: True)
    lines = [record for record in caplog.records if "BadTcpNotEnoughResources" in record.getMessage()]
    assert 1 <= len(lines) <= 6  # five at once, then one in ten seconds

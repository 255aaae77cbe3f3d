"""Connections on which nothing happens, or too slowly: closed after seconds, told why; nobody else waits for them."""

import asyncio
import logging
import socket
import struct
import time
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.ua_binary import struct_to_binary

from gateway.plc.opcua.transport import token_rules, transport_guard
from tests.opcua.desk import Bench, DeskStation, bench, read, until, view
from tests.opcua.guard.wire import Wire, hello, read_request, wire


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds are tenths of seconds here."""
    for name, value in (("OPENING_S", 0.5), ("CHUNK_S", 0.5), ("MESSAGE_S", 1.0), ("LOOK_EVERY_S", 0.05)):
        monkeypatch.setattr(transport_guard, name, value)


def _sockets(desk: Bench) -> Any:
    assert desk.link._server is not None
    return desk.link._server.bserver


async def _closed_with(slow: Wire, status: str) -> float:
    """Seconds until it was closed, for this reason."""
    began = time.monotonic()
    answer = await slow.answer()
    assert (answer.kind, answer.status) == (b"ERR", status), answer
    assert await slow.closed()
    return time.monotonic() - began


@pytest.mark.parametrize("upto", ["connect", "greet"])
async def test_nothing_at_all_or_hello_alone(upto: str, desk: Bench, client: Client) -> None:
    async with wire(desk.url, upto) as mute:
        assert 0.2 < await _closed_with(mute, "BadTimeout") < 4
    assert await read(client, "status.verdict") == [0]


@pytest.mark.parametrize("sent", [1, 3, 7, 20])
async def test_half_a_hello(sent: int, desk: Bench) -> None:
    async with wire(desk.url, "connect") as mute:
        mute.send(hello()[:sent])
        await _closed_with(mute, "BadTimeout")


async def test_half_a_chunk_for_ever(desk: Bench, client: Client) -> None:
    async with wire(desk.url, "log_in") as half:
        half.send(half.call(read_request())[:-1])
        await _closed_with(half, "BadTimeout")
    assert await read(client, "status.verdict") == [0]


async def test_a_byte_now_and_then(desk: Bench, client: Client) -> None:
    """Each byte in time, the chunk not."""
    async with wire(desk.url, "log_in") as dribbling:
        message = dribbling.call(read_request())

        async def dribble() -> None:
            for byte in message:
                dribbling.send(bytes([byte]))
                await asyncio.sleep(0.05)

        task = asyncio.create_task(dribble())
        await _closed_with(dribbling, "BadTimeout")
        task.cancel()
        await asyncio.wait([task])
    assert await read(client, "status.verdict") == [0]


async def test_a_message_that_never_ends(desk: Bench) -> None:
    async with wire(desk.url, "log_in") as endless:

        async def go_on() -> None:
            while True:
                endless.send(endless.msg(b"x", kind=b"MSGC", request=1))
                await asyncio.sleep(0.1)

        task = asyncio.create_task(go_on())
        await _closed_with(endless, "BadTimeout")
        task.cancel()
        await asyncio.wait([task])


async def test_unfinished_messages_of_all_clients_have_one_limit(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """And give their room back when their connections end."""
    allowance = _sockets(desk)._watch.allowance
    allowance.left, before = 200_000, 200_000
    async with wire(desk.url, "log_in") as first, wire(desk.url, "log_in") as second:
        for number in range(3):
            first.send(first.msg(bytes(50_000), kind=b"MSGC", request=7 + 0 * number))
        await until(lambda: allowance.left == 50_000)
        second.send(second.msg(bytes(50_001), kind=b"MSGC", request=7))
        assert (await second.answer()).status == "BadTcpNotEnoughResources"
        first.send(first.msg(b"", kind=b"MSGA", request=7))
        assert (await first.ask(read_request())).status == "Good"
        assert allowance.left == before
        first.send(first.msg(bytes(50_000), kind=b"MSGC", request=7))
        await until(lambda: allowance.left == 150_000)
    await until(lambda: allowance.left == before)


async def test_a_channel_past_its_lifetime_is_closed(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_rules, "SHORTEST_MS", 200)
    monkeypatch.setattr(token_rules, "LONGEST_MS", 400)
    async with wire(desk.url, "log_in") as old:
        for _ in range(4):  # renewed in time it goes on
            await asyncio.sleep(0.2)
            old.send(old.opn())
            old.token = (await old.answer()).response.Parameters.SecurityToken.TokenId
            assert (await old.ask(read_request())).status == "Good"
        assert await _closed_with(old, "BadSecureChannelClosed") < 4


async def test_a_lifetime_is_what_was_asked_for_within_reason(desk: Bench) -> None:
    for asked, given in ((60_000, 60_000), (0, 3_600_000), (1, 10_000), (2**32 - 1, 3_600_000)):
        async with wire(desk.url, "greet") as one:
            one.send(one.opn(lifetime=asked))
            assert (await one.answer()).response.Parameters.SecurityToken.RevisedLifetime == given


async def test_a_client_without_a_session_makes_room(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that had a session: asyncua looks once, ten seconds after the connection was made."""
    server = desk.link._server
    assert server is not None
    server.iserver.max_pending_activation_seconds = 0.6
    async with wire(desk.url, "open") as never:
        await _closed_with(never, "BadTimeout")
    async with wire(desk.url, "log_in") as once:
        await asyncio.sleep(0.7)
        assert (await once.ask(ua.CloseSessionRequest())).status == "Good"
        assert await _closed_with(once, "BadTimeout") < 4


async def test_a_client_that_takes_no_answers_is_cut_and_fills_no_memory(
    desk: Bench, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(transport_guard, "TAKING_S", 1.0)
    async with wire(desk.url, "log_in") as deaf:
        deaf.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
        deaf.writer.transport.pause_reading()  # type: ignore[attr-defined]  # a socket's transport can
        request = read_request()
        request.RequestHeader.AuthenticationToken = deaf.session
        request.Parameters.NodesToRead = request.Parameters.NodesToRead * 1000
        body = struct_to_binary(request)
        (theirs,) = [one for one in _sockets(desk).clients if one.processor.session.auth_token == deaf.session]
        most = 0
        async with asyncio.timeout(30):  # until the kernel's buffers are full, and a second more
            while "takes no answers" not in caplog.text:
                if deaf.writer.transport.get_write_buffer_size() < 500_000:
                    deaf.send(deaf.msg(body))
                await asyncio.sleep(0.005)
                most = max(most, theirs.transport.get_write_buffer_size())
        assert most < 1_000_000
        assert await read(client, "status.verdict") == [0]


async def test_the_log_stays_readable_whatever_one_client_does(
    desk: Bench, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="gateway"):
        for _ in range(100):
            async with wire(desk.url, "connect") as noisy:
                noisy.send(b"noise" + struct.pack("<I", 0))
                assert (await noisy.answer()).kind == b"ERR"
    lines = [record for record in caplog.records if "disconnected" in record.getMessage()]
    assert 5 <= len(lines) <= 8
    assert await read(client, "status.verdict") == [0]


async def test_leaving_does_not_wait_for_whoever_was_refused() -> None:
    async with bench(view(DeskStation()), max_connections=1) as made:
        await made.connect()
        mute = [await asyncio.open_connection(*_place(made.url)) for _ in range(5)]
        began = time.monotonic()
    assert time.monotonic() - began < 1.5
    for _, writer in mute:
        writer.transport.abort()
    await asyncio.sleep(0)


def _place(url: str) -> tuple[str, int]:
    host, port = url.removeprefix("opc.tcp://").split("/")[0].split(":")
    return host, int(port)

"""One link for many: clients that flood, stall or babble, and stations that share the addresses."""

import asyncio
import socket
from itertools import pairwise

import pytest

from gateway.core.errors import LinkError
from tests.modbus.stand import CoreStation, connected, frame, serving, view

MOST_IN_A_TURN = 64
"""Requests: a few milliseconds of writes, which is what other clients may be made to wait."""


@pytest.mark.parametrize("request_", [b"\x03\0\0\0\x7d", b"\x10\0\xcc\0\x01\x02\0\x05"], ids=["reads", "writes"])
async def test_flood_is_answered_in_bursts(request_: bytes) -> None:
    """Between two of a flooding client's turns the others get theirs: counted in requests, not in time."""
    async with serving(view(CoreStation())) as (link, port), connected(port) as flood, connected(port) as good:
        assert await good.ask(b"\x03\0\0\0\x01") == b"\x03\x02PK"
        ports = {int(client.peer.rsplit(":", 1)[1]): client for client in link.clients}
        figures = ports[flood.writer.get_extra_info("sockname")[1]]
        flood.writer.write(frame(request_) * 3000)
        seen = [0]
        async with asyncio.timeout(20):
            while figures.requests < 200:
                await asyncio.sleep(0)
                seen.append(figures.requests)
        assert max(after - before for before, after in pairwise(seen)) <= MOST_IN_A_TURN
        assert await good.ask(b"\x03\0\0\0\x01") == b"\x03\x02PK"
        flood.writer.transport.abort()


async def test_everything_pipelined_is_answered_also_beyond_a_burst() -> None:
    async with serving(view(CoreStation())) as (_, port), connected(port) as client:
        await client.send(b"".join(frame(b"\x03\0\0\0\x7d", transaction=n) for n in range(3000)))
        for n in range(3000):
            assert (await client.frame())[0] == n
        assert await client.ask(b"\x03\0\0\0\x01") == b"\x03\x02PK"


async def test_client_that_reads_late_gets_every_answer() -> None:
    """Answers dammed up (more than the system's buffers hold), then read: it goes on where it stopped."""
    loop = asyncio.get_running_loop()
    count, size = 40_000, 9 + 250
    with socket.socket() as late:
        late.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        late.setblocking(False)
        async with serving(view(CoreStation())) as (link, port), asyncio.timeout(30):
            await loop.sock_connect(late, ("127.0.0.1", port))
            asked = b"".join(frame(b"\x03\0\0\0\x7d", transaction=n) for n in range(count))
            sending = asyncio.create_task(loop.sock_sendall(late, asked))
            while not link.clients or not next(iter(link._clients))._deaf:
                await asyncio.sleep(0.01)
            assert link.clients[0].requests < count
            answers = bytearray()
            while len(answers) < count * size:
                answers += await loop.sock_recv(late, 1 << 20)
            await sending
            assert [int.from_bytes(answers[n * size : n * size + 2], "big") for n in range(count)] == list(range(count))


async def test_garbage_from_a_client_that_does_not_read_holds_no_place() -> None:
    """Its connection cannot be closed in good order; it goes with the next sweep, and at the latest with the link."""
    loop = asyncio.get_running_loop()
    with socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        deaf.setblocking(False)
        async with serving(view(CoreStation())) as (link, port):
            await loop.sock_connect(deaf, ("127.0.0.1", port))
            # Made here, and not sent: how much of a flood the system's buffers swallow is not ours to say.
            async with asyncio.timeout(5):
                while not link.clients:
                    await asyncio.sleep(0.01)
            connection = next(iter(link._clients))
            assert connection._transport is not None
            connection._transport.write(bytes(16_000_000))
            connection._deaf = False
            connection.data_received(b"garbage garbage")
            assert connection.closing
            async with asyncio.timeout(5):
                while link.clients:
                    await asyncio.sleep(0.02)


async def test_bytes_that_are_no_request_do_not_keep_a_connection() -> None:
    async with serving(view(CoreStation()), idle_timeout_s=0.3) as (_, port), connected(port) as client:
        async with asyncio.timeout(5):
            for octet in b"\0\x01\0\0\0\xfe\x01" + bytes(200):
                client.writer.write(bytes([octet]))
                if client.reader.at_eof() or client.writer.is_closing():
                    break
                await asyncio.sleep(0.05)
        assert await client.closed()


async def test_connections_are_watched_by_keep_alive_and_send_at_once() -> None:
    async with serving(view(CoreStation())) as (link, port), connected(port) as client:
        await client.ask(b"\x03\0\0\0\x01")
        transport = next(iter(link._clients))._transport
        assert transport is not None
        sock = transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.mark.parametrize("offset", [0, 128])
async def test_stations_at_the_same_addresses_are_refused(offset: int) -> None:
    first, second = CoreStation("one"), CoreStation("two")
    with pytest.raises(LinkError, match="stations one and two claim the same addresses"):
        async with serving(view(first, unit=3), view(second, unit=3, offset=offset)):
            pass
    assert first.watchers == second.watchers == 0


async def test_station_without_a_unit_is_reached_by_any_unit_id() -> None:
    views = view(CoreStation(), unit=1), view(CoreStation(), offset=256)
    async with serving(*views) as (_, port), connected(port) as client:
        for unit in (1, 9, 255):
            assert await client.ask(b"\x03\x01\0\0\x01", unit=unit) == b"\x03\x02PK"
        assert await client.ask(b"\x03\0\0\0\x01", unit=9) == b"\x83\x02"


async def test_write_that_changes_nothing_is_passed_on_and_an_untagged_register_is_kept() -> None:
    """A PLC that rewrites the same words is alive (H22); register 205 has no tag, and reads back what was written."""
    station = CoreStation()
    async with serving(view(station)) as (_, port), connected(port) as client:
        for value in (b"\x12\x34", b"\x12\x34", b"\x56\x78", b"\0\0"):
            await client.ask(b"\x06\0\xcd" + value)
            assert await client.ask(b"\x03\0\xcd\0\x01") == b"\x03\x02" + value
    assert len(station.written) == 4

"""The transport: packed and split frames, many clients, torn reads, garbage, limits."""

import asyncio
import random
import socket
import struct
from dataclasses import replace
from ipaddress import ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymodbus.client import AsyncModbusTcpClient

from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.errors import LinkError
from gateway.core.result import Judgement, Origin, Verdict
from gateway.plc.modbus.link import Limits, ModbusLink
from tests.modbus.stand import EVERYBODY, IDENTITY, CoreStation, connected, frame, serving, view

FUZZ_FRAMES = 20_000


async def test_pipelined_requests_are_all_answered_in_order_with_their_own_ids() -> None:
    async with serving(view(CoreStation())) as (_, port), connected(port) as client:
        requests = [b"\x03" + struct.pack(">HH", n, 1) for n in range(40)]
        await client.send(b"".join(frame(pdu, unit=n, transaction=1000 + n) for n, pdu in enumerate(requests)))
        for n in range(40):
            transaction, unit, pdu = await client.frame()
            assert (transaction, unit, pdu[:2]) == (1000 + n, n, b"\x03\x02")


REQUESTS = st.sampled_from([
    b"\x03\x00\x00\x00\x10", b"\x04\x00\x00\x00\x01", b"\x02\x00\x00\x00\x10", b"\x06\x00\xcb\x00\x07",
    b"\x10\x00\xc9\x00\x01\x02\x00\x00", b"\x07", b"\x03\x01\x00\x00\x01", b"\x2b\x0e\x01\x00",
])  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(requests=st.lists(REQUESTS, min_size=1, max_size=6), data=st.data())
def test_any_split_gives_the_same_answers(requests: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(frame(pdu, transaction=n) for n, pdu in enumerate(requests))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(stream) - 1), max_size=8)))
    pieces = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]

    async def whole_and_in_pieces() -> None:
        answers = []
        for parts in ([stream], pieces):
            async with serving(view(CoreStation())) as (_, port), connected(port) as client:
                for part in parts:
                    await client.send(part)
                    await asyncio.sleep(0)
                answers.append([await client.frame() for _ in requests])
        assert answers[0] == answers[1]

    asyncio.run(whole_and_in_pieces())


async def test_no_read_is_torn() -> None:
    """H24: result_seq, result_seq_end and part id of every read belong together, while results change at full speed."""
    station = CoreStation()
    async with serving(view(station)) as (_, port), connected(port) as client:
        station.write(Commands())
        commands = Commands(enable=True)
        station.write(commands)
        seen = set()
        for number in range(1, 301):
            commands = replace(commands, trigger_seq=number, part_id=f"{number:032d}")
            await client.send(frame(b"\x03\x00\x00\x00\x78") * 2)
            station.write(commands)
            await asyncio.sleep(0)
            station.post(ev.Answered(number, Judgement(Verdict.OK)))
            for _ in range(2):
                _, _, pdu = await client.frame()
                words = struct.unpack(">120H", pdu[2:])
                assert words[7] == words[119]
                part = pdu[2 + 42 * 2 : 2 + 58 * 2]
                assert part == (f"{words[7]:032d}".encode() if words[7] else bytes(32))
                assert words[7] == words[8]
                seen.add(words[7])
        assert len(seen) > 100


async def test_the_inspection_knows_whose_write_it_is_of() -> None:
    station = CoreStation()
    async with serving(view(station)) as (_, port), connected(port) as client:
        await client.ask(b"\x06\x00\xc8\x00\x00")
        await client.ask(b"\x06\x00\xc8\x00\x01")
        await client.ask(b"\x06\x00\xc8\x00\x03")
        station.post(ev.TriggerAsked(1))
        (inspection,) = station.state.flight
        assert inspection.origin == Origin(client="modbus 127.0.0.1")


async def test_write_is_one_event_with_all_its_values_and_is_in_the_next_read() -> None:
    """H3: values and edges of one FC16 are one event; its effect is there when the response is."""
    station = CoreStation()
    async with serving(view(station)) as (_, port), connected(port) as client:
        await client.ask(b"\x06\x00\xc8\x00\x00")
        await client.ask(b"\x06\x00\xc8\x00\x01")
        part = b"PART-7".ljust(32, b"\0")
        words = struct.pack(">8H", 0b11, 0, 0, 0, 0, 0, 0, 0) + struct.pack(">H", 6) + part
        # Trigger and the read behind it in one segment: the read must show trigger_ack and busy.
        await client.send(frame(b"\x10\x00\xc8\x00\x19\x32" + words) + frame(b"\x03\x00\x02\x00\x01"))
        assert (await client.frame())[2] == b"\x10\x00\xc8\x00\x19"
        _, _, pdu = await client.frame()
        assert int.from_bytes(pdu[2:], "big") & 0b1110 == 0b1100
    assert len(station.written) == 3
    assert station.written[-1] == Commands(enable=True, trigger=True, part_id="PART-7")


async def test_pymodbus_client_reads_and_writes() -> None:
    station = CoreStation()
    async with serving(view(station)) as (link, port):
        client = AsyncModbusTcpClient("127.0.0.1", port=port, retries=0)
        assert await client.connect()
        assert (await client.read_holding_registers(0, count=1)).registers == [20555]
        assert (await client.read_input_registers(35, count=2)).registers == [0x0102, 0x0304]
        assert not (await client.write_coil(0, True)).isError()
        assert (await client.read_coils(0, count=2)).bits[:2] == [True, False]
        identity = await client.read_device_information(read_code=1, object_id=0)
        assert getattr(identity, "information")[0] == b"Acme"  # noqa: B009  the base class that pymodbus returns lacks it
        assert link.clients[0].requests == 5
        client.close()
    assert station.state.commands.enable


@pytest.mark.parametrize("header", [b"\0\x01\0\x07\0\x06", b"\0\x01\0\0\0\x01", b"\0\x01\0\0\xff\xff", b"GET / "])
async def test_no_modbus_closes_that_connection_only(header: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serving(view(CoreStation())) as (_, port), connected(port) as good, connected(port) as bad:
        await bad.send(frame(b"\x03\0\0\0\x01") + header + bytes(10))
        assert (await bad.frame())[2] == b"\x03\x02PK", "what came before it is still answered"
        assert await bad.closed()
        assert await good.ask(b"\x03\0\0\0\x01") == b"\x03\x02PK"
    assert "which is no Modbus TCP" in caplog.text


async def test_mutated_frames_disturb_nobody() -> None:
    """Seeded garbage on one port: no crash, the other client's reads stay right."""
    dice = random.Random(7)
    station = CoreStation()
    async with serving(view(station)) as (link, port), connected(port) as good:
        sent = 0
        while sent < FUZZ_FRAMES:
            async with connected(port) as bad:
                burst = bytearray()
                for _ in range(200):
                    pdu = bytearray(
                        dice.choice(
                            [b"\x03\0\0\0\x10", b"\x10\0\xc8\0\x02\x04\0\0\0\0", b"\x17\0\0\0\x01\0\xc8\0\x01\x02\0\0"]
                        )
                    )
                    for _ in range(dice.randint(0, 3)):
                        pdu[dice.randrange(len(pdu))] = dice.randrange(256)
                    burst += frame(bytes(pdu), dice.randrange(256), sent % 65536)
                    sent += 1
                for _ in range(dice.randint(0, 2)):
                    burst[dice.randrange(len(burst))] = dice.randrange(256)
                bad.writer.write(bytes(burst))
                assert await good.ask(b"\x03\0\0\0\x01") == b"\x03\x02PK"
        assert good.writer.get_extra_info("sockname")[1] in {int(c.peer.rsplit(":", 1)[1]) for c in link.clients}


async def test_client_that_never_reads_does_not_grow_the_gateway() -> None:
    async with serving(view(CoreStation())) as (link, port), connected(port) as deaf, connected(port) as good:
        deaf.reader._transport.pause_reading()  # type: ignore[attr-defined]  # the only way to read nothing at all
        flood = frame(b"\x03\0\0\0\x7d") * 2000
        deaf.writer.write(flood * 200)  # its answers would be 104 MB
        served = -1
        async with asyncio.timeout(20):
            while served != (served := link.clients[0].requests):
                await asyncio.sleep(0.2)
        assert served < 200_000, "it was read to its end although it takes no answer"
        assert await good.ask(b"\x03\0\0\0\x01") == b"\x03\x02PK"
        deaf.writer.transport.abort()


async def test_newest_connection_over_the_limit_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    async with serving(view(CoreStation()), max_connections=1) as (_, port), connected(port) as first:
        assert await first.ask(b"\x03\0\0\0\x01") == b"\x03\x02PK"
        async with connected(port) as second:
            assert await second.closed()
        assert await first.ask(b"\x03\0\0\0\x01") == b"\x03\x02PK"
    assert "1 clients are connected already" in caplog.text


async def test_address_outside_the_allow_list_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    async with (
        serving(view(CoreStation()), allow=(ip_network("10.0.0.0/8"),)) as (link, port),
        connected(port) as client,
    ):
        assert await client.closed()
        assert link.clients == []
    assert "not in links.modbus.allow" in caplog.text


async def test_silent_connection_is_closed_after_the_idle_time_out() -> None:
    async with serving(view(CoreStation()), idle_timeout_s=0.05) as (_, port), connected(port) as client:
        assert await client.ask(b"\x03\0\0\0\x01") == b"\x03\x02PK"
        assert await client.closed()


async def test_taken_port_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        link = ModbusLink([view(CoreStation())], IDENTITY, "127.0.0.1", port, Limits(1, 0, EVERYBODY))
        with pytest.raises(LinkError, match=f"^modbus: port {port} on 127.0.0.1 is taken by another program$") as error:
            await link.__aenter__()
        assert "another program has the port" in error.value.hint
        assert "\n" not in str(error.value)


async def test_nothing_follows_the_station_after_the_link_is_left() -> None:
    station = CoreStation()
    async with serving(view(station)) as (_, port), connected(port) as client:
        await client.ask(b"\x03\0\0\0\x01")
        assert station.watchers == 1
    assert station.watchers == 0

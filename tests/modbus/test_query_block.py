"""The query block on Modbus (H37): one image, behind the commands, and no write spoils it."""

import struct
from typing import Any

import pytest

from gateway.core import events as ev
from gateway.core.query import QueryStatus
from gateway.core.result import Judgement, Result, Verdict
from tests.modbus.stand import CoreStation, Raw, connected, serving, view

FIRST, WORDS = 225, 31
OLD = Result(-1, 17, 300, "Zähler", 1, Judgement(Verdict.NOK, score=0.5, inspector_us=4_000), 0, 0, 9_000)
AT_MS = 1_769_900_399_042


async def registers(raw: Raw, first: int = FIRST, count: int = WORDS) -> tuple[int, ...]:
    response = await raw.ask(struct.pack(">BHH", 3, first, count))
    return struct.unpack(f">{count}H", response[2:])


def found(station: CoreStation) -> None:
    station.post(ev.LookedUp(station.state.query.id, True, OLD, AT_MS))


def fc16(first: int, *words: int) -> bytes:
    return struct.pack(f">BHHB{len(words)}H", 16, first, len(words), 2 * len(words), *words)


async def test_the_block_is_as_the_tag_table_has_it() -> None:
    station = CoreStation()
    async with serving(view(station)) as (_, port), connected(port) as raw:
        assert await registers(raw) == (0,) * WORDS
        await raw.ask(struct.pack(">BHH", 6, 205, 17))
        assert (await registers(raw))[:3] == (0, QueryStatus.LOOKING, 0)
        found(station)
        words = await registers(raw)
        assert words[:11] == (17, QueryStatus.FOUND, 300, 2, 0, 1, 0, 0, 500, 4, 9)
        assert (words[11] << 16 | words[12], words[13]) == (AT_MS // 1000, 42)
        assert words[14] == len("Zähler".encode())
        assert struct.pack(">16H", *words[15:]).rstrip(b"\0").decode() == "Zähler"
        await raw.ask(struct.pack(">BHH", 6, 205, 0))
        assert await registers(raw) == (0,) * WORDS


@pytest.mark.parametrize("request_", [fc16(200, 1, 0, 0, 0, 0, 17, *[7] * 50), fc16(230, 9, 9), fc16(255, 9)])
async def test_what_a_plc_writes_there_is_accepted_as_ever_and_lost(request_: bytes) -> None:
    """The control block goes on to 255, and a PLC may write all of it."""
    station = CoreStation()
    async with serving(view(station)) as (_, port), connected(port) as raw:
        await raw.ask(fc16(200, 1, 0, 0, 0, 0, 17))
        found(station)
        before = await registers(raw)
        assert (await raw.ask(request_))[0] == 16
        assert await registers(raw) == before
        assert station.state.commands.result_query == 17


async def test_a_question_and_a_trigger_in_one_request_are_both_heard() -> None:
    station = CoreStation()
    station.enable()
    async with serving(view(station)) as (_, port), connected(port) as raw:
        await raw.ask(fc16(200, 0b11, 0, 0, 0, 0, 17))
        assert [start.part_id for start in station.started] == [""]
        assert station.state.query.status is QueryStatus.LOOKING
        assert (await registers(raw, 10, 6))[4] == 0, "no error"


async def test_the_heartbeats_short_cut_does_not_lose_a_question() -> None:
    station = CoreStation()
    async with serving(view(station)) as (_, port), connected(port) as raw:
        for beat in range(1, 20):
            await raw.ask(fc16(204, beat, beat % 3 * 17))
            assert station.state.commands.plc_heartbeat == beat
            asked: Any = station.state.query
            assert asked.result_seq == beat % 3 * 17

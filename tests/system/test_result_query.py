"""A PLC reads old results again (H37): a whole line, its journal on the disk, a pymodbus client, and a restart."""

import asyncio
import struct
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pymodbus.client import AsyncModbusTcpClient

from gateway.app import Gateway
from gateway.config import load_settings
from gateway.core.query import QueryStatus
from gateway.core.result import Verdict
from gateway.core.tags import TagValue
from tests.system.line import ANSWER_S, CONFIG, Line, bad_part, good_part, running

KEEPING = '[gateway]\ndata = "data"\n' + CONFIG
BAD = (2, 5, 9)
"""Which of the parts have defects."""
PARTS = 12


class Window:
    """What a PLC programmer writes: FC6 to 205, FC3 of 31 registers from 225."""

    def __init__(self, client: AsyncModbusTcpClient) -> None:
        self._client = client

    async def ask(self, seq: int) -> None:
        assert not (await self._client.write_register(205, seq)).isError()

    async def read(self) -> tuple[int, int, Mapping[str, Any]]:
        """The echo, the status, and the rest by name."""
        words = (await self._client.read_holding_registers(225, count=31)).registers
        names = ("trigger_seq", "verdict", "reason", "recipe", "detection_count", "defect_class", "score_milli")
        part = struct.pack(">16H", *words[15:])[: words[14]].decode()
        rest = dict(zip(names, words[2:9], strict=True)) | {"part_id": part, "at": words[11] << 16 | words[12]}
        return words[0], words[1], rest

    async def answer(self, seq: int) -> tuple[int, Mapping[str, Any]]:
        async with asyncio.timeout(ANSWER_S):
            while True:
                echo, status, rest = await self.read()
                assert echo in (0, seq), "never an answer to another question"
                if echo == seq:
                    return status, rest
                await asyncio.sleep(0.002)


@asynccontextmanager
async def asking(gateway: Gateway) -> AsyncIterator[Window]:
    port = int(gateway.endpoints[0].url.rsplit(":", 1)[1])
    async with AsyncModbusTcpClient("127.0.0.1", port=port) as client:
        yield Window(client)


async def parts_with_questions(line: Line) -> list[Mapping[str, TagValue]]:
    """One part after the other, each trigger in the same write as a question for the one before."""
    told: list[Mapping[str, TagValue]] = []
    for number in range(1, PARTS + 1):
        line.commands = replace(line.commands, result_query=number - 1)
        told.append(await line.inspect(f"P{number}", bad_part() if number in BAD else good_part()))
    return told


def agrees(rest: Mapping[str, Any], shown: Mapping[str, TagValue]) -> None:
    for name in ("verdict", "reason", "detection_count", "defect_class", "score_milli"):
        assert rest[name] == shown[name], name
    assert rest["trigger_seq"] == shown["result_trigger_seq"]
    assert rest["part_id"] == shown["result_part_id"]
    assert abs(rest["at"] - time.time()) < 120


async def test_old_results_are_read_again_while_parts_run_and_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, config=KEEPING) as line:
        told = await parts_with_questions(line)
        verdicts = [Verdict.NOK if number in BAD else Verdict.OK for number in range(1, PARTS + 1)]
        assert [tags["verdict"] for tags in told] == verdicts
        assert [tags["result_part_id"] for tags in told] == [f"P{number}" for number in range(1, PARTS + 1)]
        assert (told[-1]["count_triggers"], told[-1]["count_missed"], told[-1]["error_count"]) == (PARTS, 0, 0)
        async with asking(line.gateway) as window:
            for seq in (5, 1, PARTS):
                await window.ask(seq)
                status, rest = await window.answer(seq)
                assert status == QueryStatus.FOUND
                agrees(rest, told[seq - 1])
            await window.ask(60_000)
            assert (await window.answer(60_000))[0] == QueryStatus.NOT_FOUND
            for seq in (3, 4, 9):  # quickly: the last one is answered
                await window.ask(seq)
            status, rest = await window.answer(9)
            agrees(rest, told[8])
            await window.ask(0)
            assert (await window.read())[:2] == (0, QueryStatus.NONE)
    settings = load_settings(tmp_path / "gateway.toml")
    async with Gateway(settings) as gateway, asking(gateway) as window:
        assert (await window.read())[:2] == (0, QueryStatus.NONE), "a restart clears it"
        await window.ask(2)
        status, rest = await window.answer(2)
        assert status == QueryStatus.FOUND
        agrees(rest, told[1])


async def test_without_a_history_the_plc_is_told_so(tmp_path: Path) -> None:
    config = "[history]\nenabled = false\n" + CONFIG
    async with running(tmp_path, config=config) as line, asking(line.gateway) as window:
        await window.ask(1)
        assert (await window.answer(1))[0] == QueryStatus.UNREACHABLE

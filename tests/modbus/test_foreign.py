"""mbpoll, a C program on libmodbus: reads the map signature, writes a command."""

import asyncio
import re
import shutil

import pytest

from gateway.core import events as ev
from gateway.core.result import Judgement, Result, Verdict
from tests.modbus.stand import CoreStation, serving, view

pytestmark = [
    pytest.mark.foreign,
    pytest.mark.skipif(shutil.which("mbpoll") is None, reason="mbpoll is not installed (Debian package mbpoll)"),
]


async def mbpoll(port: int, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "mbpoll",
        "-0",
        "-1",
        "-p",
        str(port),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.mark.parametrize("unit", ["1", "255"])
async def test_mbpoll_reads_signature_and_test_pattern(unit: str) -> None:
    async with serving(view(CoreStation())) as (_, port):
        for table in ("3", "4"):
            output = await mbpoll(port, "-a", unit, "-t", table, "-r", "0", "-c", "2", "127.0.0.1")
            assert re.search(r"\[0\]:\s+20555", output), output
            assert re.search(r"\[1\]:\s+1\b", output), output
        output = await mbpoll(port, "-a", unit, "-B", "-t", "4:float", "-r", "37", "-c", "1", "127.0.0.1")
        assert "123.456" in output, output


async def test_mbpoll_writes_command_bits() -> None:
    station = CoreStation()
    async with serving(view(station)) as (_, port):
        await mbpoll(port, "-a", "1", "-t", "0", "-r", "0", "127.0.0.1", "1")
        assert station.state.commands.enable
        await mbpoll(port, "-a", "1", "-t", "4", "-r", "203", "127.0.0.1", "7")
        assert station.state.commands.recipe_request == 7


async def test_mbpoll_reads_an_old_result_again() -> None:
    """H37: one write of register 205, one read of the block behind the commands."""
    station = CoreStation()
    old = Result(-1, 17, 300, "ABC", 1, Judgement(Verdict.NOK), 0, 0, 9_000)
    async with serving(view(station)) as (_, port):
        await mbpoll(port, "-a", "1", "-t", "4", "-r", "205", "127.0.0.1", "17")
        station.post(ev.LookedUp(station.state.query.id, True, old, 1_769_900_399_042))
        output = await mbpoll(port, "-a", "1", "-t", "4", "-r", "225", "-c", "31", "127.0.0.1")
        for register, value in ((225, 17), (226, 1), (227, 300), (228, 2), (235, 9), (238, 42), (239, 3), (240, 16706)):
            assert re.search(rf"\[{register}\]:\s+{value}\b", output), output

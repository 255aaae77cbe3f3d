"""mbpoll, a C program on libmodbus: reads the map signature, writes a command."""

import asyncio
import re
import shutil

import pytest

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

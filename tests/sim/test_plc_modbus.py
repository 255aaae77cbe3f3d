"""The simulated PLC's Modbus face where the other side goes away."""

import asyncio
import contextlib

import pytest

from gateway.core.commands import Commands
from gateway.sim.plc_modbus import ModbusFace
from gateway.tagmap import load_map


async def test_a_connection_that_was_lost_is_a_connection_error_in_both_directions() -> None:
    """Lost before the request is made: pymodbus raises then at once, and not where its answer is awaited."""
    gone = asyncio.Event()

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        gone.set()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = int(server.sockets[0].getsockname()[1])
        async with ModbusFace("127.0.0.1", port, load_map("standard")) as face, asyncio.timeout(10):
            await gone.wait()
            while face._client.connected:
                await asyncio.sleep(0.001)
            with pytest.raises(ConnectionError):
                await face.read()
            with pytest.raises(ConnectionError):
                await face.write(Commands())

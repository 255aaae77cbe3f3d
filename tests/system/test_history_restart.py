"""The gateway as a real process is killed in the middle of somebody's history read, and started again."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.client.client import Client

from gateway.cli.ports import free_port
from gateway.plc.opcua.machine_vision.events import SERVER
from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator
from tests.opcua.history.past import Value, history_read, node, raw, status, values
from tests.opcua.history.test_events import details, events, item

pytestmark = pytest.mark.timeout(180)

START_S = 60.0
INSPECTIONS = 7
CONFIG = """
[gateway]
data = "data"

[links.opcua]
host = "127.0.0.1"
port = {port}
allow_unencrypted = true
anonymous = "operate"

[[stations]]
name = "station1"
control = "opcua"

[stations.source]
kind = "playlist"
folder = "parts"

[[stations.recipes]]
number = 1
name = "part"
url = "{pekat}"
"""


@asynccontextmanager
async def gateway(config: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """A gateway that is ready; killed without notice at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway", "run", str(config), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    reading: asyncio.Task[bytes] | None = None
    try:
        async with asyncio.timeout(START_S):
            while b"ready:" not in (line := await process.stderr.readline()):
                assert line, "the gateway ended"
        reading = asyncio.create_task(process.stderr.read())  # so that it never waits for somebody to read its log
        yield process
    finally:
        if process.returncode is None:
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()
        if reading is not None:
            await reading


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[Client]:
    async with Client(f"opc.tcp://127.0.0.1:{port}/pekat", timeout=20) as client:
        yield client


async def inspect(client: Client, count: int) -> list[int]:
    """The verdicts."""
    station = client.get_node("ns=2;s=station1")
    enable = client.get_node("ns=2;s=station1.control.enable")
    await enable.write_value(ua.DataValue(ua.Variant(False, ua.VariantType.Boolean)))
    await enable.write_value(ua.DataValue(ua.Variant(True, ua.VariantType.Boolean)))
    ready = client.get_node("ns=2;s=station1.status.ready")
    verdicts: list[int] = []
    for number in range(count):
        async with asyncio.timeout(20):
            while not await ready.read_value():
                await asyncio.sleep(0.01)
        answer = await station.call_method("2:Inspect", f"part {number}", ua.UInt16(0), ua.UInt32(0))
        verdicts.append(int(answer[0]))
    return verdicts


async def test_a_history_read_outlives_the_gateway(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for number in range(5):
        (tmp_path / "parts" / f"{number}.png").write_bytes(part_image(number))
    port, config = free_port(), tmp_path / "gateway.toml"
    began, end = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(hours=1)
    verdict, part = (f"status.{name}" for name in ("verdict", "result_part_id"))
    seen: list[Value] = []
    async with PekatSimulator() as pekat:
        config.write_text(CONFIG.format(port=port, pekat=pekat.url), encoding="utf-8")
        async with gateway(config) as process, client_of(port) as client:
            verdicts = await inspect(client, INSPECTIONS)
            (first,) = await history_read(client, raw(began, end, 3), node(verdict, station="station1"))
            seen += values(first)
            (told,) = await history_read(client, details(began, end), item(SERVER))
            before = events(told)
            os.kill(process.pid, signal.SIGKILL)
            await process.wait()
        async with gateway(config), client_of(port) as client:
            (stale,) = await history_read(
                client, raw(began, end, 3), node(verdict, first.ContinuationPoint, station="station1")
            )
            assert status(stale) == "BadContinuationPointInvalid"
            last = seen[-1][1]
            assert last is not None
            more = raw(last + timedelta(microseconds=1), end)
            (rest,) = await history_read(client, more, node(verdict, station="station1"))
            seen += values(rest)
            (parts,) = await history_read(client, raw(began, end), node(part, station="station1"))
            (told,) = await history_read(client, details(began, end), item(SERVER))
    assert [value for value, _, _ in seen] == verdicts
    assert [value for value, _, _ in values(parts)] == [f"part {number}" for number in range(INSPECTIONS)]
    assert len(before) == INSPECTIONS
    assert list(map(repr, events(told))) == list(map(repr, before))

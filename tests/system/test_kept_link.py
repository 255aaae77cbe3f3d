"""A link whose port is taken when the gateway starts, or that dies while it runs: kept by policy, and mended."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asyncua.client.client import Client

from gateway import kept_link
from gateway.app import LINK_DOWN, Gateway
from gateway.cli.ports import free_port
from gateway.config import load_settings
from gateway.core import events as ev
from gateway.core.commands import Commands
from gateway.core.errors import Cause, ErrorCode, LinkError
from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator
from gateway.sim.plc_modbus import ModbusFace
from gateway.tagmap import load_map

CONFIG = """
[links.modbus]
host = "127.0.0.1"
port = {port}
start = "{start}"

[[stations]]
name = "station1"
source = {{ kind = "playlist", folder = "parts" }}
recipes = [{{ number = 1, name = "part", url = "http://127.0.0.1:1" }}]
"""


def gateway(folder: Path, port: int, start: str) -> Gateway:
    (folder / "parts").mkdir()
    (folder / "gateway.toml").write_text(CONFIG.format(port=port, start=start), encoding="utf-8")
    return Gateway(load_settings(folder / "gateway.toml"))


@pytest.fixture
def taken() -> socket.socket:
    held = socket.socket()
    held.bind(("127.0.0.1", 0))
    held.listen()
    return held


async def test_it_is_tried_again_until_it_serves(
    tmp_path: Path, taken: socket.socket, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kept_link, "RETRY_S", 0.05)
    port = taken.getsockname()[1]
    async with gateway(tmp_path, port, "retry") as running:
        assert running.endpoints == []
        async with asyncio.timeout(10):
            while caplog.text.count("modbus is not served yet") < 3:
                await asyncio.sleep(0.01)
        taken.close()
        async with asyncio.timeout(10):
            while not running.endpoints:
                await asyncio.sleep(0.01)
        async with ModbusFace("127.0.0.1", port, load_map("standard")) as face:
            assert (await face.read())["map_signature"] == 20555


async def test_it_is_left_out(tmp_path: Path, taken: socket.socket) -> None:
    async with gateway(tmp_path, taken.getsockname()[1], "ignore") as running:
        assert running.endpoints == []
    taken.close()


async def test_without_a_policy_the_gateway_does_not_start(tmp_path: Path, taken: socket.socket) -> None:
    with pytest.raises(LinkError, match="taken by another program"):
        await gateway(tmp_path, taken.getsockname()[1], "fail").__aenter__()
    taken.close()


# ---- a link that dies while it runs --------------------------------------------------------------------------------

BOTH = """
[links.modbus]
host = "127.0.0.1"
port = {modbus}

[links.opcua]
host = "127.0.0.1"
port = {opcua}
allow_unencrypted = true
machine_vision = false

[[stations]]
name = "station1"
source = {{ kind = "playlist", folder = "parts" }}
recipes = [{{ number = 1, name = "part", url = "{pekat}" }}]
"""


@asynccontextmanager
async def both(folder: Path) -> AsyncIterator[tuple[Gateway, int, str]]:
    (folder / "parts").mkdir()
    (folder / "parts" / "1.png").write_bytes(part_image(1, defects=0))
    modbus, opcua = free_port(), free_port()
    with PekatSimulator() as pekat:
        text = BOTH.format(modbus=modbus, opcua=opcua, pekat=pekat.url)
        (folder / "gateway.toml").write_text(text, encoding="utf-8")
        async with Gateway(load_settings(folder / "gateway.toml")) as running:
            yield running, modbus, f"opc.tcp://127.0.0.1:{opcua}/pekat"


def lose(running: Gateway, name: str) -> None:
    """Close the listening sockets of a link behind its back."""
    link: Any = running.links[name]._link
    (link._server if name == "modbus" else link._server.bserver._server).close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_modbus_is_mended_its_plc_stays_connected_and_opcua_tells(tmp_path: Path) -> None:
    registers = load_map("standard")
    async with (
        both(tmp_path) as (running, port, url),
        ModbusFace("127.0.0.1", port, registers) as plc,
        Client(url) as scada,
    ):
        error = scada.get_node("ns=2;s=station1.status.error_code")
        told: list[ev.Event] = []
        running.stations["station1"].observe(lambda step: told.append(step.event))
        await plc.write(Commands())
        await plc.write(Commands(enable=True))
        lose(running, "modbus")
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 1).close()
        await until(lambda: running.links["modbus"].mended == 1)
        assert await error.read_value() == ErrorCode.LINK_DOWN
        tags = await plc.read()
        assert (tags["error_code"], tags["error_cause"]) == (ErrorCode.LINK_DOWN, Cause.LINK)
        assert (tags["online"], tags["ready"]) == (True, True), "the PLC that is connected works on"
        await plc.write(Commands(enable=True, error_ack=True))
        assert (await plc.read())["error"] is False
        assert [one for one in told if isinstance(one, ev.PartFailed | ev.PartRecovered)] == [
            ev.PartFailed(LINK_DOWN),
            ev.PartRecovered(LINK_DOWN),
        ]
        async with ModbusFace("127.0.0.1", port, registers) as another:
            assert (await another.read())["map_signature"] == 20555


async def test_opcua_is_mended_with_all_its_nodes_and_sessions(tmp_path: Path) -> None:
    async with both(tmp_path) as (running, port, url), Client(url) as scada:
        nodes = running.links["opcua"]._link
        lose(running, "opcua")
        await until(lambda: running.links["opcua"].mended == 1)
        assert running.links["opcua"]._link is nodes
        assert await scada.get_node("ns=2;s=station1.status.online").read_value() is True
        async with Client(url) as another:
            assert await another.get_node("ns=2;s=station1.status.error_code").read_value() == ErrorCode.LINK_DOWN
        async with ModbusFace("127.0.0.1", port, load_map("standard")) as plc:
            assert (await plc.read())["error_code"] == ErrorCode.LINK_DOWN


async def test_a_port_that_another_takes_meanwhile_is_tried_ever_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kept_link, "RETRY_S", 0.02)
    monkeypatch.setattr(kept_link, "LOOK_S", 0.02)
    port = free_port()
    async with gateway(tmp_path, port, "fail") as running:
        link = running.links["modbus"]
        lose(running, "modbus")
        with socket.create_server(("127.0.0.1", port)):
            await until(lambda: caplog.text.count("modbus is not served yet") >= 4)
            assert not link.serving
            assert link._pauses.pause_s >= 0.08
            assert caplog.text.count("modbus is not served any more") == 1
        await until(lambda: link.serving)
        assert link.mended == 1


async def test_the_gateway_ends_while_a_link_is_down(tmp_path: Path) -> None:
    port = free_port()
    async with gateway(tmp_path, port, "fail") as running:
        lose(running, "modbus")
        with socket.create_server(("127.0.0.1", port)):
            await until(lambda: not running.links["modbus"].serving)
            async with asyncio.timeout(3):
                await running.__aexit__()

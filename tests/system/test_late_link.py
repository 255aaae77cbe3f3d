"""A link whose port is taken when the gateway starts: by policy it fails the start, comes later, or stays out."""

import asyncio
import socket
from pathlib import Path

import pytest

from gateway import late_link
from gateway.app import Gateway
from gateway.config import load_settings
from gateway.core.errors import LinkError
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
    monkeypatch.setattr(late_link, "RETRY_S", 0.05)
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

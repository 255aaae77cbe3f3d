"""The real drop folder and the real PEKAT client crash in the middle of an inspection: each has another life then."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.app import Gateway
from gateway.cli.ports import free_port
from gateway.config import load_settings
from gateway.core.commands import Commands
from gateway.core.errors import OfflineReason
from gateway.core.result import Reason
from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator
from gateway.station import health

CONFIG = """
[links.modbus]
host = "127.0.0.1"
port = {port}

[[stations]]
name = "station1"
source = {{ kind = "file_drop", folder = "drop", window_ms = 2000, afterwards = "move" }}
recipes = [{{ number = 1, name = "part", url = "{pekat}" }}]

[stations.handshake]
max_in_flight = 2
"""


def bomb(part: Any, method: str) -> None:
    """The next call crashes once it is under way; those after it are as ever."""
    right: Callable[..., Any] = getattr(part, method)

    async def planted(*given: Any) -> Any:
        setattr(part, method, right)
        await asyncio.sleep(0.05)
        raise KeyError("planted")

    setattr(part, method, planted)


class Line:
    """A gateway, its drop folder, and triggers by number."""

    def __init__(self, gateway: Gateway, drop: Path) -> None:
        self.station, self.drop, self.number = gateway.stations["station1"], drop, 0
        source, inspector = (patient.part for patient in self.station._health._patients)
        self.source: Any = source._living
        renewable: Any = inspector._living
        self.inspector = renewable._now

    def tag(self, name: str) -> Any:
        return self.station.image.values[name]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(15):
            while not condition():
                await asyncio.sleep(0.005)

    def trigger(self, part_id: str) -> int:
        assert self.tag("ready")
        self.number += 1
        self.station.write(Commands(enable=True, trigger_seq=self.number, part_id=part_id))
        return self.number

    def put(self, name: str) -> None:
        half = self.drop.parent / name
        half.write_bytes(part_image(1, defects=0))
        half.rename(self.drop / name)

    async def answer(self, number: int) -> tuple[bool, int]:
        await self.until(lambda: self.tag("result_trigger_seq") == number)
        return self.tag("ok"), self.tag("reason")

    async def good(self, name: str) -> None:
        await self.until(lambda: bool(self.tag("ready")))
        number = self.trigger(name)
        self.put(f"{name}.png")
        assert await self.answer(number) == (True, Reason.NONE)


@pytest.mark.parametrize("part", ["source", "inspector"])
async def test_each_of_them_is_restarted_and_judges_again(
    tmp_path: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "RETRY_S", 0.05)
    drop = tmp_path / "drop"
    drop.mkdir()
    with PekatSimulator() as pekat:
        text = CONFIG.format(port=free_port(), pekat=pekat.url)
        (tmp_path / "gateway.toml").write_text(text, encoding="utf-8")
        async with Gateway(load_settings(tmp_path / "gateway.toml")) as gateway:
            line = Line(gateway, drop)
            line.station.write(Commands())
            line.station.write(Commands(enable=True))
            await line.good("before")
            threads = threading.active_count()
            bomb(getattr(line, part), "acquire" if part == "source" else "inspect")
            number = line.trigger("crashes")
            if part == "inspector":
                line.put("crashes.png")
            assert await line.answer(number) == (False, Reason.INTERNAL)
            wanted = OfflineReason.SOURCE if part == "source" else OfflineReason.INSPECTOR
            assert line.tag("offline_reason") == wanted
            await line.until(lambda: bool(line.tag("ready")))
            if part == "source":  # the picture that the trigger before is owed
                line.put("late.png")
                await asyncio.sleep(0.3)
            for name in ("first", "second", "third"):
                await line.good(name)
            assert threading.active_count() <= threads
    judged = {one.name for one in (drop / "done").rglob("*.png")} if (drop / "done").exists() else set()
    assert not (part == "source" and "late.png" in judged)

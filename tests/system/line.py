"""A whole line on loopback: PEKAT simulator, gateway from a real configuration, drop folder, a PLC's face."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.app import Gateway
from gateway.config import load_settings
from gateway.core.commands import Commands
from gateway.core.tags import TagValue
from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator
from gateway.sim.plc_modbus import ModbusFace

ANSWER_S = 15.0

CONFIG = """
[links.modbus]
host = "127.0.0.1"
port = 0

[[stations]]
name = "station1"

[stations.source]
kind = "file_drop"
folder = "drop"

[stations.handshake]
inspection_timeout_ms = {timeout_ms}

[[stations.recipes]]
number = 1
name = "part"
url = "{url}"
classes = {{ Scratch = 1, Spot = 2 }}

[[stations.user_values]]
name = "part_seen"
path = "data"
type = "string"
"""


class Line:
    """The running line. `drop` is what a camera does, `inspect` what a PLC does for one part."""

    def __init__(self, gateway: Gateway, pekat: PekatSimulator, face: ModbusFace, folder: Path) -> None:
        self.gateway, self.pekat, self.face, self.folder = gateway, pekat, face, folder
        self.commands = Commands()
        self.dropped = 0

    def drop(self, picture: bytes, ending: str = "png") -> Path:
        """A complete file in the drop folder, renamed in."""
        self.dropped += 1
        file = self.folder / "drop" / f"{self.dropped:04d}.{ending}"
        writing = self.folder / f"{file.name}.writing"
        writing.write_bytes(picture)
        os.replace(writing, file)
        return file

    async def begin(self) -> None:
        await self._write(enable=False, result_ack_seq=0)
        await self._write(enable=True)
        await self.until("ready")

    async def inspect(self, part_id: str, picture: bytes | None = None, ending: str = "png") -> Mapping[str, TagValue]:
        """Trigger, picture, answer; the station is ready again when this returns."""
        await self._write(trigger=True, part_id=part_id)
        if picture is not None:
            self.drop(picture, ending)
        await self._write(trigger=False)
        await self.until("result_valid")
        return await self.until("ready")

    async def acknowledge_error(self) -> None:
        await self._write(error_ack=True)
        await self._write(error_ack=False)

    async def until(self, tag: str, value: TagValue = True) -> Mapping[str, TagValue]:
        async with asyncio.timeout(ANSWER_S):
            while (tags := await self.face.read())[tag] != value:
                await asyncio.sleep(0.002)
        return tags

    async def _write(self, **tags: Any) -> None:
        self.commands = replace(self.commands, **tags)
        await self.face.write(self.commands)


@asynccontextmanager
async def running(folder: Path, *, timeout_ms: int = 10_000, config: str = CONFIG) -> AsyncIterator[Line]:
    (folder / "drop").mkdir()
    async with PekatSimulator() as pekat:
        file = folder / "gateway.toml"
        file.write_text(config.format(url=pekat.url, timeout_ms=timeout_ms), encoding="utf-8")
        settings = load_settings(file)
        async with Gateway(settings) as gateway:
            port = int(gateway.endpoints[0].url.rsplit(":", 1)[1])
            async with ModbusFace("127.0.0.1", port, settings.stations[0].registers) as face:
                line = Line(gateway, pekat, face, folder)
                await line.begin()
                yield line


def good_part() -> bytes:
    return part_image(1, defects=0)


def bad_part() -> bytes:
    return part_image(1, defects=2)

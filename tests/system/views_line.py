"""A line whose station has several views: a camera's folder and a PEKAT for each, and a PLC that reads their rows."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from pymodbus.client import AsyncModbusTcpClient

from gateway.app import Gateway
from gateway.config import load_settings
from gateway.core.tags import VIEW_COLUMNS, TagValue
from gateway.sim.pekat import PekatSimulator
from gateway.sim.plc_modbus import ModbusFace
from tests.system.line import Line

HEAD = """
[gateway]
data = "data"

[links.modbus]
host = "127.0.0.1"
port = 0

[[stations]]
name = "station1"

[stations.handshake]
inspection_timeout_ms = {timeout_ms}
"""
DROP_VIEW = """
[[stations.views]]
name = "{view}"
source = {{ kind = "file_drop", folder = "{view}", create_folder = true }}
"""
RECIPE = """
[[stations.recipes]]
number = 1
name = "part"
classes = { Scratch = 1, Spot = 2 }
"""
RECIPE_VIEW = """
[[stations.recipes.views]]
view = "{view}"
url = "{url}"
"""

Row = tuple[int, ...]


class ViewsLine(Line):
    """`pekats` by view; `rows` reads what the views say, in a request of its own, as a PLC would."""

    def __init__(self, line: Line, pekats: Mapping[str, PekatSimulator], client: AsyncModbusTcpClient) -> None:
        super().__init__(line.gateway, line.pekat, line.face, line.folder)
        self.pekats, self._client = pekats, client

    def shoot(self, pictures: Mapping[str, bytes]) -> None:
        """What the cameras do: a complete file in the folder of each view."""
        self.dropped += 1
        for view, picture in pictures.items():
            writing = self.folder / f"{view}.writing"
            writing.write_bytes(picture)
            os.replace(writing, self.folder / view / f"{self.dropped:04d}.png")

    async def inspect_all(self, part_id: str, pictures: Mapping[str, bytes]) -> Mapping[str, TagValue]:
        """Trigger, pictures, answer; the station is ready again when this returns."""
        await self._write(trigger=True, part_id=part_id)
        self.shoot(pictures)
        await self._write(trigger=False)
        await self.until("result_valid")
        return await self.until("ready")

    async def rows(self) -> tuple[int, list[Row]]:
        """`views_result_seq`, and the row of each view that there is."""
        answer = await self._client.read_holding_registers(256, count=50, device_id=1)
        assert not answer.isError()
        seq, count, *cells = answer.registers
        width = len(VIEW_COLUMNS)
        assert not any(cells[count * width :]), "rows without a view are zero"
        return seq, [tuple(cells[at * width : (at + 1) * width]) for at in range(count)]

    def kept(self, view: str, where: str) -> list[str]:
        """Pictures of a view in one of its folders."""
        return sorted(file.name for file in (self.folder / view / where).glob("*.png"))


@asynccontextmanager
async def watching(
    folder: Path, *views: str, timeout_ms: int = 10_000, more: str = "", projects: tuple[str, ...] = ()
) -> AsyncIterator[ViewsLine]:
    """A line with a folder and a PEKAT for each of `views`. `more` are further views, `projects` their PEKATs."""
    async with AsyncExitStack() as stack:
        names = (*views, *projects)
        pekats = {name: await stack.enter_async_context(PekatSimulator()) for name in names}
        text = HEAD.format(timeout_ms=timeout_ms) + "".join(DROP_VIEW.format(view=view) for view in views) + more
        text += RECIPE + "".join(RECIPE_VIEW.format(view=name, url=pekats[name].url) for name in names)
        file = folder / "gateway.toml"
        file.write_text(text, encoding="utf-8")
        settings = load_settings(file)
        gateway = await stack.enter_async_context(Gateway(settings))
        port = int(gateway.endpoints[0].url.rsplit(":", 1)[1])
        face = await stack.enter_async_context(ModbusFace("127.0.0.1", port, settings.stations[0].registers))
        client = AsyncModbusTcpClient("127.0.0.1", port=port, retries=0, reconnect_delay=0)
        assert await client.connect()
        stack.callback(client.close)
        line = ViewsLine(Line(gateway, pekats[views[0]], face, folder), pekats, client)
        await line.begin()
        yield line

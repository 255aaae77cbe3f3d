"""A real gateway reloads under triggers at rate: no connection is dropped, no trigger is lost or wrong."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from asyncua.client.client import Client

from gateway.cli.ports import free_port
from gateway.core.commands import Commands
from gateway.core.tags import TagValue
from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator
from gateway.sim.plc_modbus import ModbusFace
from gateway.tagmap import load_map

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")

PATIENCE_S = 30.0
PAUSE_S = 0.02
"""Between two triggers: some 30 a second."""

CONFIG = """
[gateway]
data = "data"
log_level = "{log_level}"

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
map = "{map}"
source = {{ kind = "playlist", folder = "parts" }}

[[stations.recipes]]
number = 1
name = "part"
url = "{pekat}"
"""

OTHER = "schneider"
"""A map with the other word order."""

SECOND = """
[[stations]]
name = "second"
modbus = { offset = 256 }
source = { kind = "playlist", folder = "parts" }
recipes = [{ number = 1, name = "x", url = "http://127.0.0.1:1" }]
"""


@dataclass
class Plant:
    """The process, its configuration, and two PEKATs that it can be pointed to."""

    folder: Path
    process: asyncio.subprocess.Process
    pekats: tuple[PekatSimulator, PekatSimulator]
    modbus: int
    opcua: int

    def configure(self, which: int, *, tag_map: str = "standard", more: str = "", log_level: str = "info") -> None:
        text = CONFIG.format(
            modbus=self.modbus, opcua=self.opcua, pekat=self.pekats[which].url, map=tag_map, log_level=log_level
        )
        new = self.folder / "new.toml"
        new.write_text(text + more, encoding="utf-8")
        os.replace(new, self.folder / "gateway.toml")

    async def command(self) -> tuple[int, str]:
        """`pekat-gateway reload`: exit code, and all it says."""
        command = [sys.executable, "-m", "gateway", "reload", str(self.folder / "gateway.toml")]
        done = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = await done.communicate()
        return done.returncode or 0, said.decode()

    async def until_log(self, word: str) -> str:
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            while line := (await self.process.stderr.readline()).decode():
                if word in line:
                    return line
        raise AssertionError(f"{word} was not logged")


@asynccontextmanager
async def plant(folder: Path) -> AsyncIterator[Plant]:
    (folder / "parts").mkdir()
    for number in range(3):
        (folder / "parts" / f"{number}.png").write_bytes(part_image(number, defects=0))
    with PekatSimulator() as one, PekatSimulator() as other:
        made = Plant(folder, None, (one, other), free_port(), free_port())  # type: ignore[arg-type]  # started below
        made.configure(0)
        command = [sys.executable, "-m", "gateway", "run", str(folder / "gateway.toml")]
        made.process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
        try:
            await made.until_log("ready:")
            yield made
        finally:
            if made.process.returncode is None:
                made.process.kill()
            await made.process.communicate()


class Triggering:
    """A PLC that triggers and checks each answer, on one connection, until it is told to end."""

    def __init__(self, face: ModbusFace) -> None:
        self.face = face
        self.parts = 0
        self.ending = asyncio.Event()

    async def until(self, tag: str, value: TagValue) -> dict[str, TagValue]:
        end = time.monotonic() + PATIENCE_S
        while (tags := dict(await self.face.read()))[tag] != value:
            assert time.monotonic() < end, f"{tag} is {tags[tag]}"
        return tags

    async def run(self) -> None:
        await self.face.write(Commands())
        await self.face.write(Commands(enable=True))
        while not self.ending.is_set():
            await self.until("ready", True)
            self.parts += 1
            await self.face.write(Commands(enable=True, trigger_seq=self.parts, part_id=f"part {self.parts}"))
            tags = await self.until("result_trigger_seq", self.parts)
            assert (tags["ok"], tags["result_part_id"]) == (True, f"part {self.parts}"), tags
            await asyncio.sleep(PAUSE_S)

    async def more(self, count: int = 10) -> None:
        """Wait until so many further parts have had their answers."""
        target, end = self.parts + count + 1, time.monotonic() + PATIENCE_S
        while self.parts < target:
            assert time.monotonic() < end
            await asyncio.sleep(PAUSE_S)


class Subscriber:
    """An OPC UA client that is told of each new result."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def datachange_notification(self, node: object, value: int, data: object) -> None:
        self.seen.append(value)


async def test_reload_under_triggers_at_rate(tmp_path: Path) -> None:
    async with plant(tmp_path) as one, AsyncExitStack() as stack:
        face = await stack.enter_async_context(ModbusFace("127.0.0.1", one.modbus, load_map("standard")))
        client = await stack.enter_async_context(Client(f"opc.tcp://127.0.0.1:{one.opcua}/pekat"))
        listening = Subscriber()
        subscription = await client.create_subscription(50, listening)
        await subscription.subscribe_data_change(client.get_node("ns=2;s=station1.status.result_seq"))
        plc = Triggering(face)
        playing = asyncio.create_task(plc.run(), name="plc")
        await plc.more()
        for which in (1, 0, 1):
            before = [pekat.analysed for pekat in one.pekats]
            one.configure(which)
            code, said = await one.command()
            assert (code, said) == (0, "taken over: stations[station1].recipes[1].url\n")
            assert not playing.done(), playing
            await plc.more()
            left, taken = (one.pekats[1 - which].analysed, one.pekats[which].analysed)
            assert taken > before[which] + 5, "the new address is asked"
            await plc.more()
            assert one.pekats[1 - which].analysed == left, "and the old one no more"
        one.configure(0)
        one.process.send_signal(signal.SIGHUP)
        await one.until_log("reloaded")
        await plc.more()
        plc.ending.set()
        await playing
        tags = dict(await face.read())
        assert (tags["count_missed"], tags["count_triggers"], tags["count_ok"]) == (0, plc.parts, plc.parts)
        end = time.monotonic() + PATIENCE_S
        while listening.seen[-1] != tags["result_seq"] and time.monotonic() < end:
            await asyncio.sleep(0.05)
        assert listening.seen[-1] == tags["result_seq"], "the subscription lives"
        await subscription.delete()


async def test_what_is_wrong_changes_nothing_and_what_needs_a_restart_is_named(tmp_path: Path) -> None:
    async with plant(tmp_path) as one, ModbusFace("127.0.0.1", one.modbus, load_map("standard")) as face:
        plc = Triggering(face)
        playing = asyncio.create_task(plc.run(), name="plc")
        await plc.more(3)
        one.configure(1, more='urll = "http://127.0.0.1:1"\n')
        code, said = await one.command()
        assert code == 2
        assert "urll" in said
        one.process.send_signal(signal.SIGHUP)
        assert "urll" in await one.until_log("nothing has changed")
        await plc.more(3)
        assert one.pekats[1].analysed == 0, "nothing was taken over"
        one.configure(1, more=SECOND)
        code, said = await one.command()
        assert code == 0, said
        assert "taken over: stations[station1].recipes[1].url" in said
        assert "needs a restart: stations[second]" in said
        await plc.more(3)
        plc.ending.set()
        await playing


async def test_a_recipe_in_force_cannot_go(tmp_path: Path) -> None:
    async with plant(tmp_path) as one:
        text = (tmp_path / "gateway.toml").read_text().replace("number = 1", "number = 2")
        (tmp_path / "gateway.toml").write_text(text)
        code, said = await one.command()
        assert code == 2
        assert "recipe 1 is in force" in said


async def test_another_tag_map_counts_from_the_next_request_on_the_same_connection(tmp_path: Path) -> None:
    async with plant(tmp_path) as one, ModbusFace("127.0.0.1", one.modbus, load_map("standard")) as face:
        plc = Triggering(face)
        playing = asyncio.create_task(plc.run(), name="plc")
        await plc.more(3)
        plc.ending.set()
        await playing
        one.configure(0, tag_map=OTHER, log_level="error")
        code, said = await one.command()
        assert (code, said) == (0, "taken over: gateway.log_level\ntaken over: stations[station1].map\n")
        (place,) = [one for one in load_map(OTHER).places if one.tag.name == "test_uint32"]
        response = await face._client.read_holding_registers(place.register, count=2)
        high, low = response.registers
        assert (high, low) == (0x0304, 0x0102), "the words are the other way round"


async def test_without_a_gateway_the_command_says_so(tmp_path: Path) -> None:
    async with plant(tmp_path) as one:
        one.process.kill()
        await one.process.wait()
        code, said = await one.command()
        assert code == 2
        assert "no gateway answers" in said

"""A real gateway under triggers at rate, whose links and history die: the line goes on, and a stop then is a stop."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from asyncua.client.client import Client

from gateway.cli.ports import free_port
from gateway.core.commands import Commands
from gateway.core.errors import ErrorCode
from gateway.core.result import Reason
from gateway.core.tags import TagValue
from gateway.ports import ResultQuery
from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator
from gateway.sim.plc_modbus import ModbusFace
from gateway.sinks.history_reader import HistoryReader
from gateway.tagmap import load_map
from tests.system.test_kept_link import BOTH

pytestmark = pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="dying.py finds sockets in /proc")

PATIENCE_S = 30.0
CONFIG = f'[gateway]\ndata = "data"\n{BOTH}'


@dataclass
class Line:
    """The process, and a PLC that triggers on one connection until it is told to end. `answers` by part number."""

    process: asyncio.subprocess.Process
    modbus: int
    opcua: int
    answers: dict[int, dict[str, TagValue]] = field(default_factory=dict)
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    lines: list[str] = field(default_factory=list)

    def signal(self, *numbers: int) -> None:
        for number in numbers:
            self.process.send_signal(number)

    async def log(self, word: str) -> None:
        """Wait for a line with this word that was not waited for yet."""
        assert self.process.stderr is not None
        async with asyncio.timeout(PATIENCE_S):
            while not (found := [one for one in self.lines if word in one]):
                if not (line := (await self.process.stderr.readline()).decode()):
                    break
                self.lines.append(line)
        if found:
            self.lines.remove(found[0])
            return
        raise AssertionError(f"{word} was not logged: {self.lines[-5:]}")

    async def play(self) -> None:
        async with ModbusFace("127.0.0.1", self.modbus, load_map("standard")) as face:
            await face.write(Commands())
            await face.write(Commands(enable=True))
            number = 0
            while not self.ending.is_set():
                await _until(face, "ready", True)
                number += 1
                await face.write(Commands(enable=True, trigger_seq=number, part_id=f"part {number}"))
                self.answers[number] = await _until(face, "result_trigger_seq", number)
                await asyncio.sleep(0.01)

    async def more(self, count: int) -> None:
        target = len(self.answers) + count
        async with asyncio.timeout(PATIENCE_S):
            while len(self.answers) < target:
                await asyncio.sleep(0.01)


async def _until(face: ModbusFace, tag: str, value: TagValue) -> dict[str, TagValue]:
    end = time.monotonic() + PATIENCE_S
    while (tags := dict(await face.read()))[tag] != value:
        assert time.monotonic() < end, f"{tag} is {tags[tag]}"
        await asyncio.sleep(0.002)
    return tags


@asynccontextmanager
async def line(folder: Path) -> AsyncIterator[Line]:
    (folder / "parts").mkdir()
    (folder / "parts" / "1.png").write_bytes(part_image(1, defects=0))
    modbus, opcua = free_port(), free_port()
    with PekatSimulator() as pekat:
        text = CONFIG.format(modbus=modbus, opcua=opcua, pekat=pekat.url)
        (folder / "gateway.toml").write_text(text, encoding="utf-8")
        command = [sys.executable, "-m", "tests.system.dying", "run", str(folder / "gateway.toml")]
        process = await asyncio.create_subprocess_exec(*command, stderr=subprocess.PIPE)
        made = Line(process, modbus, opcua)
        playing: asyncio.Task[None] | None = None
        try:
            await made.log("ready:")
            playing = asyncio.create_task(made.play())
            await made.more(3)
            yield made
        finally:
            made.ending.set()
            if process.returncode is None:
                process.kill()
            await process.communicate()
            if playing is not None:
                playing.cancel()
                await asyncio.wait({playing})


async def test_the_line_goes_on_while_its_links_and_its_history_are_brought_up_again(tmp_path: Path) -> None:
    async with line(tmp_path) as made:
        made.lines.clear()  # what was said when the links came up for the first time
        made.signal(signal.SIGUSR1)
        await made.log("is not served any more")
        await made.more(5)
        await made.log("modbus at")
        await made.log("opcua at")
        async with ModbusFace("127.0.0.1", made.modbus, load_map("standard")) as another:
            assert (await another.read())["error_code"] == ErrorCode.LINK_DOWN
        async with Client(f"opc.tcp://127.0.0.1:{made.opcua}/pekat", timeout=15) as scada:
            assert await scada.get_node("ns=2;s=station1.status.online").read_value() is True
        made.signal(signal.SIGUSR2)
        await made.log("history-writer has crashed")
        await made.log("results are written again")
        await made.more(5)
        last = max(made.answers)
        assert made.answers[last]["ok"]
        seen = {(tags["ok"], tags["reason"]) for tags in made.answers.values()}
        assert seen <= {(True, Reason.NONE), (False, Reason.JOURNAL)}
        made.ending.set()
        made.signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            assert await made.process.wait() == 0
        _books_agree(tmp_path, made)


@pytest.mark.parametrize(
    "dying",
    [
        (signal.SIGUSR1, signal.SIGUSR2),
        pytest.param((signal.SIGUSR1,), marks=pytest.mark.soak),
        pytest.param((signal.SIGUSR2,), marks=pytest.mark.soak),
    ],
)
async def test_a_stop_while_something_is_being_brought_up_again_is_a_stop(
    tmp_path: Path, dying: tuple[int, ...]
) -> None:
    async with line(tmp_path) as made:
        made.signal(*dying)
        await made.log("is not served any more" if signal.SIGUSR1 in dying else "history-writer has crashed")
        began = time.monotonic()
        made.signal(signal.SIGTERM)
        async with asyncio.timeout(PATIENCE_S):
            assert await made.process.wait() == 0
        assert time.monotonic() - began < 10, "1 s for what is in flight, 1 s for the journal, on an idle machine"
        _books_agree(tmp_path, made)


def _books_agree(folder: Path, made: Line) -> None:
    """What the PLC was told of each part stands in the journal, once; and no further decision of a part."""
    with HistoryReader(folder / "data" / "history.db") as reader:
        stored = [one for page in reader.pages(ResultQuery(limit=10_000)) for one in page]
    by_trigger = {one.result.trigger_seq: one.result for one in stored}
    assert len(by_trigger) == len(stored)
    for number, tags in made.answers.items():
        assert by_trigger[number].part_id == tags["result_part_id"] == f"part {number}"
        assert by_trigger[number].verdict == tags["verdict"]
    assert len(stored) - len(made.answers) in (0, 1), "the last one was answered while its connection ended"

"""The gateway as a real process, killed without notice: no answer that a PLC has seen is lost, none is given twice."""

import asyncio
import json
import os
import random
import signal
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.ports import free_port
from gateway.config import load_settings
from gateway.core.commands import Commands
from gateway.core.result import Reason
from gateway.core.tags import TagValue
from gateway.ports import ResultQuery, StoredResult
from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator
from gateway.sim.plc_modbus import ModbusFace
from gateway.sinks.history_reader import HistoryReader
from tests.system.test_history_restart import gateway

pytestmark = pytest.mark.timeout(300)

WAIT_S = 30.0
ROUNDS = 3
CONFIG = """
[gateway]
data = "data"

[links.modbus]
host = "127.0.0.1"
port = {port}

[[stations]]
name = "station1"

[stations.source]
kind = "file_drop"
folder = "drop"

[stations.handshake]
inspection_timeout_ms = 20000
max_in_flight = 2

[[stations.recipes]]
number = 1
name = "part"
url = "{pekat}"
"""


@dataclass
class Plc:
    """Triggers by number, in buffered mode or not, and remembers each answer that it was shown."""

    face: ModbusFace
    folder: Path
    commands: Commands = field(default_factory=Commands)
    seen: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By trigger number: result number and verdict."""

    async def write(self, **tags: Any) -> None:
        self.commands = replace(self.commands, **tags)
        await self.face.write(self.commands)

    async def until(self, **tags: TagValue) -> Mapping[str, TagValue]:
        async with asyncio.timeout(WAIT_S):
            while True:
                now = await self.face.read()
                if all(now[name] == value for name, value in tags.items()):
                    return now
                await asyncio.sleep(0.002)

    async def begin(self, *, buffered: bool = False) -> None:
        """Without a reset, which would drop what is offered."""
        await self.write(enable=False, buffer_results=buffered, trigger_seq=0, result_ack_seq=0)
        await self.until(online=True)
        await self.write(enable=True)

    async def trigger(self, number: int, *, picture: bool = True) -> None:
        await self.until(ready=True)
        await self.write(trigger_seq=number, part_id=f"part {number}")
        await self.until(trigger_seq_accepted=number)
        if picture:
            writing = self.folder / f"{number}.writing"
            writing.write_bytes(part_image(number))
            writing.replace(self.folder / "drop" / f"{number:05}.png")

    async def look(self) -> Mapping[str, TagValue]:
        """Read the result on show, if there is one."""
        now = await self.face.read()
        if now["result_valid"]:
            self.note(now)
        return now

    def note(self, now: Mapping[str, TagValue]) -> None:
        number, answer = int(now["result_trigger_seq"]), (int(now["result_seq"]), int(now["verdict"]))
        assert now["result_part_id"] == f"part {number}"
        assert self.seen.setdefault(number, answer) == answer, "another answer for the same trigger"


@asynccontextmanager
async def line(home: Path, port: int, seen: dict[int, tuple[int, int]]) -> AsyncIterator[tuple[Plc, int]]:
    """A gateway and its PLC, and the number of its process."""
    registers = load_settings(home / "gateway.toml").stations[0].registers
    async with gateway(home / "gateway.toml") as process, ModbusFace("127.0.0.1", port, registers) as face:
        yield Plc(face, home, seen=seen), process.pid


def kept(home: Path) -> list[StoredResult]:
    with HistoryReader(home / "data" / "history.db") as reader:
        return [one for page in reader.pages(ResultQuery()) for one in page]


async def noted(home: Path, *, trigger_seq: int, owed: list[int], flight: int) -> None:
    """Until this is noted for the station: its last trigger, which inspections it owes the PLC, how many are open."""
    place = f"file:{home / 'data' / 'history.db'}?mode=ro"
    async with asyncio.timeout(WAIT_S):
        while True:
            with closing(sqlite3.connect(place, uri=True)) as database:
                row = database.execute("SELECT trigger_seq, owed, flight FROM stations").fetchone() or (0, "[]", "[]")
            ids = [int(result_id.rsplit("-", 1)[1]) for result_id in json.loads(row[1])]
            if (row[0], ids, len(json.loads(row[2]))) == (trigger_seq, owed, flight):
                return
            await asyncio.sleep(0.02)


@asynccontextmanager
async def plant(home: Path, more: str = "") -> AsyncIterator[int]:
    (home / "drop").mkdir()
    port = free_port()
    async with PekatSimulator() as pekat:
        (home / "gateway.toml").write_text(CONFIG.format(port=port, pekat=pekat.url) + more, encoding="utf-8")
        yield port


async def test_a_trigger_that_a_kill_left_without_its_answer_gets_one(tmp_path: Path) -> None:
    async with plant(tmp_path) as port:
        async with line(tmp_path, port, {}) as (plc, pid):
            await plc.begin()
            for number in (1, 2):
                await plc.trigger(number)
                before = await plc.until(result_valid=True, result_trigger_seq=number)
            await plc.trigger(3, picture=False)
            await noted(tmp_path, trigger_seq=3, owed=[2], flight=1)
            os.kill(pid, signal.SIGKILL)
        async with line(tmp_path, port, {}) as (plc, _):
            now = await plc.until(result_valid=True)
            assert (now["result_trigger_seq"], now["result_part_id"]) == (3, "part 3")
            assert (now["no_decision"], now["ok"], now["reason"]) == (True, False, Reason.INTERRUPTED)
            assert now["boot_id"] != before["boot_id"]
            assert (now["count_triggers"], now["trigger_seq_accepted"], now["result_seq"]) == (3, 3, 3)
            counted = [now[f"count_{one}"] for one in ("ok", "nok", "no_decision")]
            assert counted == [before["count_ok"], before["count_nok"], 1]
            await plc.begin()
            await plc.trigger(4)
            assert (await plc.until(result_valid=True, result_trigger_seq=4))["result_seq"] == 4
    numbers = [(one.result.trigger_seq, one.result.result_seq, one.result.inspection_id) for one in kept(tmp_path)]
    assert numbers == [(number, number, number) for number in (1, 2, 3, 4)]


async def test_what_the_plc_had_not_taken_is_offered_again_in_order(tmp_path: Path) -> None:
    seen: dict[int, tuple[int, int]] = {}
    async with plant(tmp_path) as port:
        async with line(tmp_path, port, seen) as (plc, pid):
            await plc.begin(buffered=True)
            for number in (1, 2, 3, 4):
                await plc.trigger(number)
            await plc.until(results_pending=3)
            await plc.look()
            await plc.write(result_ack_seq=1)
            await plc.until(results_pending=2, result_valid=True)
            await noted(tmp_path, trigger_seq=4, owed=[2, 3, 4], flight=0)
            os.kill(pid, signal.SIGKILL)
        async with line(tmp_path, port, seen) as (plc, _):
            await plc.begin(buffered=True)
            for number in (2, 3, 4):
                await plc.until(result_valid=True, result_trigger_seq=number, results_pending=4 - number)
                await plc.look()
                await plc.write(result_ack_seq=number)
            await plc.until(result_valid=False, results_pending=0)
    assert {one.result.trigger_seq: (one.result.result_seq, int(one.result.verdict)) for one in kept(tmp_path)} == seen


async def test_with_offer_again_off_the_journal_has_them_and_the_plc_does_not(tmp_path: Path) -> None:
    async with plant(tmp_path, "\n[history]\noffer_again = false\n") as port:
        async with line(tmp_path, port, {}) as (plc, pid):
            await plc.begin()
            await plc.trigger(1)
            await plc.until(result_valid=True)
            os.kill(pid, signal.SIGKILL)
        async with line(tmp_path, port, {}) as (plc, _):
            now = await plc.until(online=True)
            assert (now["result_valid"], now["result_seq"], now["count_triggers"]) == (False, 1, 1)
    assert len(kept(tmp_path)) == 1


async def test_killed_at_any_moment_the_journal_has_what_the_plc_has_seen(tmp_path: Path) -> None:
    """Parts without pause, two in flight, until the kill; the PLC looks at the tags all the time."""
    seen: dict[int, tuple[int, int]] = {}
    chance, number = random.Random(11), 0
    async with plant(tmp_path) as port:
        for _ in range(ROUNDS):
            async with line(tmp_path, port, seen) as (plc, pid):
                await plc.look()
                await plc.begin()
                if not seen:  # however slow the machine is, the first kill finds something
                    number += 1
                    await plc.trigger(number)
                    await plc.until(result_valid=True, result_trigger_seq=number)
                    await plc.look()
                loop = asyncio.get_running_loop()
                loop.call_later(chance.uniform(0.05, 1.0), os.kill, pid, signal.SIGKILL)
                try:
                    while True:
                        number += 1
                        await plc.trigger(number)
                        await plc.look()
                except (OSError, TimeoutError):
                    assert plc.seen, "killed too early"
        async with line(tmp_path, port, seen) as (plc, _):
            await plc.look()
            now = await plc.face.read()
    answers = {one.result.trigger_seq: one for one in kept(tmp_path)}
    assert len(answers) == len(kept(tmp_path)), "a trigger with two answers"
    assert seen
    for trigger, (result_seq, verdict) in seen.items():
        assert (answers[trigger].result.result_seq, answers[trigger].result.verdict) == (result_seq, verdict)
    assert sorted(one.result.result_seq for one in answers.values()) == list(range(1, len(answers) + 1))
    assert now["count_triggers"] == len(answers)
    assert sum(int(now[f"count_{one}"]) for one in ("ok", "nok", "no_decision")) == len(answers)

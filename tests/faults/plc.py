"""A PLC as a cycle of its own: it writes its commands, reads the tags, connects anew, and remembers all it saw."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.core.commands import Commands
from gateway.core.tags import TagValue
from gateway.sim.plc import PlcFace
from tests.faults.faces import ANSWER_S, BITS, Program

CYCLE_S = 0.02
AGAIN_S = 0.05
"""Between two attempts to connect."""
Tags = Mapping[str, TagValue]


@dataclass(frozen=True, slots=True)
class Seen:
    """One answer as the tags showed it."""

    part_id: str
    result_seq: int
    trigger_seq: int
    verdict: int
    reason: int
    recipe: int
    detections: int


@dataclass(slots=True)
class Memory:
    """What the PLC was told; it outlives its restarts, as a line's data base does."""

    answers: dict[str, Seen] = field(default_factory=dict)
    accepted: dict[str, float] = field(default_factory=dict)
    """By part id: when its acknowledgement was first seen, by the monotonic clock."""
    shown_by: dict[str, set[int]] = field(default_factory=dict)
    """By part id: the boot ids of the gateways that showed its answer."""
    slips: list[str] = field(default_factory=list)
    _last: tuple[int, int] = (0, 0)
    """Boot id and number of the result that was shown last."""
    _taken: bool = False
    """It was acknowledged, and went away."""

    def note(self, written: Commands, tags: Tags) -> None:
        """One scan. `written` is what stood in the command tags when it was read."""
        by_number = written.trigger_seq != 0 and written.trigger_seq == tags["trigger_seq_accepted"]
        if by_number or (tags["trigger_ack"] and written.trigger):
            self.accepted.setdefault(written.part_id, time.monotonic())
        bits = [bool(tags["ok"]), bool(tags["nok"]), bool(tags["no_decision"])]
        if tags["result_seq"] != tags["result_seq_end"]:
            self.slips.append(f"torn read: {tags['result_seq']}, {tags['result_seq_end']}")
        self._note_order(written, tags)
        if not tags["result_valid"]:
            if any(bits):
                self.slips.append(f"ok, nok, no_decision are {bits} without a valid result")
            return
        self._note_answer(tags, bits)

    def _note_order(self, written: Commands, tags: Tags) -> None:
        """One gateway shows its results in their order, and none again that was taken."""
        now = int(tags["boot_id"]), int(tags["result_seq"])
        if not tags["result_valid"]:
            self._taken = self._taken or written.result_ack_seq == self._last[1]
            return
        if now[0] == self._last[0] and (now[1] < self._last[1] or (now == self._last and self._taken)):
            self.slips.append(f"result {now[1]} is shown again after {self._last[1]}")
        self._last, self._taken = now, self._taken and now == self._last

    def _note_answer(self, tags: Tags, bits: list[bool]) -> None:
        verdict = int(tags["verdict"])
        if bits != [verdict == 1, verdict == 2, verdict == 3]:
            self.slips.append(f"verdict {verdict} with ok, nok, no_decision {bits}")
        part_id = str(tags["result_part_id"])
        self.shown_by.setdefault(part_id, set()).add(int(tags["boot_id"]))
        numbers = ("result_seq", "result_trigger_seq", "verdict", "reason", "result_recipe", "detection_count")
        seen = Seen(part_id, *(int(tags[name]) for name in numbers))
        if self.answers.setdefault(part_id, seen) != seen:
            self.slips.append(f"two answers for {part_id}: {self.answers[part_id]} and {seen}")


class Plc:
    """The cycle. `set` changes commands; `until` waits for tags that were read after they were written."""

    def __init__(self, reach: Callable[[], PlcFace], memory: Memory, program: Program = BITS) -> None:
        self._reach, self.memory, self.program = reach, memory, program
        self.commands = program.first
        self.tags: Tags = {}
        """Empty until the commands as they are now have been written, and read after."""
        self._running = asyncio.Event()
        self._running.set()
        self._ending = self._restarting = False
        self._news = asyncio.Event()
        """Set with the next scan; each has one of its own."""

    # ---- what a test does ----------------------------------------------------------------------------------

    def set(self, **tags: Any) -> None:
        """Write these with the next cycle, all in one request."""
        self.commands, self.tags = replace(self.commands, **tags), {}

    async def until(self, true: Callable[[Tags], object], within_s: float) -> Tags:
        """The first tags for which it is so. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while not self.tags or not true(self.tags):
                await self._news.wait()
        return self.tags

    async def written(self, within_s: float, **tags: Any) -> Tags:
        """Set them, and wait until they are written. Raises TimeoutError."""
        self.set(**tags)
        return await self.until(lambda _: True, within_s)

    def freeze(self, frozen: bool) -> None:
        """Stop in the middle of the cycle with the connection open, or go on."""
        if frozen:
            self._running.clear()
        else:
            self._running.set()
        self.tags = {}

    def restart(self) -> None:
        """Lose all that was in its memory, and the connection. The next write is that of a PLC that has just begun."""
        self.commands, self.tags, self._restarting = replace(self.program.first, reset=True), {}, True

    # ---- the cycle -----------------------------------------------------------------------------------------

    async def run(self) -> None:
        while not self._ending:
            try:
                async with self._reach() as face:
                    await self._serve(face)
            except OSError:  # refused, reset, no answer: connect anew, as every PLC does
                self.tags = {}
                await asyncio.sleep(AGAIN_S)

    def stop(self) -> None:
        """End with the next cycle."""
        self._ending = True
        self._running.set()

    async def _serve(self, face: PlcFace) -> None:
        self._restarting, beat = False, int(time.monotonic() * 100)
        while not self._ending and not self._restarting:
            await self._running.wait()
            commands, beat = self.commands, beat + 1 & 0xFFFF
            async with asyncio.timeout(ANSWER_S):
                await face.write(replace(commands, plc_heartbeat=beat))
                tags = await face.read()
            self.memory.note(commands, tags)
            if commands is self.commands:
                self.tags = tags
            news, self._news = self._news, asyncio.Event()
            news.set()
            await asyncio.sleep(CYCLE_S)


@asynccontextmanager
async def playing(reach: Callable[[], PlcFace], memory: Memory, program: Program = BITS) -> AsyncIterator[Plc]:
    """A PLC at work. `reach` makes a new connection."""
    plc = Plc(reach, memory, program)
    cycle = asyncio.create_task(plc.run(), name="plc")
    try:
        yield plc
    finally:
        plc.stop()
        await cycle

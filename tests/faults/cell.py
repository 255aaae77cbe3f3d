"""One cell of the matrix: a PLC's program over the plant, and what the book-keeping of both sides has to agree on."""

import asyncio
import time
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass, field

from gateway.core.result import Reason
from gateway.core.state import next_seq
from gateway.ports import StoredResult
from tests.faults.books import Part, check_books, check_counters, check_row
from tests.faults.plant import Plant
from tests.faults.plc import Plc, Tags

STEP_S = 20.0
"""What goes wrong without a fault; it only ends a test that hangs."""
LOW = ("trigger", "change_recipe", "set_offline", "reset", "abort", "flush_results", "error_ack")
"""The command bits that are 0 while the station is ready and nobody wants anything."""
BOOKS_S = 10.0
"""Until what was shown without the journal is in the journal, too."""


@dataclass(slots=True)
class Cell:
    """The PLC's program, step by step. `name` begins the ids of its parts."""

    name: str
    plant: Plant
    plc: Plc
    parts: list[Part] = field(default_factory=list)
    under_way: list[Part] = field(default_factory=list)
    """Those that had no answer yet when the fault came."""
    audited: StoredResult | None = None
    """The journal's last row that was found right before this cell began; those up to it are not read again."""
    _boot_id: int = 0
    _standing: bool = False
    """A number stands in `trigger_seq` that the PLC has not seen answered."""

    # ---- a part ----------------------------------------------------------------------------------------

    def next_part(self) -> Part:
        number = len(self.parts) + 1
        part = Part(f"{self.name}n{number}", good=number % 2 == 1)
        self.parts.append(part)
        return part

    async def trigger(self, within_s: float = STEP_S) -> Part:
        """The next part, and a trigger for it, which is held. Raises TimeoutError where nobody answers it.

        Before it the last one has to be low: raised again at once, it would be no edge, and its `trigger_ack` the last
        part's.
        """
        tags = await self.plc.until(lambda tags: not tags["trigger_ack"], within_s)
        part = self.next_part()
        if self.plc.program.by_number:
            return await self._trigger_by_number(part, int(tags["trigger_seq_accepted"]), within_s)
        self.plc.set(trigger=True, part_id=part.part_id)
        tags = await self.plc.until(lambda tags: tags["trigger_ack"] or tags["trigger_rejected"], within_s)
        part.rejected = not tags["trigger_ack"]
        return part

    async def _trigger_by_number(self, part: Part, accepted: int, within_s: float) -> Part:
        """The PLC counts by itself; where it has just begun, it goes on from what the station accepted last."""
        number = next_seq(self.plc.commands.trigger_seq or accepted)
        self._standing = True
        self.plc.set(trigger_seq=number, part_id=part.part_id)
        tags = await self.plc.until(
            lambda tags: tags["trigger_seq_accepted"] == number or tags["trigger_rejected"], within_s
        )
        self._standing, part.rejected = False, tags["trigger_seq_accepted"] != number
        return part

    def photograph(self, part: Part) -> None:
        self.plant.picture(part.part_id, good=part.good)

    def lower(self) -> None:
        self.plc.set(trigger=False)

    async def answer(self, part: Part, within_s: float = STEP_S) -> Tags:
        """Until it is on show; those of earlier parts, which are shown before it, are taken. Raises TimeoutError."""
        async with asyncio.timeout(within_s):
            while True:
                tags = await self.plc.until(lambda tags: tags["result_valid"], within_s)
                if tags["result_part_id"] == part.part_id:
                    return tags
                if self.plc.program.buffered:
                    await self.take(within_s)
                else:
                    await asyncio.sleep(0.005)

    async def take(self, within_s: float = STEP_S) -> None:
        """Acknowledge what is on show, if anything is, and the program does so."""
        if not self.plc.program.buffered:
            return
        tags = await self.plc.until(lambda _: True, within_s)
        if not tags["result_valid"]:
            return
        number = tags["result_seq"]
        if self.plc.commands.result_ack_seq == number:
            await self.plc.written(within_s, result_ack_seq=0)
        self.plc.set(result_ack_seq=number)
        await self.plc.until(lambda tags: not tags["result_valid"] or tags["result_seq"] != number, within_s)

    async def inspect(self, within_s: float = STEP_S) -> Part:
        """One part from trigger to acknowledgement. Raises TimeoutError."""
        part = await self.trigger(within_s)
        if not part.rejected:
            self.photograph(part)
            self.lower()
            await self.answer(part, within_s)
            await self.take(within_s)
        self.lower()
        return part

    # ---- the line ------------------------------------------------------------------------------------------

    async def settle(self, within_s: float = STEP_S) -> None:
        """From wherever it stands to ready, without a reset, which would drop results. Raises TimeoutError.

        A number cannot be taken back as a bit is lowered: seen with `enable` 0 it is used up.
        """
        deadline = time.monotonic() + within_s
        self.plc.set(**dict.fromkeys(LOW, False), enable=self.plc.commands.enable and not self._standing)
        self._standing = False
        while True:
            left = deadline - time.monotonic()
            tags = await self.plc.until(lambda _: True, left)
            if tags["boot_id"] != self._boot_id:
                await self.plc.written(left, enable=False, result_ack_seq=0)
                self._boot_id = int(tags["boot_id"])
            elif not self.plc.commands.enable:
                self.plc.set(enable=True)
            elif tags["result_valid"] and self.plc.program.buffered:
                await self.take(left)
            elif tags["ready"]:
                return
            else:
                await asyncio.sleep(0.005)

    async def recovered(self, within_s: float) -> float:
        """Seconds until a part got the verdict that it deserves. Raises AssertionError where that takes too long."""
        began, last = time.monotonic(), "never ready"
        while (left := within_s - (time.monotonic() - began)) > 0:
            try:
                await self.settle(left)
                part = await self.inspect(left)
            except TimeoutError:
                break
            answer = self.plc.memory.answers.get(part.part_id)
            if answer is not None and answer.verdict == part.deserved:
                return time.monotonic() - began
            last = f"{answer}"
        raise AssertionError(f"{self.name}: not well again within {within_s} s: {last}; tags {dict(self.plc.tags)}")

    async def tried(self, step: Awaitable[object]) -> bool:
        """What a PLC tries while something is broken: false where it had no success."""
        try:
            await step
        except TimeoutError:
            return False
        return True

    # ---- the books -----------------------------------------------------------------------------------------

    async def audit(self, allowed: Iterable[Reason], *, results_dropped: bool) -> None:
        """Raises AssertionError where PLC and journal do not agree, or a part got what it must not get.

        `results_dropped`: the PLC has given away results that it was to be shown. Where one was shown without the
        journal (reason 21), its row, and the counts of those that were kept meanwhile, are put right soon after.
        """
        deadline, reasons = time.monotonic() + BOOKS_S, frozenset(allowed)
        while True:
            rows, tags = await self._rows(), await self.plc.until(lambda _: True, BOOKS_S)
            try:
                self._compare(rows, tags, reasons, results_dropped)
            except AssertionError:
                unkept = any(seen.reason == Reason.JOURNAL for seen in self.plc.memory.answers.values())
                if not unkept or time.monotonic() > deadline:
                    raise
                await asyncio.sleep(0.1)
            else:
                self.audited = rows[-1]
                return

    def _compare(self, rows: list[StoredResult], tags: Tags, allowed: frozenset[Reason], results_dropped: bool) -> None:
        memory, mine = self.plc.memory, {part.part_id for part in self.parts}
        assert not memory.slips, memory.slips
        by_part = {row.result.part_id: row for row in rows if row.result.part_id in mine}
        assert len(by_part) == sum(row.result.part_id in mine for row in rows), (
            f"{self.name}: a trigger with two answers"
        )
        for part in self.parts:
            row = by_part.get(part.part_id)
            assert not (part.rejected and row), f"{part} was rejected and has an answer: {row}"
            if row is not None:
                check_row(part, row, memory.answers.get(part.part_id), allowed)
                assert results_dropped or row.presented, f"{part}: not for the PLC, says the journal"
                assert results_dropped or part.part_id in memory.answers, f"{part}: never shown"
        check_books(rows, self.audited)
        check_counters(rows[-1], tags)

    async def _rows(self) -> list[StoredResult]:
        """The journal, once it has an answer for each part that the PLC saw accepted."""
        wanted = {part.part_id for part in self.parts} & self.plc.memory.accepted.keys()
        deadline = time.monotonic() + BOOKS_S
        while True:
            rows = self.plant.journal(self.audited)
            missing = wanted - {row.result.part_id for row in rows}
            if not missing:
                return rows
            assert time.monotonic() < deadline, f"accepted, and without an answer in the journal: {sorted(missing)}"
            await asyncio.sleep(0.1)

"""The columns of the matrix: how each fault is made and ended, what parts may get, and when all is well again."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Literal

from gateway.core.result import Reason, Verdict
from tests.faults.cell import Cell
from tests.faults.plant_settings import TIMEOUT_MS, WAIT_MS, WATCHDOG_MS

House = Literal["plain", "small disk", "settable clock"]

OUTAGE_S = 0.3
"""How long what comes back by itself is away."""
SLOW_MS = 300
ANSWERED_S = TIMEOUT_MS / 1000 + 1.0
"""An accepted trigger has its answer by then."""


class Fault:
    """What goes wrong. `begin` makes it, `end` undoes it, in an orderly way or by the passing of time."""

    name = ""
    house: House = "plain"
    reasons: frozenset[Reason] = frozenset()
    """Why parts that come to it may have no decision; every one may have the decision that it deserves."""
    stated_s = 3.0
    """Promised: from its end until a part gets the verdict that it deserves."""
    patience_s = ANSWERED_S
    """How long the PLC tries to go on with its program while it lasts."""
    plc_goes_on = True
    felt_when_ready = True
    """Whether a part that is triggered while it lasts cannot get a decision; else it may."""
    drops_results = False
    """Whether the PLC gives away results that it was to be shown, as its program does where it begins anew."""

    async def begin(self, cell: Cell) -> None:
        raise NotImplementedError

    async def end(self, cell: Cell) -> None:
        raise NotImplementedError

    def check_felt(self, cell: Cell, *, ready: bool) -> None:
        """Raises AssertionError where it made no difference. `ready`: it came while the station was."""
        if ready and self.felt_when_ready:
            first = cell.plc.memory.answers[cell.parts[0].part_id]
            assert first.verdict == Verdict.NO_DECISION, f"{self.name}: {first}"


class GatewayKilled(Fault):
    name = "gateway killed -9"
    felt_when_ready = False
    reasons = frozenset({Reason.INTERRUPTED})
    stated_s = 3.0
    patience_s = 0.1

    def __init__(self) -> None:
        self._owed = ""
        """The part whose answer the PLC had seen and not taken."""

    async def begin(self, cell: Cell) -> None:
        tags = cell.plc.tags
        self._owed = str(tags["result_part_id"]) if tags and tags["result_valid"] else ""
        cell.plant.kill_gateway()

    async def end(self, cell: Cell) -> None:
        await asyncio.to_thread(cell.plant.begin_gateway)

    def check_felt(self, cell: Cell, *, ready: bool) -> None:
        if self._owed:
            assert len(cell.plc.memory.shown_by[self._owed]) == 2, f"{self._owed} was not offered again"


class ConnectionCut(Fault):
    name = "PLC connection cut"
    felt_when_ready = False
    stated_s = 2.0
    patience_s = OUTAGE_S

    async def begin(self, cell: Cell) -> None:
        cell.plant.route("plc", "cut")

    async def end(self, cell: Cell) -> None:
        cell.plant.route("plc", "open")


class PlcRestarted(Fault):
    """It begins anew, as the programs of the handshake document do: everything low, with a reset."""

    name = "PLC restarted"
    felt_when_ready = False
    reasons = frozenset({Reason.RESET})
    stated_s = 2.0
    plc_goes_on = False
    drops_results = True

    async def begin(self, cell: Cell) -> None:
        cell.plc.restart()

    async def end(self, cell: Cell) -> None:
        await cell.plc.until(lambda _: True, self.stated_s)
        cell.plc.set(reset=False)


class PlcFrozen(Fault):
    """Its program stands still with the connection open, for longer than the watchdog waits."""

    name = "PLC frozen"
    felt_when_ready = False
    reasons = frozenset({Reason.CANCELLED, Reason.TIMEOUT})
    stated_s = 2.0
    plc_goes_on = False

    async def begin(self, cell: Cell) -> None:
        cell.plc.freeze(True)

    async def end(self, cell: Cell) -> None:
        await asyncio.sleep(WATCHDOG_MS / 1000 + OUTAGE_S)
        cell.plc.freeze(False)


class PekatKilled(Fault):
    name = "PEKAT killed"
    reasons = frozenset({Reason.INSPECTOR_OFFLINE, Reason.TIMEOUT})

    async def begin(self, cell: Cell) -> None:
        cell.plant.kill_pekat()

    async def end(self, cell: Cell) -> None:
        await asyncio.to_thread(cell.plant.begin_pekat)


class PekatAnswers(Fault):
    """What PEKAT does with its answers, made on the way."""

    def __init__(self, name: str, mode: str, reasons: frozenset[Reason] = frozenset(), delay_ms: int = 0) -> None:
        self.name, self.reasons, self.felt_when_ready = name, reasons, bool(reasons)
        self._mode, self._delay_ms = mode, delay_ms

    async def begin(self, cell: Cell) -> None:
        cell.plant.pekat_routes(self._mode, self._delay_ms)

    async def end(self, cell: Cell) -> None:
        cell.plant.pekat_routes("open")


class FolderGone(Fault):
    name = "camera's folder gone"
    reasons = frozenset({Reason.SOURCE_FAILED, Reason.NO_IMAGE})

    async def begin(self, cell: Cell) -> None:
        cell.plant.drop.rename(cell.plant.drop.with_name("away"))

    async def end(self, cell: Cell) -> None:
        cell.plant.drop.with_name("away").rename(cell.plant.drop)


class DiskFull(Fault):
    name = "disk full"
    house = "small disk"
    reasons = frozenset({Reason.JOURNAL})

    async def begin(self, cell: Cell) -> None:
        with contextlib.suppress(OSError), (cell.plant.data / "filling").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))

    async def end(self, cell: Cell) -> None:
        (cell.plant.data / "filling").unlink()


class DatabaseLocked(Fault):
    """Another program holds it, as a careless report does."""

    name = "database locked"
    reasons = frozenset({Reason.JOURNAL})

    def __init__(self) -> None:
        self._holder: sqlite3.Connection | None = None

    async def begin(self, cell: Cell) -> None:
        self._holder = sqlite3.connect(cell.plant.data / "history.db", isolation_level=None)
        self._holder.execute("PRAGMA busy_timeout = 5000")
        self._holder.execute("BEGIN EXCLUSIVE")

    async def end(self, cell: Cell) -> None:
        assert self._holder is not None
        self._holder.execute("ROLLBACK")
        self._holder.close()


class ClockSet(Fault):
    """libfaketime reads a file at each look at the clock, which makes the gateway slow: it may miss its times."""

    name = "clock set back an hour"
    felt_when_ready = False
    house: House = "settable clock"
    reasons = frozenset({Reason.TIMEOUT, Reason.JOURNAL})

    def __init__(self, set_clock: Callable[[str], None] = lambda _: None) -> None:
        self._set_clock = set_clock

    async def begin(self, cell: Cell) -> None:
        self._set_clock("-3600")

    async def end(self, cell: Cell) -> None:
        """It stays set back; the next cell begins with the true time again, a jump the other way."""

    def check_felt(self, cell: Cell, *, ready: bool) -> None:
        last = cell.plant.journal()[-1]
        assert datetime.now(UTC) - last.accepted > timedelta(minutes=50), "the gateway's clock was not set"


class AnswerAtDeadline(Fault):
    """PEKAT's answer is held until the very moment at which its time is over, some milliseconds before or after."""

    name = "time-out at the same instant as the answer"
    felt_when_ready = False
    reasons = frozenset({Reason.TIMEOUT, Reason.JOURNAL})

    def __init__(self, offset_s: float = 0.0) -> None:
        self._offset_s = offset_s
        self._thaw: asyncio.Task[None] | None = None

    async def begin(self, cell: Cell) -> None:
        cell.plant.pekat_routes("hold")
        before = set(cell.plc.memory.accepted) - {part.part_id for part in cell.under_way}
        self._thaw = asyncio.create_task(self._release(cell, before))

    async def end(self, cell: Cell) -> None:
        assert self._thaw is not None
        if not self._thaw.done() and not cell.under_way:
            cell.plc.set(set_offline=False, change_recipe=False, trigger=False)
            await cell.tried(cell.settle())
            await cell.tried(cell.inspect(ANSWERED_S))
        await self._thaw

    async def _release(self, cell: Cell, before: set[str]) -> None:
        accepted = cell.plc.memory.accepted
        while not (new := [at for part_id, at in accepted.items() if part_id not in before]):
            await asyncio.sleep(0.001)
        left = new[-1] + (TIMEOUT_MS - WAIT_MS) / 1000 + self._offset_s - time.monotonic()
        await asyncio.sleep(max(left, 0.0))
        cell.plant.pekat_routes("open")

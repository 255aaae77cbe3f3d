"""Random scenarios: what a PLC may do, what may go wrong meanwhile, in any order. The same seed plays the same one.

Who checks knows nothing of the gateway: it compares what was photographed, what the PLC saw, and the journal.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from gateway.core.result import Reason
from tests.faults.cell import Cell
from tests.faults.kinds import (
    ConnectionCut,
    DatabaseLocked,
    Fault,
    FolderGone,
    PekatAnswers,
    PlcFrozen,
    PlcRestarted,
)

SHORT_S = 0.2
"""How long the PLC waits for one effect before it does something else."""
PAUSES_S = (0.0, 0.0, 0.002, 0.01, 0.03, 0.1)
WELL_S = 8.0
"""From the end of all faults until a part gets its verdict, on a machine that has time for it."""
PATIENCE_S = 45.0
"""Until then it is waited for. The books are checked, however long it took."""
KILLS = 0.04
"""Share of scenarios with a kill of the gateway: each costs a start."""
ANY_REASON = frozenset(Reason) - {Reason.INTERNAL, Reason.NONE}


class PlcStops(PlcFrozen):
    """For a moment; the watchdog may see it or not."""

    name = "PLC stops"

    async def end(self, cell: Cell) -> None:
        cell.plc.freeze(False)


@dataclass
class Scenario:
    """One of them. `told` is what happened, for people."""

    cell: Cell
    source: random.Random
    told: list[str] = field(default_factory=list)
    _on: list[Fault] = field(default_factory=list)
    _dropped: bool = False

    async def play(self) -> float:
        """Seconds that it took to be well again. Raises AssertionError where a promise is broken."""
        kill_at = self.source.randrange(8) if self.source.random() < KILLS else -1
        ahead = self._faults()
        for number in range(self.source.randint(4, 10)):
            await asyncio.sleep(self.source.choice(PAUSES_S))
            if number == kill_at:
                await self._kill()
            elif ahead and self.source.random() < 0.25:
                await self._begin(ahead.pop())
            elif self._on and self.source.random() < 0.3:
                await self._end(self._on.pop(0))
            else:
                await self._act()
        for fault in tuple(self._on):
            await self._end(fault)
        self.told.append("recover")
        well_s = await self.cell.recovered(PATIENCE_S)
        await self.cell.audit(ANY_REASON, results_dropped=self._dropped)
        return well_s

    # ---- faults --------------------------------------------------------------------------------------------

    def _faults(self) -> list[Fault]:
        found: list[Fault] = [kind() for kind in (ConnectionCut, PlcRestarted, PlcStops, FolderGone, DatabaseLocked)]
        found.append(self.source.choice(PEKAT)())
        self.source.shuffle(found)
        return found[: self.source.randint(0, 3)]

    async def _begin(self, fault: Fault) -> None:
        self.told.append(f"begin: {fault.name}")
        await fault.begin(self.cell)
        self._dropped = self._dropped or fault.drops_results
        self._on.append(fault)

    async def _end(self, fault: Fault) -> None:
        self.told.append(f"end: {fault.name}")
        if fault in self._on:
            self._on.remove(fault)
        if isinstance(fault, PlcRestarted):
            self.cell.plc.set(reset=False)
            return
        await fault.end(self.cell)

    async def _kill(self) -> None:
        self.told.append("gateway killed and started")
        self.cell.plant.kill_gateway()
        await asyncio.to_thread(self.cell.plant.begin_gateway)

    # ---- what a PLC does -----------------------------------------------------------------------------------

    async def _act(self) -> None:
        name = self.source.choices(list(ACTIONS), [weight for _, weight in ACTIONS.values()])[0]
        self.told.append(name)
        await ACTIONS[name][0](self)

    async def part(self) -> None:
        """Triggered, and photographed before, right after, late, or not at all."""
        when = self.source.choice(("before", "after", "after", "after", "late", "never"))
        cell = self.cell
        if when == "before":
            coming = f"{cell.name}n{len(cell.parts) + 1}"
            cell.plant.picture(coming, good=(len(cell.parts) + 1) % 2 == 1)
        before = len(cell.parts)
        await cell.tried(cell.trigger(SHORT_S))
        if when in ("after", "late") and len(cell.parts) > before:
            await asyncio.sleep(SHORT_S if when == "late" else 0)
            cell.photograph(cell.parts[-1])
        cell.lower()
        await cell.tried(cell.plc.until(lambda _: True, SHORT_S))

    async def take(self) -> None:
        await self.cell.tried(self.cell.take(SHORT_S))

    async def wait(self) -> None:
        await self.cell.tried(self.cell.plc.until(lambda tags: tags["result_valid"], SHORT_S))

    async def pulse(self, bit: str) -> None:
        cell = self.cell
        await cell.tried(cell.plc.written(SHORT_S, **{bit: True}))
        await asyncio.sleep(self.source.choice(PAUSES_S))
        cell.plc.set(**{bit: False})

    async def reset(self) -> None:
        self._dropped = True
        await self.pulse("reset")

    async def flush(self) -> None:
        self._dropped = True
        await self.pulse("flush_results")

    async def disable(self) -> None:
        await self.cell.tried(self.cell.plc.written(SHORT_S, enable=False))
        self.cell.plc.set(enable=True)

    async def change_recipe(self) -> None:
        self.cell.plc.set(recipe_request=self.source.choice((1, 2, 2, 9)))
        await self.pulse("change_recipe")

    async def several(self) -> None:
        await self.cell.tried(self.cell.plc.written(SHORT_S, abort=True, change_recipe=True))
        self.cell.plc.set(abort=False, change_recipe=False)

    async def wrong_acknowledgement(self) -> None:
        await self.cell.tried(self.cell.plc.written(SHORT_S, result_ack_seq=self.source.randrange(60_000, 65_536)))


PEKAT: tuple[Callable[[], Fault], ...] = (
    lambda: PekatAnswers("PEKAT hung", "freeze"),
    lambda: PekatAnswers("PEKAT keeps its answers", "hold"),
    lambda: PekatAnswers("PEKAT slow", "delay", delay_ms=120),
    lambda: PekatAnswers("PEKAT answers garbage", "garbage"),
    lambda: PekatAnswers("PEKAT breaks off in mid-body", "truncate"),
    lambda: PekatAnswers("PEKAT unreachable", "cut"),
)
"""One of these at a time: they share a route."""

ACTIONS: dict[str, tuple[Callable[[Scenario], Awaitable[None]], int]] = {
    "part": (Scenario.part, 40),
    "take": (Scenario.take, 20),
    "wait": (Scenario.wait, 10),
    "abort": (lambda one: one.pulse("abort"), 4),
    "error_ack": (lambda one: one.pulse("error_ack"), 3),
    "set_offline": (lambda one: one.pulse("set_offline"), 3),
    "reset": (Scenario.reset, 3),
    "flush": (Scenario.flush, 2),
    "disable": (Scenario.disable, 4),
    "change recipe": (Scenario.change_recipe, 5),
    "several commands": (Scenario.several, 3),
    "wrong acknowledgement": (Scenario.wrong_acknowledgement, 3),
}
"""With how often each comes."""

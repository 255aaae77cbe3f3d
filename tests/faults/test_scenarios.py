"""Random scenarios by seed: some here, ten thousand at night. SCENARIO_SEED plays those again that failed."""

import asyncio
import math
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.ports import StoredResult
from tests.faults.books import check_books
from tests.faults.cell import Cell
from tests.faults.housing import Plain
from tests.faults.plant import Plant
from tests.faults.plant_settings import Handshake
from tests.faults.plc import Memory, playing
from tests.faults.report import report
from tests.faults.scenarios import WELL_S, Scenario

pytestmark = pytest.mark.skipif(bool(Plain().missing()), reason=Plain().missing() or "it can be run here")

SOME, MANY = 240, 10_000
A_PLANT, A_LONG_PLANT = 80, 250
"""Scenarios for each plant, here and at night: bringing one up costs as much as thirty of them."""
AT_ONCE, AT_ONCE_AT_NIGHT = 3, 8
"""Plants that run side by side: most of a scenario is waiting."""
SHORTEST = Handshake(timeout_ms=400, wait_ms=100, max_in_flight=3, result_depth=5)
LONGEST_S = 90.0
TOLD_S = 30.0
"""Between two lines of progress."""
ENOUGH = 20
"""After so many failures the rest is not played."""
SLOW_SHARE = 0.002
"""Of the scenarios after which the station may take longer than WELL_S: eight plants share the machine."""
COUNTED = ("scenarios", "parts", "accepted", "answered", "kills", "slow")


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[Path]:
    """A folder for each plant."""
    return (tmp_path / f"plant{number}" for number in range(1_000_000))


async def _play(cell: Cell, seed: int) -> Counter[str]:
    """Raises AssertionError, with all that one has to know to play it again."""
    scenario, memory = Scenario(cell, random.Random(seed)), cell.plc.memory
    try:
        async with asyncio.timeout(LONGEST_S):
            await cell.settle()
            well_s = await scenario.play()
    except (AssertionError, TimeoutError) as error:
        raise AssertionError(f"SCENARIO_SEED={seed}: {', '.join(scenario.told)}: {error!r}") from error
    return Counter(
        scenarios=1, parts=len(cell.parts), accepted=len(memory.accepted), answered=len(memory.answers),
        kills=scenario.told.count("gateway killed and started"),
        slow=well_s > WELL_S,
    )  # fmt: skip


@asynccontextmanager
async def _standing(plant: Plant) -> AsyncIterator[Plant]:
    """The plant, up. Where another one fails meanwhile, it still comes up before it is taken down: no process stays."""
    starting = asyncio.create_task(asyncio.to_thread(plant.begin))
    try:
        await asyncio.shield(starting)
        yield plant
    finally:
        await asyncio.wait([starting])
        plant.end()


@dataclass
class Night:
    """All that is played in one go. A scenario that fails is told at once, and the rest is played with a new plant."""

    homes: Iterator[Path]
    seeds: list[int]
    a_plant: int
    tell: Callable[[str], None]
    seen: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    longest_s: float = math.inf
    """After this time no other one is begun."""

    def __post_init__(self) -> None:
        self._left, self._began = list(reversed(self.seeds)), time.monotonic()
        self._told_at = self._began

    async def play(self, at_once: int) -> None:
        """Raises AssertionError where one has failed, when all have been played."""
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(min(at_once, len(self.seeds))):
                    group.create_task(self._work())
        finally:
            counted = {name: self.seen[name] for name in COUNTED}
            report.note("scenarios", **counted, failed=len(self.failures))
            self.tell(f"{counted}, {len(self.failures)} failed, {time.monotonic() - self._began:.0f} s")
        assert not self.failures, "\n".join(self.failures)
        slow = self.seen["slow"]
        assert slow <= SLOW_SHARE * len(self.seeds), f"{slow} stations were well too late"

    async def _work(self) -> None:
        while self._more():
            plant = Plant(next(self.homes), Plain(), SHORTEST)
            try:
                async with _standing(plant):
                    await self._share(plant)
            except AssertionError as error:
                self.failures.append(str(error))
                self.tell(f"FAILED: {error}; what the gateway logged is in {plant.home}")

    def _more(self) -> bool:
        in_time = time.monotonic() - self._began < self.longest_s
        return bool(self._left) and len(self.failures) < ENOUGH and in_time

    async def _share(self, plant: Plant) -> None:
        """A plant's worth of them, or until one fails: what is wrong with it then is not the next one's fault."""
        last: StoredResult | None = None
        for number in range(self.a_plant):
            if not self._more():
                break
            seed = self._left.pop()
            async with playing(plant.reach, Memory()) as plc:
                cell = Cell(f"r{number}", plant, plc, audited=last)
                self.seen.update(await _play(cell, seed))
            last = cell.audited
            self._progress()
        check_books(plant.journal())

    def _progress(self) -> None:
        now = time.monotonic()
        if now - self._told_at >= TOLD_S:
            self._told_at = now
            self.tell(f"{self.seen['scenarios']} of {len(self.seeds)} scenarios, {len(self.failures)} failed")


def _seeds(count: int) -> list[int]:
    """Those that SCENARIO_SEED names, with commas between them, or new ones."""
    chosen = os.environ.get("SCENARIO_SEED")
    return [int(one) for one in chosen.split(",")] if chosen else random.sample(range(2**32), count)


@pytest.mark.timeout(400)
async def test_some_random_scenarios(homes: Iterator[Path]) -> None:
    await Night(homes, _seeds(SOME), A_PLANT, print).play(AT_ONCE)


@pytest.mark.soak
@pytest.mark.timeout(6 * 3600)
async def test_ten_thousand_random_scenarios(homes: Iterator[Path], capfd: pytest.CaptureFixture[str]) -> None:
    """For a short night: SCENARIO_COUNT plays another number of them, SCENARIO_MINUTES as many as that allows."""

    def tell(line: str) -> None:
        with capfd.disabled():
            print(line, flush=True)

    many, minutes = int(os.environ.get("SCENARIO_COUNT", MANY)), float(os.environ.get("SCENARIO_MINUTES", math.inf))
    await Night(homes, _seeds(many), A_LONG_PLANT, tell, longest_s=60 * minutes).play(AT_ONCE_AT_NIGHT)

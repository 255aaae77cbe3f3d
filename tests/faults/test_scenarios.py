"""Random scenarios by seed: some here, ten thousand at night. SCENARIO_SEED plays one of them again."""

import asyncio
import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.faults.cell import Cell
from tests.faults.housing import Plain
from tests.faults.plant import Handshake, Plant
from tests.faults.plc import Memory, playing
from tests.faults.report import report
from tests.faults.scenarios import Scenario

pytestmark = pytest.mark.skipif(bool(Plain().missing()), reason=Plain().missing() or "it can be run here")

SOME, MANY = 60, 10_000
A_PLANT = 15
"""Scenarios for each plant: the journal that is compared grows with them."""
AT_ONCE = 4
"""Plants that run side by side: most of a scenario is waiting."""
SHORTEST = Handshake(timeout_ms=400, wait_ms=100, max_in_flight=3, result_depth=5)
LONGEST_S = 60.0


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[Path]:
    """A folder for each plant."""
    return (tmp_path / f"plant{number}" for number in range(1_000_000))


async def _play(plant: Plant, name: str, seed: int) -> Counter[str]:
    source = random.Random(seed)
    async with playing(plant.plc_port, plant.registers, Memory()) as plc:
        cell = Cell(name, plant, plc)
        scenario = Scenario(cell, source)
        try:
            async with asyncio.timeout(LONGEST_S):
                await cell.settle()
                well_s = await scenario.play()
        except (AssertionError, TimeoutError) as error:
            raise AssertionError(f"SCENARIO_SEED={seed}: {', '.join(scenario.told)}: {error!r}") from error
    lost = len(cell.unknown & plc.memory.accepted.keys() - plc.memory.answers.keys())
    return Counter(
        parts=len(cell.parts), accepted=len(plc.memory.accepted), answered=len(plc.memory.answers),
        kills=scenario.told.count("gateway killed and started"), forgotten=lost, slow=well_s > 3.0,
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


async def _play_many(homes: Iterator[Path], count: int) -> None:
    chosen = os.environ.get("SCENARIO_SEED")
    seeds = [int(chosen)] if chosen else [random.randrange(2**32) for _ in range(count)]
    shares = iter([seeds[first : first + A_PLANT] for first in range(0, len(seeds), A_PLANT)])
    seen = Counter[str]()

    async def work() -> None:
        for share in shares:
            async with _standing(Plant(next(homes), Plain(), SHORTEST)) as plant:
                for number, seed in enumerate(share):
                    seen.update(await _play(plant, f"r{number}", seed))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())
    print(f"{len(seeds)} scenarios: {dict(seen)}")
    report.figures["scenarios"] = {"scenarios": len(seeds), **{name: seen[name] for name in NAMES}}


NAMES = ("parts", "accepted", "answered", "kills", "forgotten")


@pytest.mark.timeout(400)
async def test_some_random_scenarios(homes: Iterator[Path]) -> None:
    await _play_many(homes, SOME)


@pytest.mark.soak
@pytest.mark.timeout(6 * 3600)
async def test_ten_thousand_random_scenarios(homes: Iterator[Path]) -> None:
    """SCENARIO_COUNT plays another number of them, for a night that is short."""
    await _play_many(homes, int(os.environ.get("SCENARIO_COUNT", MANY)))

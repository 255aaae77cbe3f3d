"""Mutated Modbus frames by the ten thousand at a real gateway, while another client reads in time and rightly."""

import asyncio
import json
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from gateway.core.registers import RegisterMap
from gateway.core.tags import MAP_SIGNATURE, TEST_UINT32
from gateway.sim.plc_modbus import ModbusFace
from tests.faults.books import check_books
from tests.faults.cell import Cell
from tests.faults.housing import Plain
from tests.faults.plant import ROOT, Plant
from tests.faults.plc import Memory, playing
from tests.faults.report import report

pytestmark = pytest.mark.skipif(bool(Plain().missing()), reason=Plain().missing() or "it can be run here")

SOME, MANY = 50_000, 1_000_000
WARM_UP = 5_000
"""Frames before memory is measured: the first of everything costs once."""
P99_S, SLOWEST_S = 0.1, 2.0
"""Of the other client's reads; the machine has the fuzzer to serve beside them."""
GROWTH = 24 * 1024 * 1024
"""Bytes that the gateway may have grown by after the warm-up."""
PAUSE_S = 0.005


@dataclass(slots=True)
class Reader:
    """Another client: reads the status block all the time, and takes the time of each."""

    port: int
    registers: RegisterMap
    took: list[float] = field(default_factory=list)
    done: bool = False

    async def run(self) -> None:
        async with ModbusFace("127.0.0.1", self.port, self.registers) as face:
            while not self.done:
                began = time.perf_counter()
                tags = await face.read()
                self.took.append(time.perf_counter() - began)
                assert (tags["map_signature"], tags["test_uint32"]) == (MAP_SIGNATURE, TEST_UINT32)
                assert tags["result_seq"] == tags["result_seq_end"], "torn"
                await asyncio.sleep(PAUSE_S)

    def within(self, share: float) -> float:
        return sorted(self.took)[int(share * (len(self.took) - 1))]


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    made = Plant(tmp_path, Plain())
    made.begin()
    yield made
    made.end()


async def _fuzz(plant: Plant, seed: int, count: int) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.faults.modbus_fuzzer", str(plant.gateway_port), str(seed), str(count),
        cwd=ROOT, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        out, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode == 0, "a frame was not answered as it must be: see above"
    seen: dict[str, Any] = json.loads(out)
    return seen


async def _throw(plant: Plant, count: int) -> None:
    seed = int(os.environ.get("FUZZ_SEED", random.randrange(2**32)))
    print(f"FUZZ_SEED={seed}")
    gateway = psutil.Process(plant.gateway_pid)
    await _fuzz(plant, seed, WARM_UP)
    before = gateway.memory_info().rss
    reader = Reader(plant.gateway_port, plant.registers)
    reading = asyncio.create_task(reader.run())
    seen = await _fuzz(plant, seed + 1, count)
    reader.done = True
    await reading
    grown = gateway.memory_info().rss - before
    figures = {
        "frames": seen["sent"], "connections": seen["connections"], "seed": seed, "reads": len(reader.took),
        "p50_ms": round(reader.within(0.5) * 1000, 2), "p99_ms": round(reader.within(0.99) * 1000, 2),
        "slowest_ms": round(reader.within(1.0) * 1000, 1), "grown_kib": grown // 1024,
    }  # fmt: skip
    print(figures, seen["seen"])
    report.note("modbus", **figures)
    assert seen["sent"] >= count
    assert reader.within(0.99) < P99_S
    assert reader.within(1.0) < SLOWEST_S
    assert grown < GROWTH
    await _still_at_work(plant)


async def _still_at_work(plant: Plant) -> None:
    """What the frames wrote were commands, too: a PLC that begins anew gets its answer, and the journal is whole."""
    async with playing(plant.reach, Memory()) as plc:
        plc.restart()
        await plc.until(lambda _: True, 10.0)
        cell = Cell("after", plant, plc)
        await cell.settle()
        part = await cell.inspect()
        assert plc.memory.answers[part.part_id].verdict == part.deserved
    check_books(plant.journal())
    log = plant.gateway_log()
    assert "Traceback" not in log
    assert "ERROR" not in log, log[-4000:]


@pytest.mark.timeout(240)
async def test_fifty_thousand_mutated_frames(plant: Plant) -> None:
    await _throw(plant, SOME)


@pytest.mark.soak
@pytest.mark.timeout(3000)
async def test_a_million_mutated_frames(plant: Plant) -> None:
    await _throw(plant, MANY)

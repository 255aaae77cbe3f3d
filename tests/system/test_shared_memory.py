"""A whole gateway with a camera in memory: shared memory is used, and nothing of it stays, also after kill -9."""

import asyncio
import sys
from pathlib import Path

import pytest

from benchmarks.plc import PlcStation
from benchmarks.served import PLAYLIST, Plan, Served, gateway
from gateway.sim.pekat import PekatSimulator
from gateway.sim.pekat_settings import PekatSimSettings
from tests.vision.judging import until

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="shared memory is no folder elsewhere"),
    pytest.mark.timeout(240),
]

SHM = Path("/dev/shm")


def plan(pekat: PekatSimulator) -> Plan:
    return Plan(pekat.port, source=PLAYLIST, frames=(640, 480), inspector='way = "shared_memory"')


def blocks_of(served: Served) -> list[str]:
    return [path.name for path in SHM.glob(f"pekatgw_{served.process.pid}_*")]


def inspections(served: Served, count: int) -> None:
    with PlcStation(served.modbus) as plc:
        plc.wait_ready(30)
        for number in range(count):
            plc.inspect(f"part {number}")


async def test_no_block_stays_after_a_normal_end() -> None:
    async with PekatSimulator(PekatSimSettings(port=0)) as pekat:
        with gateway(plan(pekat)) as served:
            await asyncio.to_thread(inspections, served, 5)
            assert len(blocks_of(served)) == 1, "one frame at a time, always in the same block"
            served.process.process.terminate()
            await asyncio.to_thread(served.process.process.wait, 20)
            assert blocks_of(served) == []
            assert "resource_tracker" not in served.process.said


async def test_what_a_killed_gateway_left_is_gone_once_it_runs_again() -> None:
    async with PekatSimulator(PekatSimSettings(port=0)) as pekat:
        with gateway(plan(pekat)) as killed:
            await asyncio.to_thread(inspections, killed, 2)
            pekat.misbehave("hang", 1)
            with PlcStation(killed.modbus) as plc:
                await asyncio.to_thread(plc.wait_ready, 30)
                await asyncio.to_thread(plc.trigger, "the last one")
                await until(lambda: pekat.analysed == 3)
                killed.process.process.kill()
                await asyncio.to_thread(killed.process.process.wait, 10)
            said = killed.process.said
        with gateway(plan(pekat)) as again:
            await asyncio.to_thread(inspections, again, 2)
            assert blocks_of(killed) == []
        assert blocks_of(again) == []
    assert "resource_tracker" not in said

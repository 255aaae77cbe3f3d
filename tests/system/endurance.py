"""A gateway process that inspects by the thousand, and what it holds on to meanwhile.

Full path: trigger over Modbus, frame from memory, PEKAT stand-in through shared memory, history written, OPC UA server
with the companion model and one subscriber to tags and one to events.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.children import Child
from benchmarks.machine_vision import RESULT_READY
from benchmarks.opcua_client import OpcUaClient
from benchmarks.plc_pipelined import PipelinedStation, pipelined_station
from benchmarks.served import PLAYLIST, Plan, Served, gateway, reading_standin

FRAME = (256, 256)
"""64 KiB, the smallest that goes through shared memory."""
IN_FLIGHT = 2
BATCH = 500
PERIOD_MS = 100
QUIET_S = 1.5
"""Twice as long as anything that goes on after an answer: the history's writer, publishing, a heartbeat."""
SHARED_MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class Held:
    """What a process holds: resident bytes, threads, open files and sockets."""

    memory: int
    threads: int
    files: int

    @classmethod
    def of(cls, process: psutil.Process) -> "Held":
        with process.oneshot():
            return cls(process.memory_info().rss, process.num_threads(), process.num_fds())


@dataclass
class Endurance:
    """The running line. `inspected`: how many there were so far."""

    served: Served
    station: PipelinedStation
    process: psutil.Process
    inspected: int = 0

    def inspect(self, count: int) -> Held:
        """So many inspections, each answer checked; what the gateway holds afterwards, when it is quiet."""
        while count > 0:
            batch = min(BATCH, count)
            self.station.play(batch, 0.0)
            count -= batch
            self.inspected += batch
        self.station.milliseconds.clear()
        time.sleep(QUIET_S)
        return Held.of(self.process)

    @property
    def blocks(self) -> set[str]:
        """The blocks of shared memory that the gateway has open."""
        return blocks_of(self.served.process)


def blocks_of(child: Child) -> set[str]:
    """The blocks of shared memory that a process has open, by their names."""
    targets = [link.readlink() for link in Path(f"/proc/{child.pid}/fd").iterdir()]
    return {target.name.partition(" ")[0] for target in targets if target.parent == SHARED_MEMORY}


@contextmanager
def endurance(pekat: int) -> Iterator[Endurance]:
    """A gateway that asks this PEKAT, with its PLC and its OPC UA client."""
    plan = Plan(pekat, source=PLAYLIST, frames=FRAME, in_flight=(IN_FLIGHT,))
    with gateway(plan) as served, OpcUaClient(served.opcua) as client:
        client.watch("station1.status.result_seq", PERIOD_MS)
        client.listen(RESULT_READY, "3:ResultContent", PERIOD_MS)
        with pipelined_station(served.modbus) as station:
            yield Endurance(served, station, psutil.Process(served.process.pid))


@contextmanager
def pekat() -> Iterator[int]:
    """A PEKAT that answers at once; its port."""
    with reading_standin() as port:
        yield port

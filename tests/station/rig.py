"""A real station with parts in memory, and a PLC that writes whole sets of commands."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from gateway.core.commands import Commands
from gateway.core.result import Result
from gateway.core.state import Options
from gateway.ports import Recorded
from gateway.station.health import HealthPolicy
from gateway.station.station import Station
from tests.bare_station import RECIPES
from tests.station.parts import MemoryInspector, MemorySource

WAIT_S = 5.0


class Sink:
    """Keeps every result."""

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.recorded: list[Recorded] = []

    async def __aenter__(self) -> "Sink":
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing to close."""

    def put(self, recorded: Recorded) -> None:
        self.results.append(recorded.result)
        self.recorded.append(recorded)


class Rig:
    """A station with its parts, and a PLC that writes whole sets of commands."""

    def __init__(self, **options: Any) -> None:
        self.source, self.simulation = options.pop("source", MemorySource()), options.pop("simulation", MemorySource())
        self.inspector, self.sink = options.pop("inspector", MemoryInspector()), Sink()
        policy = options.pop("policy", HealthPolicy(check_s=0.01))
        journal, memory = options.pop("journal", None), options.pop("memory", None)
        pictures, store = options.pop("pictures", None), options.pop("store", None)
        also = [sink for sink in (pictures, store) if hasattr(sink, "put")]
        simulation = self.simulation if options.pop("can_simulate", True) else None
        self.station = Station(
            "s1",
            source=self.source,
            inspector=self.inspector,
            recipes=RECIPES,
            recipe=1,
            boot_id=7,
            options=Options(**options),
            sinks=[self.sink, *also],
            health=policy,
            simulation=simulation,
            pictures=pictures,
            store=store,
            journal=journal,
            memory=memory,
        )
        self.commands = Commands()

    def write(self, **tags: Any) -> None:
        self.commands = replace(self.commands, **tags)
        self.station.write(self.commands)

    def tag(self, name: str) -> Any:
        return self.station.image.values[name]

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(WAIT_S):
            while not condition():
                await asyncio.sleep(0.001)

    async def trigger(self, part_id: str = "A1") -> None:
        """One trigger by the bit, with its falling edge."""
        self.write(trigger=True, part_id=part_id)
        self.write(trigger=False)


@asynccontextmanager
async def running(**options: Any) -> AsyncIterator[Rig]:
    rig = Rig(**options)
    async with rig.station:
        rig.write(enable=False)
        rig.write(enable=True)
        yield rig

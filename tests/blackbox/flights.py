"""A black box at a real station, and what it has of each inspection by name."""

import asyncio
from dataclasses import replace

from gateway.blackbox import STAGES, BlackBox
from gateway.core.result import Judgement
from gateway.ports import Order, Picture
from tests.station.parts import MemoryInspector
from tests.station.rig import Rig


def boxed(rig: Rig, capacity: int = 100) -> BlackBox:
    """A box that follows the rig's station."""
    box = BlackBox(capacity)
    box.follow(rig.station.name, rig.station.observe, rig.station.pictures.add)
    return box


def times(box: BlackBox) -> list[dict[str, int]]:
    """The stages of each inspection, the oldest first."""
    return [dict(zip(STAGES, flight.times, strict=True)) for flight in box.ring.read(0, 10_000)]


class TimedInspector(MemoryInspector):
    """Says how long it took, as PEKAT's inspector does."""

    took_s = 0.02

    async def inspect(self, picture: Picture, order: Order) -> Judgement:
        judgement = await super().inspect(picture, order)
        await asyncio.sleep(self.took_s)
        return replace(judgement, inspector_us=int(self.took_s * 1e6))


async def inspected(rig: Rig, part_id: str, count: int) -> None:
    """Trigger one, and wait until there are so many results."""
    await rig.trigger(part_id)
    await rig.until(lambda: len(rig.sink.results) == count)

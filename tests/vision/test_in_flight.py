"""What an inspector has for a station with several inspections in flight."""

import asyncio
import time
from dataclasses import replace

from gateway.ports import Picture
from gateway.sim.pekat import PekatSimulator
from gateway.sim.pekat_settings import PekatSimSettings
from gateway.vision.inspector import PekatInspector
from gateway.vision.settings import PekatSettings, RecipeSettings
from tests.vision.judging import GOOD, order

THINKS_MS = 400


async def seconds_for_three(settings: PekatSettings) -> float:
    """How long three inspections at a time take, for a station with three in flight."""
    async with PekatSimulator(PekatSimSettings(port=0, delay_ms=THINKS_MS)) as pekat:
        recipe = RecipeSettings(number=1, name="part", url=pekat.url)
        async with settings.create("station1", [recipe], [], 3) as part:
            began = time.monotonic()
            await asyncio.gather(*(part.inspect(Picture("x", GOOD), order(20.0)) for _ in range(3)))
            return time.monotonic() - began


async def test_as_many_images_are_at_pekat_as_may_be_in_flight_unless_fewer_are_asked_for() -> None:
    assert await seconds_for_three(PekatSettings()) < 3 * THINKS_MS / 1000
    assert await seconds_for_three(PekatSettings(workers=1)) > 3 * THINKS_MS / 1000


async def test_the_drawing_of_a_quick_inspection_outlives_the_slow_one_before_it() -> None:
    """Answers leave in order, and the drawing is fetched when its answer leaves: up to five quick ones wait here."""
    async with PekatSimulator() as pekat:
        recipe = RecipeSettings(number=1, name="drawn", url=pekat.url, response_type="annotated_image")
        part: PekatInspector = PekatSettings(workers=1).create("station1", [recipe], [], 6)
        async with part:
            for number in range(1, 6):
                await part.inspect(Picture("x", GOOD), replace(order(), inspection_id=number))
            assert all(part.drawn(number) for number in range(1, 6))

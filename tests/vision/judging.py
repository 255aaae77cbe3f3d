"""What the inspector's tests judge with."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

from gateway.core.errors import InspectorError
from gateway.core.result import Judgement, Reason
from gateway.ports import Order, Picture
from gateway.sim.parts import part_image
from gateway.vision.inspector import PekatInspector
from gateway.vision.settings import PekatSettings, RecipeSettings
from gateway.vision.user_value_settings import UserValueSettings

GOOD, BAD = part_image(1, 0), part_image(1, 2)
AREA = UserValueSettings.model_validate({"name": "area", "path": "measurement.defect_area", "type": "uint32"})


def order(seconds: float = 5.0, recipe: int = 1, part_id: str = "P-1") -> Order:
    now = time.monotonic_ns() // 1000
    return Order("station1", 11, 12, part_id, recipe, now, now + int(seconds * 1e6), time.time())


def inspector(*urls: str, **settings: int) -> PekatInspector:
    recipes = [
        RecipeSettings(number=number, name=f"recipe {number}", url=url, classes={"Scratch": 1, "Spot": 2})
        for number, url in enumerate(urls, 1)
    ]
    return PekatSettings.model_validate(settings).create("station1", recipes, [AREA])


async def judge(part: PekatInspector, image: bytes = GOOD, seconds: float = 5.0) -> Judgement:
    return await part.inspect(Picture("part.png", image), order(seconds))


def threads(name: str = "station1") -> list[str]:
    return sorted(thread.name for thread in threading.enumerate() if thread.name.startswith(name))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)


async def reason_of(judging: Awaitable[Judgement]) -> Reason:
    try:
        judgement = await judging
    except InspectorError as error:
        return error.reason
    return Reason(judgement.reason)

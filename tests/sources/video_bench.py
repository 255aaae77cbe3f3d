"""What the tests of video sources share: a source on a stream, and when its pictures were drawn."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from pydantic import TypeAdapter

from gateway.core.errors import SourceError
from gateway.ports import ImageSource, Picture
from gateway.sources import SourceSettings
from gateway.sources.video import VideoSource
from tests.contract.test_sources import eventually, works
from tests.sources.clock_marks import HEIGHT, WIDTH, drawn_ms, now_ms
from tests.sources.pictures import order

SETTINGS: TypeAdapter[Any] = TypeAdapter(SourceSettings)


@asynccontextmanager
async def source(url: str = "", **more: Any) -> AsyncIterator[VideoSource]:
    """An entered source; the stream may not be there yet."""
    times = {"connect_timeout_ms": 3000, "read_timeout_ms": 1500}
    settings = SETTINGS.validate_python({"kind": "video", "url": url, **times, **more})
    async with settings.create("line") as made:
        assert isinstance(made, VideoSource)
        yield made


async def up(made: ImageSource) -> None:
    await eventually(lambda: works(made), "the stream is up")


async def down(made: ImageSource, words: str) -> None:
    """Wait until the check fails for this reason."""

    async def fails() -> bool:
        try:
            await made.check()
        except SourceError as error:
            return bool(error.hint) and words in str(error)
        return False

    await eventually(fails, f"down because of {words!r}")


def drawn(picture: Picture) -> int:
    """When the picture was drawn (monotonic ms), as it says itself."""
    assert picture.raw is not None
    assert (picture.raw.width, picture.raw.height) == (WIDTH, HEIGHT)
    assert len(picture.data) == WIDTH * HEIGHT * picture.raw.channels
    return drawn_ms(picture.data, picture.raw.channels, near_ms=now_ms())


async def age_at_trigger(made: ImageSource, number: int = 1, *, ago_s: float = 0.0) -> float:
    """One trigger: how long before it the picture was drawn (ms); negative where it was drawn after."""
    asked = order(number, ago_s=ago_s)
    return asked.accepted_at / 1000 - drawn(await made.acquire(asked))


def seconds_since(began: float) -> float:
    return time.monotonic() - began

"""A GigE Vision camera on loopback that viva-genicam brings along, and the source that uses it."""

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from pydantic import TypeAdapter

from gateway.core.errors import SourceError
from gateway.ports import ImageSource
from gateway.sources import SourceSettings
from tests.sources.gige_port import gige_port
from tests.sources.pictures import order

SETTINGS: TypeAdapter[Any] = TypeAdapter(SourceSettings)
LOOPBACK = "127.0.0.1"


@contextmanager
def fake_camera(**options: Any) -> Iterator[Any]:
    """A camera of 64 x 48 pixels on loopback, 50 frames a second at most."""
    from viva_genicam.testing import FakeGigeCamera

    with gige_port(), FakeGigeCamera(**{"width": 64, "height": 48, "fps": 50, **options}) as fake:
        yield fake


@asynccontextmanager
async def source(**more: Any) -> AsyncIterator[ImageSource]:
    settings = SETTINGS.validate_python({"kind": "genicam", "interface": LOOPBACK, **more})
    async with settings.create("line") as made:
        yield made


async def refused(made: ImageSource, within_s: float = 5.0) -> SourceError:
    with pytest.raises(SourceError) as caught:
        await made.acquire(order(within_s=within_s))
    assert caught.value.hint
    return caught.value


async def not_opened(**more: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        async with source(**more):
            pytest.fail("opened")
    assert caught.value.hint
    assert not any("line" in thread.name for thread in threading.enumerate())
    return caught.value


async def works(made: ImageSource, within_s: float = 10) -> None:
    """Wait until the source is back, and have a picture taken."""
    end = time.monotonic() + within_s
    while not await takes_one(made):
        assert time.monotonic() < end, "never back"
        await asyncio.sleep(0.02)


async def takes_one(made: ImageSource) -> bool:
    try:
        return len((await made.acquire(order())).data) > 0
    except SourceError:
        return False


async def fails(made: ImageSource, within_s: float) -> SourceError:
    """Wait until the check says that the camera is lost."""
    end = time.monotonic() + within_s
    while time.monotonic() < end:
        try:
            await made.check()
        except SourceError as error:
            return error
        await asyncio.sleep(0.01)
    raise AssertionError("the check never failed")

"""A camera library that does not come back: it hangs its own thread, and nothing else."""

import asyncio
import threading
import time

import pytest

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.sources.genicam import GenicamSource
from tests.sources.pictures import order
from tests.sources.scripted_camera import ScriptedCamera


class HangingCamera(ScriptedCamera):
    """Hangs in `trigger` until it is let go."""

    def __init__(self, *answers: list[int]) -> None:
        super().__init__(*answers)
        self.let_go = threading.Event()

    def trigger(self) -> None:
        self.let_go.wait(30)
        super().trigger()


async def test_the_trigger_is_answered_and_the_camera_is_connected_again_when_it_comes_back() -> None:
    camera = HangingCamera([1], [1])
    async with GenicamSource("line", camera, 0.0) as made:
        began = time.monotonic()
        with pytest.raises(SourceError) as caught:
            await made.acquire(order(within_s=0.2))
        assert caught.value.reason is Reason.SOURCE_FAILED
        assert time.monotonic() - began < 0.2 + 0.1
        for _ in range(100):  # more than may wait in the thread's queue
            with pytest.raises(SourceError, match="did not answer"):
                await made.acquire(order(within_s=5))
        assert time.monotonic() - began < 1
        camera.let_go.set()
        async with asyncio.timeout(10):
            while not await healthy(made):
                await asyncio.sleep(0.01)
        assert camera.closed == 1
        assert (await made.acquire(order())).name == "line-1"
    assert camera.closed == 2


async def healthy(made: GenicamSource) -> bool:
    try:
        await made.check()
    except SourceError:
        return False
    return True

"""GigE Vision cameras that are late, taken away, unplugged, or somebody else's."""

import asyncio
import time
from contextlib import ExitStack

import pytest

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.ports import RawFormat
from tests.sources.gige import LOOPBACK, fails, fake_camera, not_opened, refused, source, works
from tests.sources.pictures import order, until

pytest.importorskip("viva_genicam", reason="viva-genicam has no wheel for this platform")

TRIGGER_SOFTWARE = 0x200E0
"""Register of the fake camera's command."""


@pytest.fixture(autouse=True, scope="module")
def library_runs() -> None:
    """The library's own event loop keeps its two sockets as long as the process lives."""
    with fake_camera():
        pass


async def test_a_late_frame_is_never_the_next_triggers() -> None:
    with fake_camera(fps=3) as fake:
        async with source() as made:
            await made.acquire(order())
            error = await refused(made, within_s=0.1)
            assert error.reason is Reason.NO_IMAGE
            asked = fake.software_triggers()
            await made.check()
            for number in (3, 4):
                assert (await made.acquire(order())).name == f"line-{number}"
            assert fake.software_triggers() == asked + 2


async def test_nobody_waits_longer_than_the_deadline() -> None:
    with fake_camera(delay_ack={TRIGGER_SOFTWARE: 3.0}):
        async with source() as made:
            began = time.monotonic()
            await refused(made, within_s=0.3)
            assert time.monotonic() - began < 0.3 + 0.1


async def test_a_cancelled_trigger_does_not_hold_up_the_next() -> None:
    with fake_camera(fps=1) as fake:
        async with source() as made:
            await made.acquire(order())
            waiting = asyncio.create_task(made.acquire(order(within_s=30)))
            await until(lambda: fake.software_triggers() == 2, "triggered")
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            began = time.monotonic()
            await made.acquire(order(within_s=30))
            assert time.monotonic() - began < 3


async def test_control_that_is_taken_away_is_taken_back() -> None:
    with fake_camera() as fake:
        async with source() as made:
            await works(made)
            fake.revoke_control()
            assert "control" in str(await fails(made, within_s=5))
            await works(made)
            assert fake.controller() is not None


async def test_a_camera_that_is_unplugged_fails_at_once_and_is_used_when_it_is_back() -> None:
    with ExitStack() as stack, ExitStack() as later:
        first = stack.enter_context(fake_camera())
        async with source() as made:
            await works(made)
            first.stop()
            error = await fails(made, within_s=5)
            assert error.hint
            began = time.monotonic()
            assert (await refused(made)).reason is Reason.SOURCE_FAILED
            assert time.monotonic() - began < 0.1
            later.enter_context(fake_camera(width=32))
            await works(made)
            picture = await made.acquire(order())
            assert picture.raw == RawFormat(32, 48)


async def test_a_camera_that_is_unplugged_under_a_trigger_is_noticed_by_it() -> None:
    with fake_camera() as fake:
        async with source() as made:
            await works(made)
            fake.stop()
            assert (await refused(made)).reason is Reason.SOURCE_FAILED
            with pytest.raises(SourceError):
                await made.check()


async def test_a_camera_that_somebody_else_controls_is_not_taken() -> None:
    import viva_genicam

    with fake_camera() as fake:
        other = viva_genicam.connect_gige(fake.device_info(200), iface=LOOPBACK)
        error = await not_opened()
        assert "ACCESS_DENIED" in str(error)
        assert "viewer" in error.hint
        other.close()
        async with source() as made:
            await works(made)

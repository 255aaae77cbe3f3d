"""A camera's faults as a PLC sees them, through a whole station: who is told what, and whose is the next picture."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from gateway.core.errors import OfflineReason
from gateway.core.result import Reason, Verdict
from gateway.station.health import HealthPolicy
from tests.sources.gige import LOOPBACK, SETTINGS, fails, fake_camera, refused, source, works
from tests.sources.pictures import order, until
from tests.station.rig import Rig

pytest.importorskip("viva_genicam", reason="viva-genicam has no wheel for this platform")

LARGE = {"width": 2400, "height": 2000}
"""Takes the fake camera some 30 ms to send."""
WHICHEVER_IS_FIRST = {Reason.NONE, Reason.FRAME_INCOMPLETE, Reason.SOURCE_FAILED, Reason.NO_IMAGE}
"""Of a camera that is unplugged: its whole frame, half of it, or the news that it is gone."""
PACKETS = range(100)
"""More than a small frame has."""


@pytest.fixture(autouse=True, scope="module")
def library_runs() -> None:
    """The library's own event loop keeps its two sockets as long as the process lives."""
    with fake_camera():
        pass


@asynccontextmanager
async def station(camera: dict[str, Any], **options: Any) -> AsyncIterator[Rig]:
    settings = SETTINGS.validate_python({"kind": "genicam", "interface": LOOPBACK, **camera})
    policy = HealthPolicy(check_s=0.02, source_takes_offline=True)
    rig = Rig(source=settings.create("s1"), policy=policy, inspection_timeout_ms=3000, **options)
    async with rig.station:
        rig.write(enable=False)
        rig.write(enable=True)
        yield rig


async def answered(rig: Rig, part_id: str) -> Any:
    async with asyncio.timeout(10):
        while not (found := [one for one in rig.sink.results if one.part_id == part_id]):
            await asyncio.sleep(0.001)
    return found[0]


async def test_the_plc_triggers_again_while_the_picture_before_is_on_its_way() -> None:
    with fake_camera(**LARGE) as fake:
        async with station({}, max_in_flight=3, result_depth=3) as rig:
            await rig.trigger("P1")
            await answered(rig, "P1")
            rig.write(result_ack=True)
            rig.write(result_ack=False)
            ahead = 0
            for number in range(2, 8):
                await rig.until(lambda: bool(rig.tag("ready")))
                ahead += len(rig.sink.results) < number - 1
                await rig.trigger(f"P{number}")
                await rig.until(lambda: bool(rig.tag("exposure_done")))
            await answered(rig, "P7")
            assert ahead >= 2, "ready before the picture was there"
            assert [one.part_id for one in rig.sink.results] == [f"P{number}" for number in range(1, 8)]
            assert {one.judgement.verdict for one in rig.sink.results} == {Verdict.OK}
            assert fake.software_triggers() == 7


async def test_a_camera_that_is_unplugged_during_the_transfer_takes_the_station_offline_and_back() -> None:
    with fake_camera(**LARGE) as fake:
        async with station({}) as rig:
            await rig.trigger("P1")
            await answered(rig, "P1")
            await rig.trigger("P2")
            await rig.until(lambda: bool(rig.tag("exposure_done")))
            fake.stop()
            assert (await answered(rig, "P2")).judgement.reason in WHICHEVER_IS_FIRST
            async with asyncio.timeout(10):
                while rig.tag("online"):
                    await asyncio.sleep(0.01)
            assert rig.tag("offline_reason") == OfflineReason.SOURCE
            with fake_camera():
                async with asyncio.timeout(10):
                    while not rig.tag("ready"):
                        await asyncio.sleep(0.01)
                assert rig.tag("online")
                await rig.trigger("P3")
                assert (await answered(rig, "P3")).judgement.verdict is Verdict.OK


async def test_a_camera_that_stays_silent_is_no_decision_and_the_next_trigger_gets_its_own_frame() -> None:
    with fake_camera(drop_packets=[(2, packet) for packet in PACKETS], packet_resend=False) as fake:
        async with source() as made:
            await made.acquire(order())
            assert (await refused(made, within_s=0.3)).reason is Reason.NO_IMAGE
            assert (await made.acquire(order())).name == "line-3"
            assert fake.software_triggers() == 3
            await made.check()


async def test_a_camera_under_another_address_is_found_by_its_mac_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback has one address only, so the search tells another one of the same camera."""
    import viva_genicam

    search, moved = viva_genicam.discover, False

    def discover(**how: Any) -> list[Any]:
        found = search(**how)
        return [dataclasses.replace(one, ip="127.0.0.77") for one in found] if moved else found

    monkeypatch.setattr(viva_genicam, "discover", discover)
    with fake_camera() as fake:
        async with source(camera=fake.MAC) as by_mac:
            await works(by_mac)
            moved = True
            fake.revoke_control()
            await fails(by_mac, within_s=5)
            await works(by_mac)
        moved = False
        async with source(camera="127.0.0.1") as by_ip:
            await works(by_ip)
            moved = True
            fake.revoke_control()
            await fails(by_ip, within_s=5)
            await until(lambda: fake.controller() is None, "let go")
            await asyncio.sleep(1.5)
            error = await fails(by_ip, within_s=5)
            assert "no camera 127.0.0.1 answers; found: 127.0.0.77" in str(error)

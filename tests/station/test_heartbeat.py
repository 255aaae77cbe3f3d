"""A PLC that counts its heartbeat in each cycle: it is shown and watched, and nobody else is bothered."""

from gateway.core.image import TagImage
from gateway.core.state import WatchdogAction
from gateway.ports import Step
from tests.station.rig import running


async def test_a_heartbeat_alone_is_shown_and_is_no_step() -> None:
    async with running() as rig:
        await rig.until(lambda: rig.tag("ready"))
        images: list[TagImage] = []
        steps: list[Step] = []
        rig.station.watch(images.append)
        rig.station.observe(steps.append)
        before = rig.station.image
        for beat in range(1, 4):
            rig.write(plc_heartbeat=beat)
            assert rig.station.image.commands.plc_heartbeat == beat
        assert steps == []
        assert [image.seq for image in images] == [before.seq + 1, before.seq + 2, before.seq + 3]
        assert all(image.values is before.values for image in images)
        rig.write(plc_heartbeat=4, trigger_seq=1, part_id="A1")
        assert rig.tag("trigger_seq_accepted") == 1
        assert steps
        await rig.until(lambda: len(rig.sink.results) == 1)


async def test_the_watchdog_hears_each_heartbeat() -> None:
    """H22: it does not trip while the number moves, and does when that stops."""
    async with running(watchdog_ms=150, watchdog_action=WatchdogAction.OFFLINE) as rig:
        began = rig.station.state.beat_at
        beats = 0

        def half_a_second() -> bool:
            nonlocal beats
            beats += 1
            rig.write(plc_heartbeat=beats)
            return rig.station.state.plc_beat_at - began > 500_000

        await rig.until(half_a_second)
        assert not rig.tag("watchdog_tripped")
        await rig.until(lambda: rig.tag("watchdog_tripped"))
        assert not rig.tag("online")
        rig.write(plc_heartbeat=0)
        assert not rig.tag("watchdog_tripped")
        assert rig.tag("ready")

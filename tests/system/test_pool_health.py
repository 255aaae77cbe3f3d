"""The station's inspector is down only where no PEKAT of the recipe answers; told once, and once that it is back."""

from gateway.cli.ports import free_port
from gateway.core import events as ev
from gateway.core.errors import ErrorCode
from gateway.core.events import Event
from gateway.sim.pekat import PekatSimulator
from gateway.sim.pekat_settings import PekatSimSettings
from gateway.station.health import Health, HealthPolicy
from gateway.station.views import View
from tests.vision.judging import until
from tests.vision.pooled import pooled, standings


async def test_the_fault_stands_only_while_none_answers() -> None:
    ports = [free_port(), free_port()]
    part = pooled(*(f"http://127.0.0.1:{port}" for port in ports), ping_timeout_ms=1000)
    events: list[Event] = []
    health = Health("station1", (View("", part),), events.append, HealthPolicy(check_s=0.05))
    first, second = (PekatSimulator(PekatSimSettings(port=port)) for port in ports)
    async with first:
        async with second:
            await health.start()
            await until(lambda: second.url != "" and standings(part) == ["closed", "closed"])
        await until(lambda: standings(part) == ["closed", "open"])
        assert _faults(events) == []
    await until(lambda: bool(_faults(events)))
    assert _faults(events) == ["failed"]
    async with PekatSimulator(PekatSimSettings(port=ports[1])):
        await until(lambda: _faults(events) == ["failed", "recovered"])
        await until(lambda: standings(part) == ["open", "half open"])
        await health.stop()
    assert _faults(events) == ["failed", "recovered"]


def _faults(events: list[Event]) -> list[str]:
    told = []
    for event in events:
        if isinstance(event, ev.PartFailed | ev.PartRecovered):
            assert event.fault.code is ErrorCode.INSPECTOR_DOWN
            told.append("failed" if isinstance(event, ev.PartFailed) else "recovered")
    return told

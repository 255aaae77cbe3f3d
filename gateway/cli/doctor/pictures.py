"""The image sources: what the running gateway says of them, or a try of each where none runs."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress

from gateway.cli.doctor.finding import Finding, Patient, Running, StationNow, defect, ok
from gateway.config_views import sources_of
from gateway.core.errors import GatewayError
from gateway.sources import SourceSettings
from gateway.sources.drop_settings import FileDropSettings
from gateway.sources.playlist import PlaylistSettings

READY_S = 6.0
"""A camera has to be found, opened and streaming within this time."""
LOOK_S = 0.1

_ERRORS = {
    "source_down": "see the station's source: cable, power, address, folder",
    "inspector_down": "see the lines about PEKAT",
    "journal_down": "see the lines about the data folder",
    "watchdog": "is the PLC's program running, and does it count plc_heartbeat?",
}
_OFFLINE = {
    "plc": "the PLC's set_offline bit is 1",
    "operator": "somebody took it offline: bring it online again",
    "halted": "somebody called Halt: it goes on after a reset",
    "simulation": "simulation mode is on: switch it off",
    "starting": "its source or PEKAT is not up yet",
    "source": _ERRORS["source_down"],
    "inspector": _ERRORS["inspector_down"],
    "watchdog": _ERRORS["watchdog"],
}


def look_at_sources(patient: Patient) -> Iterator[Finding]:
    """A camera has one user at a time: while a gateway runs, its own word is taken."""
    if patient.running is not None:
        yield from _as_told(patient.running)
        return
    for station in patient.settings.stations:
        for key, source in sources_of(station.source, station.simulation, station.views).items():
            if not isinstance(source, FileDropSettings | PlaylistSettings):  # those are folders, looked at as such
                yield _tried(f"{station.name} {key}: {source.summary}", source)


def _as_told(running: Running) -> Iterator[Finding]:
    yield ok("gateway", f"runs as pid {running.pid}, version {running.version}")
    for station in running.stations:
        yield _told(station)


def _told(station: StationNow) -> Finding:
    cure = _ERRORS.get(station.error) or _OFFLINE.get(station.offline_reason, "its log says more")
    if not station.online:
        because = station.offline_reason + (f", {station.error}" if station.error != "none" else "")
        return defect(station.name, f"offline: {because}", cure)
    if station.error in _ERRORS:
        return defect(station.name, f"online, with the error {station.error} latched", cure)
    latched = f", with the error {station.error} latched" if station.error != "none" else ""
    return ok(station.name, f"online{latched}")


def _tried(subject: str, source: SourceSettings) -> Finding:
    try:
        asyncio.run(_ready(source))
    except GatewayError as error:
        return defect(subject, str(error), error.hint or "see that it has power and network")
    except TimeoutError:
        return defect(subject, f"it does not come up within {READY_S:g} s", "see that it has power and network")
    return ok(subject, "ready")


async def _ready(source: SourceSettings) -> None:
    """Enter it and wait until it would give a picture. Raises GatewayError, TimeoutError."""
    async with asyncio.timeout(READY_S), source.create("doctor") as one:
        deadline = asyncio.get_running_loop().time() + READY_S / 2
        while asyncio.get_running_loop().time() < deadline:
            with suppress(GatewayError):
                await one.check()
                return
            await asyncio.sleep(LOOK_S)
        await one.check()

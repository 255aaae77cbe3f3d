"""`pekat-gateway run`: serve a configuration until told to stop."""

import asyncio
import logging
from pathlib import Path

from gateway.app import Gateway
from gateway.cli.doctor.running import ABOUT, about
from gateway.cli.runner import settle_memory
from gateway.config import Settings
from gateway.control.place import JsonTable, place_of
from gateway.control.server import Command, ControlServer
from gateway.ports import StationPort
from gateway.sinks.log import LogSink

log = logging.getLogger(__name__)


async def serve(settings: Settings, config: Path, stop: asyncio.Event) -> int:
    """Run the settings of `config` until `stop`; the exit code."""
    async with Gateway(settings, [LogSink()]) as gateway:
        async with ControlServer(place_of(settings.data_folder, config), commands(gateway)):
            settle_memory()
            log.info("ready: %d stations", len(gateway.stations))
            await stop.wait()
        log.info("stopping")
    return 0


def commands(gateway: Gateway) -> dict[str, Command]:
    """What the command line can ask of a running gateway, by the names of its commands."""

    async def status(_: JsonTable) -> JsonTable:
        return {name: _status(station) for name, station in gateway.stations.items()}

    return {"status": status, ABOUT: about(gateway)}


def _status(station: StationPort) -> JsonTable:
    state = station.state
    return {
        "online": state.online,
        "offline_reason": state.offline_reason.name.lower(),
        "recipe": state.recipe,
        "in_flight": len(state.flight),
    }

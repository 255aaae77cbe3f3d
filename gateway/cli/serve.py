"""`pekat-gateway run`: serve a configuration until told to stop."""

import logging
from pathlib import Path

from gateway.app import Gateway
from gateway.cli.doctor.running import ABOUT, about
from gateway.cli.reloading import Reloading
from gateway.cli.review_answers import review_answers
from gateway.cli.runner import Stop, settle_memory
from gateway.cli.trace import TRACE, answers
from gateway.config import Settings
from gateway.control.place import JsonTable, place_of
from gateway.control.server import Command, ControlServer
from gateway.ports import StationPort
from gateway.service.notify import Notifier
from gateway.service.watchdog import Watchdog
from gateway.sinks.log import LogSink

log = logging.getLogger(__name__)


async def serve(settings: Settings, config: Path, stop: Stop) -> int:
    """Run the settings of `config` until `stop`; the exit code."""
    notifier = Notifier()
    async with Gateway(settings, [LogSink()]) as gateway:
        reloading = Reloading(gateway, config, notifier, lambda: status_line(gateway))
        commands = {
            "status": status_command(gateway),
            "reload": reloading.command,
            TRACE: answers(gateway.figures.black_box),
            ABOUT: about(gateway),
            **review_answers(lambda: list(gateway.stations.values())),
        }
        settle_memory()
        async with (
            ControlServer(place_of(settings.data_folder, config), commands),
            reloading,
            Watchdog(notifier, lambda: beats(gateway), lambda: status_line(gateway)),
        ):
            log.info("ready: %d stations", len(gateway.stations))
            await stop.wait()
            log.info("stopping")
            notifier.stopping()
            await gateway.drain(stop.at_once)
    return 0


def beats(gateway: Gateway) -> dict[str, int]:
    """Each station's heartbeat, which moves only with its steps."""
    return {name: station.state.heartbeat for name, station in gateway.stations.items()}


def status_line(gateway: Gateway) -> str:
    """For `systemctl status`."""
    stations = gateway.stations.values()
    off = [f"{one.name}: {one.state.offline_reason.name.lower()}" for one in stations if not one.state.online]
    told = f"{len(gateway.stations)} stations on {', '.join(gateway.links) or 'no link'}"
    return f"{told}; offline: {', '.join(off)}" if off else told


def status_command(gateway: Gateway) -> Command:
    """How the stations are: for scripts, and to see that a gateway listens to its command line."""

    async def status(_: JsonTable) -> JsonTable:
        return {name: _status(station) for name, station in gateway.stations.items()}

    return status


def _status(station: StationPort) -> JsonTable:
    state = station.state
    return {
        "online": state.online,
        "offline_reason": state.offline_reason.name.lower(),
        "recipe": state.recipe,
        "in_flight": len(state.flight),
    }

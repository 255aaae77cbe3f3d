"""The gateway that runs now, asked through its control channel."""

import os
import time
from typing import Any

from gateway import __version__
from gateway.app import Gateway
from gateway.cli.doctor.finding import Running, StationNow
from gateway.control.client import ask
from gateway.control.place import JsonTable, Place
from gateway.control.server import Command
from gateway.core.errors import ControlError
from gateway.ports import StationPort

ABOUT = "about"


def about(gateway: Gateway) -> Command:
    """The gateway's end: who it is and how its stations are. Made while it starts."""
    offset = time.time() - time.monotonic()

    async def answer(_: JsonTable) -> JsonTable:
        return {
            "pid": os.getpid(),
            "version": __version__,
            "clock_offset_s": offset,
            "stations": [_station(station) for station in gateway.stations.values()],
        }

    return answer


def _station(station: StationPort) -> JsonTable:
    state = station.state
    return {
        "name": station.name,
        "online": state.online,
        "offline_reason": state.offline_reason.name.lower(),
        "error": state.error.code.name.lower() if state.error is not None else "none",
    }


def running_at(place: Place) -> Running | None:
    """The gateway that answers there; None where none does. Blocks."""
    try:
        told: dict[str, Any] = ask(place, ABOUT)
    except ControlError:
        return None
    stations = tuple(StationNow(**station) for station in told["stations"])
    return Running(int(told["pid"]), str(told["version"]), float(told["clock_offset_s"]), stations)

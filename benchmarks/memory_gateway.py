"""`pekat-gateway run` with frames from memory: `python -m benchmarks.memory_gateway CONFIG WIDTH HEIGHT`."""

import sys
from pathlib import Path

from benchmarks.memory_source import MemorySettings
from gateway.cli.runner import run, set_up_logs
from gateway.cli.serve import serve
from gateway.config import Settings, StationSettings, load_settings


def with_frames(settings: Settings, width: int, height: int) -> Settings:
    """The same stations, each with a camera in memory."""

    def changed(station: StationSettings) -> StationSettings:
        source = MemorySettings(width, height, station.handshake.max_in_flight)
        return station.model_copy(update={"source": source})

    return settings.model_copy(update={"stations": tuple(changed(station) for station in settings.stations)})


def main() -> None:
    """Serve until SIGTERM."""
    settings = load_settings(Path(sys.argv[1]))
    set_up_logs(settings.gateway.log_level)
    with_memory = with_frames(settings, int(sys.argv[2]), int(sys.argv[3]))
    run(lambda stop: serve(with_memory, Path(sys.argv[1]), stop))


if __name__ == "__main__":
    main()

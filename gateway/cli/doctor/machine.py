"""What the operating system and the installation give the gateway."""

import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from gateway import __version__
from gateway.cli.doctor.finding import Finding, Patient, defect, ok, unseen, warning
from gateway.config import Settings
from gateway.config_views import sources_of
from gateway.sources.genicam_settings import GenicamSettings

RMEM_MAX = Path("/proc/sys/net/core/rmem_max")
WANTED_RMEM = 32 * 1024 * 1024
"""Bytes: two frames of a large camera. With 4 MB, frames of 4 megapixels lost packets in 5 to 30 of 100."""
FOR_THE_REST = 100
"""Files and sockets beside the connections of clients: database, logs, libraries."""
FOR_A_STATION = 20
LIBRARIES = ("asyncua", "pymodbus", "requests", "sqlalchemy", "pydantic", "cryptography", "numpy", "uvloop")


def look_at_machine(patient: Patient) -> Iterator[Finding]:
    """Versions, open files, and the receive buffer for cameras."""
    found = ", ".join(f"{name} {installed}" for name in LIBRARIES if (installed := _installed(name)))
    yield ok("versions", f"pekat-gateway {__version__}, Python {platform.python_version()}, {found}")
    if patient.running is not None and patient.running.version != __version__:
        text = f"the running gateway is {patient.running.version}, this command is {__version__}"
        yield warning("versions", text, "restart the gateway after an update")
    yield _open_files(patient)
    if _gige(patient.settings):
        yield receive_buffer(RMEM_MAX)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def most_files(settings: Settings) -> int:
    """How many files and sockets may be open at once, all connections being used."""
    links = settings.links
    connections = (links.modbus.max_connections if links.modbus is not None else 0) + (
        links.opcua.max_connections if links.opcua is not None else 0
    )
    return connections + FOR_A_STATION * len(settings.stations) + FOR_THE_REST


def _open_files(patient: Patient) -> Finding:
    if sys.platform != "linux":
        return unseen("open files", "their limit is only looked at on Linux")
    pid = patient.running.pid if patient.running is not None else None
    try:
        limit, _ = psutil.Process(pid).rlimit(psutil.RLIMIT_NOFILE)
    except psutil.Error as error:
        return unseen("open files", f"the gateway's limit cannot be read: {error}", "run doctor as its user, or root")
    wanted = most_files(patient.settings)
    if 0 <= limit < wanted:
        text = f"{limit} may be open, and {wanted} can be needed"
        return defect("open files", text, f"LimitNOFILE={wanted * 2} in the unit, or ulimit -n {wanted * 2}")
    return ok("open files", f"{limit} may be open, {wanted} can be needed")


def _gige(settings: Settings) -> bool:
    """Some source is a camera that may send its frames over the network."""
    return any(
        isinstance(source, GenicamSettings) and source.transport == "gige"
        for station in settings.stations
        for source in sources_of(station.source, station.simulation, station.views).values()
    )


def receive_buffer(file: Path) -> Finding:
    """Linux: how much of what a camera sends may wait to be read."""
    subject = "net.core.rmem_max"
    try:
        most = int(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return unseen(subject, "only Linux has it, and not every container shows it")
    if most >= WANTED_RMEM:
        return ok(subject, f"{most} bytes")
    text = f"{most} bytes are too few for the frames of a GigE camera"
    return warning(subject, text, f"sysctl -w {subject}={WANTED_RMEM}, and the same line in /etc/sysctl.d/")

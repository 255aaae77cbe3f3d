"""The ports that the gateway serves: free, ours, or taken, and by whom; and what the firewall may do to them."""

import errno
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from gateway.cli.doctor.finding import Finding, Patient, defect, ok
from gateway.cli.ports import bind_error
from gateway.config import Settings
from gateway.plc.opcua.network.endpoints import WILDCARDS, bracketed


@dataclass(frozen=True, slots=True)
class Listener:
    """A port that the configuration wants, and the link that wants it."""

    link: str
    host: str
    port: int

    @property
    def subject(self) -> str:
        return f"{self.link} {bracketed(self.host)}:{self.port}"


def listeners(settings: Settings) -> list[Listener]:
    """Every address and port that is to be listened on; a port of 0 is any free one, and nothing to look at."""
    modbus, opcua = settings.links.modbus, settings.links.opcua
    found = [Listener("modbus", modbus.host, modbus.port)] if modbus is not None else []
    found += [Listener("opcua", host, opcua.port) for host in opcua.hosts] if opcua is not None else []
    if settings.metrics is not None:
        found.append(Listener("metrics", settings.metrics.host, settings.metrics.port))
    return [one for one in found if one.port]


def look_at_ports(patient: Patient) -> Iterator[Finding]:
    """Could each port be had now; where not, who has it."""
    for one in listeners(patient.settings):
        error = bind_error(one.port, one.host)
        yield _free(one, patient) if error is None else _taken(one, error, patient)


def _free(one: Listener, patient: Patient) -> Finding:
    if patient.running is None:
        return ok(one.subject, "free")
    text = f"a gateway runs with this configuration (pid {patient.running.pid}) and does not listen here"
    return defect(one.subject, text, "its log says why; restart it after a change of [links]")


def _taken(one: Listener, error: OSError, patient: Patient) -> Finding:
    if error.errno == errno.EACCES:
        cure = "run it with the right to ports below 1024 (AmbientCapabilities=CAP_NET_BIND_SERVICE in the unit)"
        return defect(one.subject, "this user may not listen on this port", f"{cure}, or choose a higher port")
    if error.errno != errno.EADDRINUSE:
        text = f"nothing can listen here: {error.strerror or error}"
        return defect(one.subject, text, "write an address of this machine as host, or 0.0.0.0 for all of them")
    owner = _owner(one)
    if patient.running is not None and (owner is None or owner == patient.running.pid):
        return ok(one.subject, f"served by the running gateway (pid {patient.running.pid})")
    cure = f"end that program, or give {one.link} another port"
    if owner is None:
        text = "taken by a program of another user, perhaps by the gateway itself"
        return defect(one.subject, text, f"run doctor as root or as the gateway's user: it tells more; or {cure}")
    return defect(one.subject, f"taken by {_name(owner)}", cure)


def _owner(wanted: Listener) -> int | None:
    """The process that listens there; None where this user may not know."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.AccessDenied:  # macOS tells nobody but root
        return None
    for one in connections:
        if one.status != psutil.CONN_LISTEN or not one.laddr or one.laddr[1] != wanted.port or not one.pid:
            continue
        if wanted.host in WILDCARDS or one.laddr[0] in (*WILDCARDS, wanted.host):
            return one.pid
    return None


def _name(pid: int) -> str:
    """The program and its number; its words tell one Python from another."""
    try:
        process = psutil.Process(pid)
        return f"{process.name()} (pid {pid}): {' '.join(process.cmdline())[:120]}"
    except psutil.Error:  # gone since, or not ours to ask
        return f"pid {pid}"

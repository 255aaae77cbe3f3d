"""What the gateway costs while nothing happens, and how soon it serves."""

import socket
import statistics
import struct
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.children import LOOK_S, START_S, Child
from benchmarks.figures import Figure, Report, Spread
from benchmarks.options import Options
from benchmarks.plc import ModbusClient, PlcError
from benchmarks.progress import Progress
from benchmarks.served import Plan, config_file, pekat_standin

TITLE = "Idle and start"
STARTS, QUICK_STARTS = 6, 3
SECONDS, QUICK_SECONDS = 10.0, 5.0
SETTLE_S = 1.0
"""What starting leaves behind (imports, first ping) is over by then."""
MAP_SIGNATURE = 0x504B


@dataclass(frozen=True, slots=True)
class Used:
    """Percent of a core and resident megabytes."""

    percent: float
    megabytes: float


def measure(options: Options, progress: Progress) -> Report:
    """Start each side several times, taking turns; let the last of each idle."""
    starts = options.rounds(STARTS, QUICK_STARTS)
    seconds = options.seconds(SECONDS, QUICK_SECONDS)
    with ExitStack() as stack:
        pekat = stack.enter_context(pekat_standin())
        plans = Plan(pekat), Plan(pekat, opcua="machine_vision = false")
        sides = [Side(*stack.enter_context(config_file(plan))[:3]) for plan in plans]
        progress.step(f"{starts} starts of each side, then {seconds:.0f} s idle")
        for index in range(starts):
            for side in sides:
                side.start(seconds if index == starts - 1 else 0)
            progress.at(index + 1, starts)
    return _report(sides[0], sides[1], seconds)


class Side:
    """One configuration, started again and again."""

    def __init__(self, config: Path, modbus: int, opcua: int) -> None:
        self._config, self._modbus, self._opcua = config, modbus, opcua
        self.ready: list[float] = []
        self.used = Used(0.0, 0.0)

    def start(self, idle_seconds: float) -> None:
        """Once more; it idles for so long before it is ended."""
        with started(self._config) as process:
            self.ready.append(_wait_answering(process, self._modbus, self._opcua))
            if idle_seconds:
                self.used = _idle(psutil.Process(process.pid), idle_seconds)


@contextmanager
def started(config: Path) -> Iterator[Child]:
    """The gateway's process, just started."""
    with tempfile.TemporaryDirectory(prefix="pekat-bench-") as folder:
        process = Child(("-m", "gateway", "run", str(config)), Path(folder) / "output.txt")
        try:
            yield process
        finally:
            process.end()


def _report(full: Side, plain: Side, seconds: float) -> Report:
    first, later = full.ready[0], full.ready[1:]
    figures = [
        Figure("processor while idle, share of one core", full.used.percent, "%", 2.0),
        Figure("resident memory with both servers and the companion model", full.used.megabytes, "MB", 200),
        Figure("resident memory without the companion model", plain.used.megabytes, "MB"),
        Figure("start to both servers answering, companion model included, median", statistics.median(later), "s", 3.0),
        Figure("start to both servers answering, companion model included, slowest", max(later), "s"),
        Figure("the very first start, which makes the certificate", first, "s"),
        Figure("start without the companion model, median", statistics.median(plain.ready[1:]), "s"),
    ]
    note = (
        f"one station, PEKAT reachable, no client; {seconds:.0f} s idle, {len(full.ready)} starts a side, taking "
        "turns, from the process's start"
    )
    sides = {"start": Spread.of(later), "start without the companion model": Spread.of(plain.ready[1:])}
    return Report("idle", TITLE, figures, sides, unit="s", notes=[note])


def _wait_answering(process: Child, modbus: int, opcua: int) -> float:
    """Seconds from the process's start until a Modbus read returns the map signature and the OPC UA server
    acknowledges a hello. Raises ChildError."""
    deadline = time.monotonic() + START_S
    for answers, port in ((_modbus_answers, modbus), (_opcua_answers, opcua)):
        while not answers(port):
            process.check(port, deadline)
            time.sleep(LOOK_S)
    return time.monotonic() - process.started_at


def _modbus_answers(port: int) -> bool:
    try:
        with ModbusClient(port) as client:
            return client.read(0, 1) == (MAP_SIGNATURE,)
    except (OSError, PlcError):  # not there yet
        return False


def _opcua_answers(port: int) -> bool:
    """Whether the server acknowledges a Hello (OPC 10000-6, 7.1.2)."""
    url = f"opc.tcp://127.0.0.1:{port}/pekat".encode()
    body = struct.pack("<IIIIII", 0, 65535, 65535, 0, 0, len(url)) + url
    try:
        with socket.create_connection(("127.0.0.1", port), 1.0) as connection:
            connection.sendall(b"HELF" + struct.pack("<I", 8 + len(body)) + body)
            return connection.recv(3) == b"ACK"
    except OSError:  # not there yet
        return False


def _idle(process: psutil.Process, seconds: float) -> Used:
    """What it uses over the seconds, once it has settled."""
    time.sleep(SETTLE_S)
    before, began = process.cpu_times(), time.monotonic()
    time.sleep(seconds)
    after, took = process.cpu_times(), time.monotonic() - began
    busy = after.user + after.system - before.user - before.system
    return Used(100 * busy / took, process.memory_info().rss / 1e6)

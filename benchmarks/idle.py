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
    """Start it several times; let the last one idle."""
    starts = options.rounds(STARTS, QUICK_STARTS)
    seconds = options.seconds(SECONDS, QUICK_SECONDS)
    ready: list[float] = []
    used = Used(0.0, 0.0)
    with ExitStack() as stack:
        pekat = stack.enter_context(pekat_standin())
        config, modbus, opcua, _ = stack.enter_context(config_file(Plan(pekat)))
        progress.step(f"{starts} starts, then {seconds:.0f} s idle")
        for index in range(starts):
            with started(config) as process:
                ready.append(_wait_answering(process, modbus, opcua))
                progress.at(index + 1, starts)
                if index == starts - 1:
                    used = _idle(psutil.Process(process.pid), seconds)
    return _report(ready, used, seconds)


@contextmanager
def started(config: Path) -> Iterator[Child]:
    """The gateway's process, just started."""
    with tempfile.TemporaryDirectory(prefix="pekat-bench-") as folder:
        process = Child(("-m", "gateway", "run", str(config)), Path(folder) / "output.txt")
        try:
            yield process
        finally:
            process.end()


def _report(ready: list[float], used: Used, seconds: float) -> Report:
    first, later = ready[0], ready[1:]
    figures = [
        Figure("processor while idle, share of one core", used.percent, "%", 2.0),
        Figure("resident memory with both servers", used.megabytes, "MB", 150),
        Figure("start to both servers answering, median", statistics.median(later), "s", 3.0),
        Figure("start to both servers answering, slowest", max(later), "s"),
        Figure("the very first start, which makes the certificate", first, "s"),
    ]
    note = (
        f"one station, PEKAT reachable, no client; {seconds:.0f} s idle, {len(ready)} starts, from the process's start"
    )
    return Report("idle", TITLE, figures, {"start": Spread.of(later)}, unit="s", notes=[note])


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

"""What the gateway costs while nothing happens, and how soon it serves."""

import socket
import statistics
import struct
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.children import LOOK_S, START_S, Child
from benchmarks.figures import Figure, Report, Spread
from benchmarks.options import Options
from benchmarks.plc import ModbusClient, PlcError
from benchmarks.progress import Progress
from benchmarks.served import Plan, config_file, pekat_standin

TITLE = "Idle and start"
STARTS, QUICK_STARTS = 5, 2
SECONDS, QUICK_SECONDS = 10.0, 5.0
SETTLE_S = 1.0
"""What starting leaves behind (imports, first ping) is over by then."""
MAP_SIGNATURE = 0x504B


def measure(options: Options, progress: Progress) -> Report:
    """Start it several times; let the last one idle."""
    starts = options.rounds(STARTS, QUICK_STARTS)
    seconds = options.seconds(SECONDS, QUICK_SECONDS)
    ready: list[float] = []
    with pekat_standin() as pekat:
        progress.step(f"{starts} starts, then {seconds:.0f} s idle")
        for index in range(starts):
            with config_file(Plan(pekat)) as (config, modbus, opcua, _), tempfile.TemporaryDirectory() as folder:
                began = time.monotonic()
                process = Child(("-m", "gateway", "run", str(config)), Path(folder) / "output.txt")
                try:
                    _wait_answering(process, modbus, opcua)
                    ready.append(time.monotonic() - began)
                    progress.at(index + 1, starts)
                    if index == starts - 1:
                        time.sleep(SETTLE_S)
                        cpu, memory = _idle(psutil.Process(process.pid), seconds)
                finally:
                    process.end()
    figures = [
        Figure("processor while idle, share of one core", cpu, "%", 2.0),
        Figure("resident memory with both servers", memory, "MB", 150),
        Figure("start to both servers answering, median", statistics.median(ready), "s", 3.0),
        Figure("start to both servers answering, slowest", max(ready), "s"),
    ]
    note = f"one station, PEKAT reachable, no client; {seconds:.0f} s idle, {starts} starts, from the process's start"
    return Report("idle", TITLE, figures, {"start": Spread.of(ready)}, unit="s", notes=[note])


def _wait_answering(process: Child, modbus: int, opcua: int) -> None:
    """Until a Modbus read returns the map signature and the OPC UA server says hello. Raises ChildError, PlcError."""
    deadline = time.monotonic() + START_S
    for answers, port in ((_modbus_answers, modbus), (_opcua_answers, opcua)):
        while not answers(port):
            process.check(port, deadline)
            time.sleep(LOOK_S)


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


def _idle(process: psutil.Process, seconds: float) -> tuple[float, float]:
    """Percent of a core over the seconds, and resident megabytes at their end."""
    before, began = process.cpu_times(), time.monotonic()
    time.sleep(seconds)
    after, took = process.cpu_times(), time.monotonic() - began
    used = after.user + after.system - before.user - before.system
    return 100 * used / took, process.memory_info().rss / 1e6

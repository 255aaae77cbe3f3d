"""Requests a second of the Modbus link, against pymodbus's own server and against a bare asyncio.Protocol."""

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.children import child, free_port
from benchmarks.figures import Figure, Report, Spread
from benchmarks.options import Options
from benchmarks.plc import CONTROL_WORDS, ENABLE, STATUS_WORDS, TRIGGER_REGISTER, ModbusClient
from benchmarks.progress import Progress
from benchmarks.served import Plan, gateway, pekat_standin
from benchmarks.sides import interleaved

TITLE = "Modbus requests a second"
BATCH = 400
ROUNDS, QUICK_ROUNDS = 40, 8
OURS, PYMODBUS, STOCK, BARE = "gateway", "pymodbus", "pymodbus on stock asyncio", "bare asyncio.Protocol"


def reading(client: ModbusClient) -> Callable[[], float]:
    """A side: the rate of a batch of FC3 requests for 100 registers."""
    return lambda: _rate(lambda _: client.read(0, STATUS_WORDS))


def writing(client: ModbusClient) -> Callable[[], float]:
    """A side: the rate of a batch of FC16 requests for 25 registers, each with a new plc_heartbeat."""
    words = [ENABLE, *([0] * (CONTROL_WORDS - 1))]

    def write(index: int) -> None:
        words[4] = index % 65536
        client.write(TRIGGER_REGISTER, words)

    return lambda: _rate(write)


def _rate(request: Callable[[int], object]) -> float:
    began = time.perf_counter()
    for index in range(BATCH):
        request(index)
    return BATCH / (time.perf_counter() - began)


def measure(options: Options, progress: Progress) -> Report:
    """Four servers, each in its own process, one blocking client for each."""
    with ExitStack() as stack:
        pekat = stack.enter_context(pekat_standin())
        ports = {OURS: stack.enter_context(gateway(Plan(pekat))).modbus}
        for name, arguments in {
            PYMODBUS: ("pymodbus", "uvloop"),
            STOCK: ("pymodbus", "asyncio"),
            BARE: ("bare", "uvloop"),
        }.items():
            ports[name] = port = free_port()
            which, loop = arguments
            stack.enter_context(child("-m", "benchmarks.modbus_rivals", which, str(port), loop, ports=(port,)))
        clients = {name: stack.enter_context(ModbusClient(port)) for name, port in ports.items()}
        rounds = options.rounds(ROUNDS, QUICK_ROUNDS)
        progress.step("FC3 of 100 registers")
        reads = interleaved({name: reading(client) for name, client in clients.items()}, rounds, progress, warm=2)
        progress.step("FC16 of 25 registers")
        writes = interleaved({name: writing(client) for name, client in clients.items()}, rounds, progress, warm=2)
    return _report(reads, writes)


def _report(reads: dict[str, list[float]], writes: dict[str, list[float]]) -> Report:
    figures = []
    for function, rates in (("FC3 of 100 registers", reads), ("FC16 of 25 registers", writes)):
        median = {name: statistics.median(side) for name, side in rates.items()}
        ours = median[OURS]
        figures += [
            Figure(f"{function}: gateway", ours, "/s"),
            Figure(f"{function}: times pymodbus's server", ours / median[PYMODBUS], "x", 1.5, "high"),
            Figure(f"{function}: times the bare protocol", ours / median[BARE], "x", 0.8, "high"),
            Figure(f"{function}: pymodbus's server", median[PYMODBUS], "/s"),
            Figure(f"{function}: pymodbus's server on stock asyncio", median[STOCK], "/s"),
            Figure(f"{function}: bare asyncio.Protocol", median[BARE], "/s"),
        ]
    sides = {f"{name}, FC3": Spread.of(side) for name, side in reads.items()}
    sides |= {f"{name}, FC16": Spread.of(side) for name, side in writes.items()}
    note = (
        f"medians of {len(reads[OURS])} interleaved batches of {BATCH} requests, one blocking client, one request at a "
        "time; all on uvloop unless it says stock asyncio; the gateway runs its station behind each write"
    )
    return Report("modbus_rate", TITLE, figures, sides, unit="requests/s", notes=[note])

"""Requests a second of the Modbus link, against pymodbus's own server and against a bare asyncio.Protocol."""

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.children import child
from benchmarks.figures import Figure, Report, Spread
from benchmarks.options import Options
from benchmarks.plc import CONTROL_WORDS, ENABLE, STATUS_WORDS, TRIGGER_REGISTER, ModbusClient
from benchmarks.progress import Progress
from benchmarks.served import Plan, gateway, pekat_standin
from benchmarks.sides import interleaved
from gateway.cli.ports import free_port

TITLE = "Modbus requests a second"
BATCH = 400
HEARTBEAT = 4
"""plc_heartbeat among the words of the control block."""
ROUNDS, QUICK_ROUNDS = 40, 6
OURS, PYMODBUS, BARE = "gateway", "pymodbus's server", "bare asyncio.Protocol"
STOCK = "pymodbus's server on stock asyncio"


def reading(client: ModbusClient) -> Callable[[], float]:
    """A side: the rate of a batch of FC3 requests for 100 registers."""
    return lambda: _rate(lambda _: client.read(0, STATUS_WORDS))


def writing(client: ModbusClient) -> Callable[[], float]:
    """A side: the rate of a batch of FC16 requests for 25 registers, always the same: what a PLC writes each cycle."""
    words = [ENABLE, *([0] * (CONTROL_WORDS - 1))]
    return lambda: _rate(lambda _: client.write(TRIGGER_REGISTER, words))


def changing(client: ModbusClient) -> Callable[[], float]:
    """A side: the same with a new plc_heartbeat each time, so that each request changes the station's state."""
    words = [ENABLE, *([0] * (CONTROL_WORDS - 1))]

    def write(index: int) -> None:
        words[HEARTBEAT] = index % 65536
        client.write(TRIGGER_REGISTER, words)

    return lambda: _rate(write)


def _rate(request: Callable[[int], object]) -> float:
    began = time.perf_counter()
    for index in range(BATCH):
        request(index)
    return BATCH / (time.perf_counter() - began)


REQUESTS: dict[str, Callable[[ModbusClient], Callable[[], float]]] = {
    "FC3 of 100 registers": reading,
    "FC16 of 25 registers, the same again": writing,
    "FC16 of 25 registers, a new heartbeat each": changing,
}


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
        rates = {}
        for request, side in REQUESTS.items():
            progress.step(request)
            rates[request] = interleaved({n: side(client) for n, client in clients.items()}, rounds, progress, warm=2)
    return _report(rates)


def _report(rates: dict[str, dict[str, list[float]]]) -> Report:
    figures = []
    for request, by_server in rates.items():
        median = {name: statistics.median(side) for name, side in by_server.items()}
        ours = median[OURS]
        figures += [
            Figure(f"{request}: times pymodbus's server", ours / median[PYMODBUS], "x", 1.5, "high"),
            Figure(f"{request}: times the bare protocol", ours / median[BARE], "x", 0.8, "high"),
            *(Figure(f"{request}: {name}", rate, "/s") for name, rate in median.items()),
        ]
    sides = {f"{name}, {r}": Spread.of(side) for r, by_server in rates.items() for name, side in by_server.items()}
    count = min(spread.count for spread in sides.values())
    note = (
        f"medians of {count} interleaved batches of {BATCH} requests, one blocking client, one request at a time; all "
        "on uvloop unless it says stock asyncio; a new heartbeat makes a new tag image for both "
        "links and is heard by the watchdog, where the others store a word"
    )
    return Report("modbus_rate", TITLE, figures, sides, unit="requests/s", notes=[note])

"""From the result to its data change at ten OPC UA clients, all subscribed to all its tags."""

import random
import time
from contextlib import ExitStack

from benchmarks.children import child
from benchmarks.figures import Figure, Report, Spread
from benchmarks.opcua_tags import DETECTIONS, RESULT_TAGS
from benchmarks.options import Options
from benchmarks.pictures import Camera
from benchmarks.plc import RESULT_SEQ, PlcStation
from benchmarks.progress import Progress
from benchmarks.remote import Remote
from benchmarks.served import Plan, gateway, pekat_standin
from benchmarks.sides import GAP_S
from gateway.cli.ports import free_port

TITLE = "OPC UA data change, 10 clients"
ROUNDS, QUICK_ROUNDS = 500, 80
CLIENTS, PERIOD_MS = 10, 10
EVERY, LAST = "result to data change at any client", "result to data change at the last client"


def measure(options: Options, progress: Progress) -> Report:
    """Triggered over Modbus; the clock starts when the result is readable there."""
    rounds = options.rounds(ROUNDS, QUICK_ROUNDS)
    every: list[float] = []
    last: list[float] = []
    with ExitStack() as stack:
        pekat = stack.enter_context(pekat_standin())
        served = stack.enter_context(gateway(Plan(pekat)))
        plc = stack.enter_context(PlcStation(served.modbus))
        plc.wait_ready()
        port = free_port()
        given = (str(served.opcua), str(port), str(CLIENTS), str(PERIOD_MS))
        stack.enter_context(child("-m", "benchmarks.opcua_subscribers", *given, ports=(port,)))
        crowd = stack.enter_context(Remote(port))
        camera, gaps = Camera(served.folders[0]), random.Random(2)
        progress.step(f"results at {CLIENTS} clients that publish every {PERIOD_MS} ms")
        for index in range(rounds):
            time.sleep(gaps.uniform(*GAP_S))
            took = _sample(plc, camera, crowd)
            every.extend(took)
            last.append(max(took))
            progress.at(index + 1, rounds)
    return _report(Spread.of(every), Spread.of(last))


def _sample(plc: PlcStation, camera: Camera, crowd: Remote) -> list[float]:
    """Milliseconds from the readable result to each client's notification."""
    camera.drop(camera.expose())
    plc.trigger("part")
    result_seq = plc.wait_result()[RESULT_SEQ]
    readable = time.perf_counter_ns()
    crowd.tell(str(result_seq))
    return [(arrived - readable) / 1e6 for arrived in crowd.answer()]


def _report(every: Spread, last: Spread) -> Report:
    figures = [
        Figure(f"result to data change at 10 ms publishing, {CLIENTS} clients, p95", every.p95, "ms", 12.0),
        Figure(f"result to data change at 10 ms publishing, {CLIENTS} clients, p50", every.p50, "ms"),
        Figure(f"result to data change at 10 ms publishing, {CLIENTS} clients, p99", every.p99, "ms"),
        Figure("until the last of them has it, p50", last.p50, "ms"),
        Figure("until the last of them has it, p95", last.p95, "ms"),
    ]
    items = len(RESULT_TAGS) + len(DETECTIONS) + 1
    note = (
        f"{last.count} results triggered over Modbus at random gaps, {CLIENTS} sessions with {items} monitored items "
        "each (every tag of a result), no encryption; the clients only note when a message came, so that it is not "
        "they who are measured"
    )
    return Report("opcua_crowd", TITLE, figures, {EVERY: every, LAST: last}, notes=[note])

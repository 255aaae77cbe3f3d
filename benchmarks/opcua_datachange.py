"""From the result to its data change at an OPC UA client that publishes every 10 ms."""

import random
import time
from contextlib import ExitStack

from benchmarks.figures import Figure, Report, Spread
from benchmarks.opcua_client import Changes, OpcUaClient
from benchmarks.options import Options
from benchmarks.pictures import Camera
from benchmarks.plc import RESULT_SEQ, PlcError, PlcStation
from benchmarks.progress import Progress
from benchmarks.served import Plan, gateway, pekat_standin
from benchmarks.sides import GAP_S

TITLE = "OPC UA data change"
ROUNDS, QUICK_ROUNDS = 500, 80
PERIOD_MS = 10
SIDE = "result to data change"


def measure(options: Options, progress: Progress) -> Report:
    """Triggered over Modbus; the clock starts when the result is readable there."""
    rounds = options.rounds(ROUNDS, QUICK_ROUNDS)
    with ExitStack() as stack:
        pekat = stack.enter_context(pekat_standin())
        served = stack.enter_context(gateway(Plan(pekat)))
        plc = stack.enter_context(PlcStation(served.modbus))
        plc.wait_ready()
        client = stack.enter_context(OpcUaClient(served.opcua))
        changes = client.watch("station1.status.result_seq", PERIOD_MS)
        camera, gaps, samples = Camera(served.folders[0]), random.Random(2), []
        progress.step(f"results at a client that publishes every {PERIOD_MS} ms")
        for index in range(rounds):
            time.sleep(gaps.uniform(*GAP_S))
            samples.append(_sample(plc, camera, changes))
            progress.at(index + 1, rounds)
    spread = Spread.of(samples)
    figures = [
        Figure("result to data change at 10 ms publishing, p95", spread.p95, "ms", 12.0),
        Figure("result to data change at 10 ms publishing, p50", spread.p50, "ms"),
        Figure("result to data change at 10 ms publishing, p99", spread.p99, "ms"),
    ]
    note = (
        f"{rounds} results triggered over Modbus at random gaps, from the Modbus read that has the result to the "
        "arrival of result_seq at an asyncua client; the publishing interval itself gives 0 to 10 ms"
    )
    return Report("opcua_datachange", TITLE, figures, {SIDE: spread}, notes=[note])


def _sample(plc: PlcStation, camera: Camera, changes: Changes) -> float:
    camera.drop(camera.expose())
    plc.trigger("part")
    result_seq = plc.wait_result()[RESULT_SEQ]
    readable = time.perf_counter_ns()
    arrived, value = changes.next()
    if value != result_seq:
        raise PlcError(f"data change of result {value}, expected {result_seq}")
    return (arrived - readable) / 1e6

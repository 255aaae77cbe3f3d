"""What the vision system of OPC 40100-1 costs a trigger over Modbus, and how fast its ResultReady event is."""

import random
import time
from contextlib import ExitStack

from asyncua import ua

from benchmarks.figures import Figure, Report, Spread
from benchmarks.opcua_client import Changes, OpcUaClient
from benchmarks.options import Options
from benchmarks.pictures import Camera
from benchmarks.plc import PlcError, PlcStation
from benchmarks.progress import Progress
from benchmarks.served import Plan, gateway, pekat_standin
from benchmarks.sides import GAP_S, interleaved
from benchmarks.trigger_modbus import triggered

TITLE = "Vision system of OPC 40100-1"
ROUNDS, QUICK_ROUNDS = 500, 60
PERIOD_MS = 10
WITH, WITHOUT, EVENT = "with the vision system", "without", "result to ResultReady"
RESULT_READY = ua.NodeId(ua.Int32(1024), ua.Int16(3))


def measure(options: Options, progress: Progress) -> Report:
    """Two gateways side by side, then the event at a client that publishes every 10 ms."""
    rounds = options.rounds(ROUNDS, QUICK_ROUNDS)
    with ExitStack() as stack:
        pekat = stack.enter_context(pekat_standin())
        plans = {WITH: Plan(pekat), WITHOUT: Plan(pekat, opcua="machine_vision = false")}
        served = {name: stack.enter_context(gateway(plan)) for name, plan in plans.items()}
        plcs = {name: stack.enter_context(PlcStation(one.modbus)) for name, one in served.items()}
        cameras = {name: Camera(one.folders[0]) for name, one in served.items()}
        for plc in plcs.values():
            plc.wait_ready()
        progress.step("triggers with and without the vision system, interleaved")
        samples = interleaved({name: triggered(plcs[name], cameras[name]) for name in plans}, rounds, progress)
        client = stack.enter_context(OpcUaClient(served[WITH].opcua))
        events = client.listen(RESULT_READY, "3:ResultContent", PERIOD_MS)
        samples[EVENT] = _events(plcs[WITH], cameras[WITH], events, rounds, progress)
    return _report({name: Spread.of(side) for name, side in samples.items()})


def _events(plc: PlcStation, camera: Camera, events: Changes, rounds: int, progress: Progress) -> list[float]:
    progress.step(f"ResultReady events at a client that publishes every {PERIOD_MS} ms")
    gaps, samples = random.Random(3), []
    for index in range(rounds):
        time.sleep(gaps.uniform(*GAP_S))
        camera.drop(camera.expose())
        plc.trigger("part")
        plc.wait_result()
        readable = time.perf_counter_ns()
        arrived, content = events.next()
        if content is None or content[0].Value not in (1, 2, 3):
            raise PlcError(f"an event without a verdict: {content}")
        samples.append((arrived - readable) / 1e6)
        progress.at(index + 1, rounds)
    return samples


def _report(sides: dict[str, Spread]) -> Report:
    ours, bare, event = sides[WITH], sides[WITHOUT], sides[EVENT]
    figures = [
        Figure("trigger to result over Modbus, what the vision system adds, p50", ours.p50 - bare.p50, "ms", 0.1),
        Figure("the same, p99", ours.p99 - bare.p99, "ms"),
        Figure("result to ResultReady at 10 ms publishing, p50", event.p50, "ms"),
        Figure("result to ResultReady at 10 ms publishing, p95", event.p95, "ms", 14.0),
    ]
    note = (
        f"{ours.count} triggers a side; the event is counted from the Modbus read that has the result to its arrival "
        "at an asyncua client; the publishing interval itself gives 0 to 10 ms"
    )
    return Report("machine_vision", TITLE, figures, sides, notes=[note])

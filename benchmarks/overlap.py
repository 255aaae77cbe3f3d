"""What it brings to have several parts in flight while PEKAT thinks: inspections a second, and each one's latency."""

import statistics
from contextlib import ExitStack

from benchmarks.figures import Figure, Report, Spread
from benchmarks.options import Options
from benchmarks.pictures import part_png
from benchmarks.plc_pipelined import PipelinedStation, pipelined_station
from benchmarks.progress import Progress
from benchmarks.served import PLAYLIST, STRIDE, Plan, gateway, pekat_standin

TITLE = "Several in flight, PEKAT at 30 ms"
FLIGHTS = (1, 2, 3, 4)
PEKAT_MS = 30.0
SCAN_S = 0.002
BATCH = 40
ROUNDS, QUICK_ROUNDS = 12, 3


def measure(options: Options, progress: Progress) -> Report:
    """One gateway with a station for each depth; batches of triggers, the stations taking turns."""
    rounds = options.rounds(ROUNDS, QUICK_ROUNDS)
    with ExitStack() as stack:
        pekat = stack.enter_context(pekat_standin(PEKAT_MS))
        plan = Plan(pekat, stations=len(FLIGHTS), source=PLAYLIST, in_flight=FLIGHTS, pictures=(part_png(),))
        served = stack.enter_context(gateway(plan))
        plcs = {
            flight: stack.enter_context(pipelined_station(served.modbus, index * STRIDE))
            for index, flight in enumerate(FLIGHTS)
        }
        progress.step(f"{BATCH} triggers at a time with {', '.join(map(str, FLIGHTS))} in flight, interleaved")
        rates: dict[int, list[float]] = {flight: [] for flight in FLIGHTS}
        for index in range(rounds):
            for flight, plc in plcs.items():
                rates[flight].append(BATCH / plc.play(BATCH, SCAN_S))
            progress.at(index + 1, rounds)
    return _report(plcs, {flight: statistics.median(side) for flight, side in rates.items()})


def _report(plcs: dict[int, PipelinedStation], rate: dict[int, float]) -> Report:
    spreads = {flight: Spread.of(plc.milliseconds) for flight, plc in plcs.items()}
    figures = [
        Figure("inspections a second with 3 in flight, times those with 1", rate[3] / rate[1], "x", 2.7, "high"),
        Figure("the same with 2 in flight", rate[2] / rate[1], "x"),
        Figure("the same with 4 in flight", rate[4] / rate[1], "x"),
    ]
    for flight in FLIGHTS:
        figures += [
            Figure(f"{flight} in flight: inspections a second", rate[flight], "/s"),
            Figure(f"{flight} in flight: trigger to result, p50", spreads[flight].p50, "ms"),
            Figure(f"{flight} in flight: trigger to result, p99", spreads[flight].p99, "ms"),
        ]
    note = (
        f"{spreads[1].count} triggers a side, image 1920x1200 mono PNG of 0.90 MB from a playlist, PLC cycle 2 ms, "
        "buffered results; every answer checked against its trigger number, its part id and the order of the triggers"
    )
    return Report("overlap", TITLE, figures, {f"{n} in flight": spread for n, spread in spreads.items()}, notes=[note])

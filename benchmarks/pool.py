"""What several PEKATs for one recipe bring, each of which judges one image at a time, and what choosing one costs."""

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.figures import Figure, Report, Spread
from benchmarks.options import Options
from benchmarks.pictures import part_png
from benchmarks.plc_pipelined import PipelinedStation, pipelined_station
from benchmarks.progress import Progress
from benchmarks.served import PLAYLIST, STRIDE, Plan, gateway, pekat_standin
from gateway.vision.breaker import USUAL_RULE, Sign
from gateway.vision.pool import Endpoint, choose

TITLE = "Several PEKATs of 20 ms for one recipe"
COUNTS = (1, 2, 3)
PEKAT_MS = 20.0
SCAN_S = 0.002
BATCH = 40
ROUNDS, QUICK_ROUNDS = 12, 3
CHOICES, QUICK_CHOICES = 50_000, 5_000
MANY = 16


def measure(options: Options, progress: Progress) -> Report:
    """One gateway with a station for each number of PEKATs, as many in flight; batches of triggers, taking turns."""
    rounds = options.rounds(ROUNDS, QUICK_ROUNDS)
    with ExitStack() as stack:
        pekats = [stack.enter_context(pekat_standin(PEKAT_MS)) for _ in range(sum(COUNTS))]
        pools = tuple(tuple(pekats[sum(COUNTS[:at]) : sum(COUNTS[: at + 1])]) for at in range(len(COUNTS)))
        plan = Plan(
            pekats[0],
            stations=len(COUNTS),
            source=PLAYLIST,
            in_flight=COUNTS,
            pictures=(part_png(),),
            pools=pools,
            inspector="workers = 1",
        )
        served = stack.enter_context(gateway(plan))
        plcs = {
            count: stack.enter_context(pipelined_station(served.modbus, index * STRIDE))
            for index, count in enumerate(COUNTS)
        }
        progress.step(f"{BATCH} triggers at a time with {', '.join(map(str, COUNTS))} PEKATs, interleaved")
        rates: dict[int, list[float]] = {count: [] for count in COUNTS}
        for index in range(rounds):
            for count, plc in plcs.items():
                rates[count].append(BATCH / plc.play(BATCH, SCAN_S))
            progress.at(index + 1, rounds)
    costs = {count: _cost(count, options.rounds(CHOICES, QUICK_CHOICES)) for count in (1, COUNTS[-1], MANY)}
    return _report(plcs, {count: statistics.median(side) for count, side in rates.items()}, costs)


def _cost(count: int, rounds: int) -> float:
    """Microseconds of choosing among so many, beginning, and ending with an answer."""
    endpoints = [Endpoint(f"http://{number}", 1, USUAL_RULE) for number in range(count)]
    return min(_microseconds(lambda: _once(endpoints), rounds) for _ in range(3))


def _once(endpoints: list[Endpoint]) -> None:
    now = time.monotonic_ns() // 1000
    chosen = choose(endpoints)
    if chosen is not None:
        chosen.begin(now)
        chosen.tell(Sign.ANSWERED, now)
        chosen.end()


def _microseconds(act: Callable[[], None], rounds: int) -> float:
    began = time.perf_counter_ns()
    for _ in range(rounds):
        act()
    return (time.perf_counter_ns() - began) / rounds / 1000


def _several(count: int) -> str:
    return "1 PEKAT" if count == 1 else f"{count} PEKATs"


def _report(plcs: dict[int, PipelinedStation], rate: dict[int, float], costs: dict[int, float]) -> Report:
    spreads = {count: Spread.of(plc.milliseconds) for count, plc in plcs.items()}
    figures = [
        Figure("inspections a second with 2 PEKATs, times those with 1", rate[2] / rate[1], "x", 1.8, "high"),
        Figure("the same with 3 PEKATs", rate[3] / rate[1], "x", 2.6, "high"),
    ]
    for count in COUNTS:
        figures += [
            Figure(f"{_several(count)}, {count} in flight: inspections a second", rate[count], "/s"),
            Figure(f"{_several(count)}, {count} in flight: trigger to result, p50", spreads[count].p50, "ms"),
            Figure(f"{_several(count)}, {count} in flight: trigger to result, p99", spreads[count].p99, "ms"),
        ]
    figures += [
        Figure(f"choosing among {count}, and keeping count of it", cost, "µs", 50.0 if count == MANY else None)
        for count, cost in costs.items()
    ]
    note = (
        f"{spreads[1].count} triggers a side, image 1920x1200 mono PNG of 0.90 MB from a playlist, one image at a time "
        "at each PEKAT, PLC cycle 2 ms, buffered results; every answer checked for its trigger number and part id"
    )
    return Report("pool", TITLE, figures, {_several(n): spread for n, spread in spreads.items()}, notes=[note])

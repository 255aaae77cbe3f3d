"""Many PLCs whose cameras are in memory: `python -m benchmarks.frame_crowd PORT SECONDS STATIONS RATE`.

As `benchmarks.crowd`, without pictures to drop: each triggers, reads until the result is there, and checks that PEKAT
judged the frame of this very trigger. Prints one JSON object when it ends.
"""

import sys
import threading
import time
from contextlib import ExitStack

from benchmarks.crowd import LEAD_S, SCAN_S, STATUS_WORDS, Beat, Tally, as_json, missed
from benchmarks.plc import PlcError, PlcStation
from benchmarks.reading_standin import score_of
from benchmarks.served import STRIDE

SCORE_MILLI = 32
FIRST = 3
"""Triggers before it counts: the first frames go out before the way to PEKAT is known."""


def inspect(plc: PlcStation, tally: Tally) -> None:
    """One trigger. Raises PlcError where the result is not for the frame of this trigger."""
    tally.triggers += 1
    began = time.perf_counter_ns()
    plc.trigger(f"part{tally.triggers}")
    plc.wait_result(SCAN_S)
    tally.milliseconds.append((time.perf_counter_ns() - began) / 1e6)
    score = plc.status(SCORE_MILLI + 1)[SCORE_MILLI]
    if score != score_of(plc.seq):
        raise PlcError(f"trigger {plc.seq}: PEKAT judged the frame with the number {score} (of {score_of(plc.seq)})")
    tally.answers += 1


def play(plc: PlcStation, tally: Tally, beat: Beat) -> None:
    """So many triggers, one each period."""
    for index in range(beat.count):
        due = beat.start + index * beat.period
        if (early := due - time.monotonic()) > 0:
            time.sleep(early)
        tally.late += early < -beat.period
        inspect(plc, tally)
    tally.missed = missed(plc.status(STATUS_WORDS))


def _run(name: int, plc: PlcStation, tally: Tally, beat: Beat) -> None:
    try:
        play(plc, tally, beat)
    except (PlcError, OSError) as error:
        tally.errors.append(f"station {name}: {error}")


def crowd(port: int, stations: int, period: float, count: int) -> list[Tally]:
    """All of them at once, their triggers spread over the period. Raises PlcError where one is not ready."""
    tallies = [Tally() for _ in range(stations)]
    with ExitStack() as stack:
        plcs = [stack.enter_context(PlcStation(port, offset=index * STRIDE)) for index in range(stations)]
        for plc in plcs:
            plc.wait_ready()
            for _ in range(FIRST):
                inspect(plc, Tally())
        start = time.monotonic() + LEAD_S
        beats = [Beat(start + index * period / stations, period, count) for index in range(stations)]
        given = zip(range(1, stations + 1), plcs, tallies, beats, strict=True)
        threads = [threading.Thread(target=_run, args=each) for each in given]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return tallies


def main() -> None:
    """Play and print."""
    port, seconds, stations, rate = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    print(as_json(crowd(port, stations, 1 / rate, int(seconds * rate))))


if __name__ == "__main__":
    main()

"""Many PLCs on one connection each: `python -m benchmarks.crowd PORT SECONDS STATIONS RATE HOME`.

Each drops an image, triggers, reads until the result is there, checks that it is the one for this trigger, and is on
time for the next. Prints one JSON object when it ends.
"""

import json
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.pictures import Camera
from benchmarks.plc import COUNT_MISSED, PlcError, PlcStation
from benchmarks.served import STRIDE

SCAN_S = 0.005
"""A quick PLC's cycle: how often it looks whether the result is there."""
STATUS_WORDS = 26


@dataclass(slots=True)
class Tally:
    """What one PLC met with. `late` counts triggers that had to wait because the answer before took too long."""

    triggers: int = 0
    answers: int = 0
    missed: int = 0
    late: int = 0
    milliseconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def play(plc: PlcStation, camera: Camera, tally: Tally, start: float, period: float, count: int) -> None:
    """So many triggers, one each period."""
    plc.wait_ready()
    for index in range(count):
        staged = camera.expose()
        due = start + index * period
        if (early := due - time.monotonic()) > 0:
            time.sleep(early)
        tally.late += early < -period
        camera.drop(staged)
        tally.triggers += 1
        began = time.perf_counter_ns()
        plc.trigger(f"part{index}")
        plc.wait_result(SCAN_S)
        tally.milliseconds.append((time.perf_counter_ns() - began) / 1e6)
        tally.answers += 1
    status = plc.status(STATUS_WORDS)
    tally.missed = status[COUNT_MISSED] << 16 | status[COUNT_MISSED + 1]


def _run(port: int, index: int, folder: Path, tally: Tally, start: float, period: float, count: int) -> None:
    try:
        with PlcStation(port, offset=index * STRIDE) as plc:
            play(plc, Camera(folder), tally, start, period, count)
    except (PlcError, OSError) as error:
        tally.errors.append(f"station {index + 1}: {error}")


def main() -> None:
    """Play and print."""
    port, seconds, stations, rate = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    home, period = Path(sys.argv[5]), 1 / rate
    start = time.monotonic() + 1.0
    tallies = [Tally() for _ in range(stations)]
    threads = [
        threading.Thread(
            target=_run,
            args=(
                port,
                i,
                home / f"drop{i + 1}",
                tallies[i],
                start + i * period / stations,
                period,
                int(seconds * rate),
            ),
        )
        for i in range(stations)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {
        "triggers": sum(t.triggers for t in tallies),
        "answers": sum(t.answers for t in tallies),
        "missed": sum(t.missed for t in tallies),
        "late": sum(t.late for t in tallies),
        "milliseconds": [round(ms, 3) for t in tallies for ms in t.milliseconds],
        "errors": [error for t in tallies for error in t.errors],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()

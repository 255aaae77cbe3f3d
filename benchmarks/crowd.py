"""Many PLCs on one connection each: `python -m benchmarks.crowd PORT SECONDS STATIONS RATE HOME`.

Each drops an image, triggers, reads until the result is there, checks that it is the one for this trigger, and is on
time for the next. Prints one JSON object when it ends.
"""

import json
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.pictures import Camera
from benchmarks.plc import COUNT_MISSED, PlcError, PlcStation
from benchmarks.served import STRIDE

SCAN_S = 0.005
"""A quick PLC's cycle: how often it looks whether the result is there."""
STATUS_WORDS = 26
LEAD_S = 0.2
"""All threads run by then."""


@dataclass(slots=True)
class Tally:
    """What one PLC met with. `late` counts triggers that had to wait because the answer before took too long."""

    triggers: int = 0
    answers: int = 0
    missed: int = 0
    late: int = 0
    milliseconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Beat:
    """When to trigger: `count` times, each `period` seconds from `start` (monotonic seconds) on."""

    start: float
    period: float
    count: int


def play(plc: PlcStation, camera: Camera, tally: Tally, beat: Beat) -> None:
    """So many triggers, one each period."""
    period = beat.period
    for index in range(beat.count):
        staged = camera.expose()
        due = beat.start + index * period
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
    tally.missed = missed(plc.status(STATUS_WORDS))


def missed(status: tuple[int, ...]) -> int:
    """`count_missed` of a station."""
    return status[COUNT_MISSED] << 16 | status[COUNT_MISSED + 1]


def _run(plc: PlcStation, camera: Camera, tally: Tally, beat: Beat) -> None:
    try:
        play(plc, camera, tally, beat)
    except (PlcError, OSError) as error:
        tally.errors.append(f"{camera.folder.name}: {error}")


def crowd(port: int, home: Path, stations: int, period: float, count: int) -> list[Tally]:
    """All of them at once, their triggers spread over the period. Raises PlcError where one is not ready."""
    tallies = [Tally() for _ in range(stations)]
    with ExitStack() as stack:
        plcs = [stack.enter_context(PlcStation(port, offset=index * STRIDE)) for index in range(stations)]
        cameras = [Camera(home / f"drop{index + 1}") for index in range(stations)]
        for plc in plcs:
            plc.wait_ready()
        start = time.monotonic() + LEAD_S
        beats = [Beat(start + index * period / stations, period, count) for index in range(stations)]
        given = zip(plcs, cameras, tallies, beats, strict=True)
        threads = [threading.Thread(target=_run, args=each) for each in given]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return tallies


def as_json(tallies: list[Tally]) -> str:
    """All of them together."""
    found = {
        "triggers": sum(t.triggers for t in tallies),
        "answers": sum(t.answers for t in tallies),
        "missed": sum(t.missed for t in tallies),
        "late": sum(t.late for t in tallies),
        "milliseconds": [round(ms, 3) for t in tallies for ms in t.milliseconds],
        "errors": [error for t in tallies for error in t.errors],
    }
    return json.dumps(found)


def main() -> None:
    """Play and print."""
    port, seconds, stations, rate = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
    print(as_json(crowd(port, Path(sys.argv[5]), stations, 1 / rate, int(seconds * rate))))


if __name__ == "__main__":
    main()

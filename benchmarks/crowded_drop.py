"""From the rename of a picture into the drop to the first byte of its POST, with many other files in the folder."""

import http.client
import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from benchmarks.figures import Figure, Report, Spread
from benchmarks.options import Options
from benchmarks.pictures import Camera, part_png
from benchmarks.plc import PlcStation
from benchmarks.progress import Progress
from benchmarks.served import FILE_DROP, Plan, gateway, pekat_standin
from benchmarks.sides import interleaved

TITLE = "File drop with many other files in it"
ROUNDS, QUICK_ROUNDS = 400, 40
WINDOW_S = 5.3
"""After this a file of the crowd is too old for any trigger: 250 ms, and 5 s until it leaves the shelf."""
WAIT_S = 10.0
BY_PART = f'{FILE_DROP}\npick = "part_id"\npart_id_name = "cam1_{{part_id}}_*"\nwindow_ms = 86400000'


@dataclass(frozen=True, slots=True)
class Crowd:
    """Other files in a folder, and what the station makes of them."""

    count: int
    name: str
    source: str = FILE_DROP

    def fill(self, folder: Path, scale: float) -> None:
        """Small files: what counts is their number."""
        for number in range(int(self.count * scale)):
            (folder / self.name.format(number=number)).write_bytes(b"")


ALONE, TARGET = "nothing else", "10,000 old pictures"
CROWDS = {
    ALONE: Crowd(0, ""),
    TARGET: Crowd(10_000, "old{number:06d}.png"),
    "100,000 old pictures": Crowd(100_000, "old{number:06d}.png"),
    "10,000 pictures of other parts, none too old": Crowd(10_000, "cam1_other{number:06d}_1.png", BY_PART),
}


class Stamps:
    """Asks the PEKAT stand-in when its last POST began."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def begun(self) -> int:
        """Monotonic nanoseconds."""
        self._connection.request("GET", "/begun")
        return int(self._connection.getresponse().read())


def renamed(plc: PlcStation, camera: Camera, stamps: Stamps) -> Callable[[], float]:
    """A side: milliseconds from just before the rename, which comes after the trigger, to the POST's first byte."""

    def sample() -> float:
        staged = camera.expose()
        plc.trigger("part")
        began = time.monotonic_ns()
        os.replace(staged, camera.folder / f"cam1_part_{staged.name}")
        plc.wait_result(pause=0.0005)
        return (stamps.begun() - began) / 1e6

    return sample


def measure(options: Options, progress: Progress) -> Report:
    """A gateway for each crowd, all in one run."""
    scale = options.scale
    with ExitStack() as stack:
        pekat = stack.enter_context(pekat_standin())
        stamps = stack.enter_context(Stamps(pekat))
        sides = {}
        for name, crowd in CROWDS.items():
            progress.step(f"a gateway with {name}")
            fill = partial(crowd.fill, scale=scale)
            served = stack.enter_context(gateway(Plan(pekat, source=crowd.source, fill=fill)))
            plc = stack.enter_context(PlcStation(served.modbus))
            plc.wait_ready()
            sides[name] = renamed(plc, Camera(served.folders[0]), stamps)
        time.sleep(WINDOW_S * scale)
        progress.step("pictures that are renamed in after their trigger, interleaved")
        samples = interleaved(sides, options.rounds(ROUNDS, QUICK_ROUNDS), progress)
    return _report({name: Spread.of(side) for name, side in samples.items()})


def _report(sides: dict[str, Spread]) -> Report:
    figures = [Figure(f"rename to POST begun, {TARGET} in the folder, p95", sides[TARGET].p95, "ms", 3.0)]
    figures += [Figure(f"the same, {name}, p95", side.p95, "ms") for name, side in sides.items() if name != TARGET]
    figures += [Figure(f"the same, {name}, p50", sides[name].p50, "ms") for name in (TARGET, ALONE)]
    note = (
        f"{sides[TARGET].count} samples a side, PNG of {len(part_png()) / 1e6:.2f} MB renamed in after the trigger; "
        "a gateway for each side, all on this machine; the moment of the first byte is the stand-in's"
    )
    return Report("crowded_drop", TITLE, figures, sides, notes=[note])

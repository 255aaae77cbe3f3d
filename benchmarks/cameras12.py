"""Twelve cameras' frames through shared memory, ten a second each, and what a Modbus reader notices of it."""

import json
import time
import urllib.request
from contextlib import ExitStack
from typing import Any

import psutil

from benchmarks.children import child
from benchmarks.figures import Figure, Report, Spread
from benchmarks.options import Options
from benchmarks.plc import ModbusClient
from benchmarks.progress import Progress
from benchmarks.served import PLAYLIST, Plan, gateway, reading_standin
from benchmarks.stations16 import GRACE_S, line_figures, read_on

TITLE = "12 cameras, 10 frames of 2.3 MB a second each through shared memory"
STATIONS, RATE, PEKAT_MS = 12, 10.0, 20.0
FRAME = (1920, 1200)
SECONDS, QUICK_SECONDS = 20.0, 5.0


def measure(options: Options, progress: Progress) -> Report:
    """The PLCs in a process of their own; this one reads."""
    seconds = options.seconds(SECONDS, QUICK_SECONDS)
    with ExitStack() as stack:
        pekat = stack.enter_context(reading_standin(PEKAT_MS))
        plan = Plan(pekat, stations=STATIONS, source=PLAYLIST, frames=FRAME)
        served = stack.enter_context(gateway(plan))
        reader = stack.enter_context(ModbusClient(served.modbus))
        process = psutil.Process(served.process.pid)
        progress.step(f"{STATIONS} PLCs for {seconds:.0f} s, one more connection that reads")
        arguments = (str(served.modbus), str(seconds), str(STATIONS), str(RATE))
        crowd = stack.enter_context(child("-m", "benchmarks.frame_crowd", *arguments))
        before, began = process.cpu_times(), time.monotonic()
        reads = read_on(reader, crowd, STATIONS, seconds, progress)
        after, took = process.cpu_times(), time.monotonic() - began
        ways = ways_of(pekat)
        found = json.loads(crowd.wait(GRACE_S).splitlines()[-1])
    cpu = 100 * (after.user + after.system - before.user - before.system) / took
    return _report({**found, **ways}, Spread.of(reads), cpu, seconds)


def ways_of(pekat: int) -> dict[str, int]:
    """How many frames the stand-in was given in shared memory, and how many over HTTP."""
    with urllib.request.urlopen(f"http://127.0.0.1:{pekat}/ways", timeout=GRACE_S) as reply:
        counted: dict[str, int] = json.load(reply)
        return counted


def _report(found: dict[str, Any], reads: Spread, cpu: float, seconds: float) -> Report:
    figures, answers = line_figures(found, reads, cpu, seconds, "frames")
    figures[1:1] = [
        Figure("triggers without their own frame's answer", found["triggers"] - found["answers"], "", 0),
        Figure("frames that went over HTTP", found["sent"], "", 0),
    ]
    note = (
        f"{seconds:.0f} s, grey frames of {FRAME[0]}x{FRAME[1]} from memory, each with its trigger's number in it, "
        f"which the PEKAT stand-in reads there and sends back; {reads.count} reads on a connection of their own"
    )
    return Report("cameras12", TITLE, figures, {"read": reads, "trigger to result": answers}, notes=[note])

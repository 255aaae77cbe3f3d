"""Sixteen stations at ten inspections a second each, and what a Modbus reader notices of it."""

import json
import time
from contextlib import ExitStack
from functools import partial
from typing import Any

import psutil

from benchmarks.children import Child, child
from benchmarks.figures import Figure, Report, Spread
from benchmarks.options import Options
from benchmarks.plc import STATUS_WORDS, ModbusClient, PlcError
from benchmarks.progress import Progress
from benchmarks.served import STRIDE, Plan, gateway, pekat_standin
from benchmarks.sides import milliseconds

TITLE = "16 stations, 10 inspections a second each"
STATIONS, RATE, PEKAT_MS = 16, 10.0, 20.0
SECONDS, QUICK_SECONDS = 20.0, 5.0
READ_EVERY_S = 0.01
"""A reader's cycle: 100 reads a second, each of another station."""
GRACE_S = 30.0


def measure(options: Options, progress: Progress) -> Report:
    """The PLCs in a process of their own; this one reads."""
    seconds = options.seconds(SECONDS, QUICK_SECONDS)
    with ExitStack() as stack:
        pekat = stack.enter_context(pekat_standin(PEKAT_MS))
        served = stack.enter_context(gateway(Plan(pekat, stations=STATIONS)))
        reader = stack.enter_context(ModbusClient(served.modbus))
        home = str(served.folders[0].parent)
        process = psutil.Process(served.process.pid)
        progress.step(f"{STATIONS} PLCs for {seconds:.0f} s, one more connection that reads")
        arguments = (str(served.modbus), str(seconds), str(STATIONS), str(RATE), home)
        crowd = stack.enter_context(child("-m", "benchmarks.crowd", *arguments))
        before, began = process.cpu_times(), time.monotonic()
        reads = read_on(reader, crowd, STATIONS, seconds, progress)
        after, took = process.cpu_times(), time.monotonic() - began
        found = json.loads(crowd.wait(GRACE_S).splitlines()[-1])
    cpu = 100 * (after.user + after.system - before.user - before.system) / took
    return _report(found, Spread.of(reads), cpu, seconds)


def read_on(reader: ModbusClient, crowd: Child, stations: int, seconds: float, progress: Progress) -> list[float]:
    """Milliseconds of each read of 100 registers while the crowd plays. Raises PlcError where that never ends."""
    reads: list[float] = []
    began = time.monotonic()
    while crowd.process.poll() is None:
        reads.append(milliseconds(partial(reader.read, len(reads) % stations * STRIDE, STATUS_WORDS)))
        time.sleep(READ_EVERY_S)
        gone = time.monotonic() - began
        progress.at(min(gone, seconds), seconds)
        if gone > seconds + GRACE_S:
            raise PlcError(f"{stations} stations: the PLCs do not come to an end")
    return reads


def _report(found: dict[str, Any], reads: Spread, cpu: float, seconds: float) -> Report:
    figures, answers = line_figures(found, reads, cpu, seconds, "inspections")
    figures.insert(1, Figure("triggers without their own answer", found["triggers"] - found["answers"], "", 0))
    note = (
        f"{seconds:.0f} s, 0.9 MB image for each inspection, PLCs, PEKAT stand-in and gateway share this machine's "
        f"cores; {reads.count} reads on a connection of their own; every answer checked against its trigger number"
    )
    return Report("stations16", TITLE, figures, {"read": reads, "trigger to result": answers}, notes=[note])


def line_figures(
    found: dict[str, Any], reads: Spread, cpu: float, seconds: float, answers_are: str
) -> tuple[list[Figure], Spread]:
    """What a crowd of stations is measured by, and trigger to result. Raises PlcError where a PLC complained."""
    if found["errors"]:
        raise PlcError("; ".join(found["errors"]))
    answers = Spread.of(found["milliseconds"])
    figures = [
        Figure("missed or rejected triggers", found["missed"], "", 0),
        Figure("Modbus read of 100 registers meanwhile, p99", reads.p99, "ms", 8.0),
        Figure("Modbus read of 100 registers meanwhile, p50", reads.p50, "ms"),
        Figure(answers_are, found["answers"], ""),
        Figure(f"{answers_are} a second", found["answers"] / seconds, "/s"),
        Figure("triggers that started more than a period late", found["late"], ""),
        Figure("trigger to result with PEKAT at 20 ms, PLC cycle 5 ms, p50", answers.p50, "ms"),
        Figure("trigger to result with PEKAT at 20 ms, PLC cycle 5 ms, p99", answers.p99, "ms"),
        Figure("gateway's share of one core", cpu, "%"),
    ]
    return figures, answers

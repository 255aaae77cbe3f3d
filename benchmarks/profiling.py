"""Where the time of a trigger goes: the gateway under cProfile while a PLC triggers, its costliest functions."""

import io
import pstats
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from benchmarks.options import Options
from benchmarks.pictures import Camera
from benchmarks.plc import PlcStation
from benchmarks.progress import progress
from benchmarks.served import Plan, gateway, pekat_standin
from benchmarks.sides import interleaved
from benchmarks.trigger_modbus import triggered

ROUNDS, QUICK_ROUNDS = 500, 100
TOP = 45


def profile_trigger(options: Options, console: Console) -> None:
    """Only the event loop's thread: that is where the gateway's own time goes. PEKAT's lane has its own thread."""
    rounds = options.rounds(ROUNDS, QUICK_ROUNDS)
    with tempfile.TemporaryDirectory(prefix="pekat-bench-") as folder:
        file = Path(folder) / "profile.out"
        with ExitStack() as stack:
            pekat = stack.enter_context(pekat_standin())
            served = stack.enter_context(gateway(Plan(pekat, profile=file)))
            plc = stack.enter_context(PlcStation(served.modbus))
            plc.wait_ready()
            side = triggered(plc, Camera(served.folders[0]))
            interleaved({"gateway": side}, rounds, stack.enter_context(progress(console, "profile")))
        text = io.StringIO()
        pstats.Stats(str(file), stream=text).strip_dirs().sort_stats("tottime").print_stats(TOP)
    console.print(text.getvalue(), highlight=False, markup=False, soft_wrap=True)

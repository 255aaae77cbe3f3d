"""Where the time of a trigger goes: the gateway's event loop under cProfile while a PLC triggers."""

import io
import os
import pstats
import signal
import tempfile
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console

from benchmarks.options import Options
from benchmarks.pictures import Camera
from benchmarks.plc import PlcStation, wait_until
from benchmarks.progress import progress
from benchmarks.served import Plan, gateway, pekat_standin
from benchmarks.sides import interleaved
from benchmarks.trigger_modbus import triggered

ROUNDS, QUICK_ROUNDS = 500, 100
TOP = 45


def profile_trigger(options: Options, console: Console) -> None:
    """Print the event loop's costliest functions. What runs in threads (reading the file, asking PEKAT) is not in it.

    The PLC pauses between its reads, so that they do not fill the profile.
    """
    rounds = options.rounds(ROUNDS, QUICK_ROUNDS)
    with tempfile.TemporaryDirectory(prefix="pekat-bench-") as folder:
        file = Path(folder) / "profile.out"
        with ExitStack() as stack:
            pekat = stack.enter_context(pekat_standin())
            served = stack.enter_context(gateway(Plan(pekat, profile=file)))
            plc = stack.enter_context(PlcStation(served.modbus))
            plc.wait_ready()
            side = triggered(plc, Camera(served.folders[0]), pause=0.001)
            os.kill(served.process.pid, signal.SIGUSR1)
            interleaved({"gateway": side}, rounds, stack.enter_context(progress(console, "profile")), warm=0)
            os.kill(served.process.pid, signal.SIGUSR2)
            wait_until(file.exists, "the profiler wrote nothing")
            plc.status()  # answered only after the file is whole: both happen on the event loop
        console.print(_table(file, rounds), highlight=False, markup=False, soft_wrap=True)


def _table(file: Path, rounds: int) -> str:
    text = io.StringIO()
    text.write(f"{rounds} triggers\n")
    stats = pstats.Stats(str(file), stream=text).strip_dirs()
    stats.sort_stats("cumulative").print_stats(TOP)
    return text.getvalue()

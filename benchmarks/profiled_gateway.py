"""The gateway under a profiler that is switched on from outside: `python -m benchmarks.profiled_gateway OUTPUT CONFIG`.

SIGUSR1 switches it on, SIGUSR2 off and writes the figures to OUTPUT. Only the event loop's thread is profiled; what
starting costs is left out.
"""

import cProfile
import signal
import sys
from types import FrameType

from gateway.__main__ import main


def arm(output: str) -> None:
    """Let the two signals do their work."""
    profiler = cProfile.Profile()

    def begin(number: int, frame: FrameType | None) -> None:
        profiler.enable()

    def finish(number: int, frame: FrameType | None) -> None:
        profiler.disable()
        profiler.dump_stats(output)

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, finish)


if __name__ == "__main__":
    arm(sys.argv[1])
    sys.argv = ["pekat-gateway", "run", sys.argv[2]]
    main()

"""Sides measured against each other: in random order, round by round, so that what the machine does hits all alike."""

import random
import time
from collections.abc import Callable, Mapping

from benchmarks.progress import Progress

GAP_S = (0.004, 0.014)
"""Between two samples: parts come one by one, so caches and clocks are as cold as in production, and the phase
against a poll of 10 ms is any."""


def interleaved(
    sides: Mapping[str, Callable[[], float]], rounds: int, progress: Progress, *, warm: int = 5
) -> dict[str, list[float]]:
    """`rounds` samples of each side, after `warm` that do not count. A side returns its sample."""
    order = random.Random(1)
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for index in range(-warm, rounds):
        for name in order.sample(list(sides), len(sides)):
            time.sleep(order.uniform(*GAP_S))
            sample = sides[name]()
            if index >= 0:
                samples[name].append(sample)
        progress.at(max(index + 1, 0), rounds)
    return samples


def milliseconds(act: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter_ns()
    act()
    return (time.perf_counter_ns() - began) / 1e6

"""Counts what happens at one station. Written on the event loop, read by the thread that serves the figures."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence

from gateway.core import actions as act
from gateway.ports import Step

BOUNDS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the buckets in seconds: from the tags' tenths of a millisecond to the longest usual time-out."""
_BOUNDS_US = tuple(int(bound * 1e6) for bound in BOUNDS_S)


class Spread:
    """How a time is spread: a count for each bucket, the last one for what is longer, and the sum."""

    def __init__(self) -> None:
        self.counts = [0] * (len(_BOUNDS_US) + 1)
        self.sum_us = 0

    def add(self, microseconds: int) -> None:
        self.counts[bisect_left(_BOUNDS_US, microseconds)] += 1
        self.sum_us += microseconds

    def buckets(self) -> tuple[list[tuple[str, float]], float]:
        """(upper end, how many were at most that long) as Prometheus wants them, and the sum in seconds."""
        counts, total, made = tuple(self.counts), 0, []
        for end, count in zip((*map(str, BOUNDS_S), "+Inf"), counts, strict=True):
            total += count
            made.append((end, float(total)))
        return made, self.sum_us / 1e6


class Tally:
    """Of one station: answers by verdict and reason, rejected triggers by reason, and the spread of each stage."""

    def __init__(self, stages: Sequence[str]) -> None:
        self.answers: dict[tuple[str, str], int] = {}
        self.rejected: dict[str, int] = {}
        self.spreads: Mapping[str, Spread] = {stage: Spread() for stage in stages}

    def measured(self, stage: str, microseconds: int) -> None:
        """A stage of an inspection is over."""
        self.spreads[stage].add(microseconds)

    def note(self, step: Step) -> None:
        """One step of the handshake. Most of them are no news."""
        before, after = step.before, step.after
        missed = after.counts.missed - before.counts.missed
        if missed > 0:
            asked = [action.reason for action in step.actions if isinstance(action, act.Reject)]
            self._add_rejected((asked[0] if asked else after.reject_reason).name.lower(), missed)
        for action in step.actions:
            if isinstance(action, act.Record):
                judgement = action.result.judgement
                key = judgement.verdict.name.lower(), judgement.reason.name.lower()
                self.answers[key] = self.answers.get(key, 0) + 1

    def _add_rejected(self, reason: str, count: int) -> None:
        self.rejected[reason] = self.rejected.get(reason, 0) + count

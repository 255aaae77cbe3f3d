"""What a benchmark hands back: samples, figures with their targets, and how a percentile is taken."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


def percentile(samples: Sequence[float], percent: float) -> float:
    """Linear between the two nearest ranks. Raises ValueError without samples."""
    if not samples:
        raise ValueError("no samples")
    ordered = sorted(samples)
    rank = (len(ordered) - 1) * percent / 100
    low, high = math.floor(rank), math.ceil(rank)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


@dataclass(frozen=True, slots=True)
class Spread:
    """Where a side's samples lie; all in the unit of the samples."""

    count: int
    p50: float
    p95: float
    p99: float
    highest: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> "Spread":
        return cls(
            len(samples),
            statistics.median(samples),
            percentile(samples, 95),
            percentile(samples, 99),
            max(samples),
        )


Outcome = Literal["pass", "short", ""]


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `target` None: for comparison only. `better` says on which side of the target is good."""

    name: str
    value: float
    unit: str
    target: float | None = None
    better: Literal["low", "high"] = "low"
    note: str = ""

    @property
    def outcome(self) -> Outcome:
        if self.target is None:
            return ""
        good = self.value <= self.target if self.better == "low" else self.value >= self.target
        return "pass" if good else "short"

    @property
    def target_text(self) -> str:
        if self.target is None:
            return ""
        return f"{'≤' if self.better == 'low' else '≥'} {number(self.target)}{_unit(self.unit)}"

    @property
    def value_text(self) -> str:
        return f"{number(self.value)}{_unit(self.unit)}"


def number(value: float) -> str:
    """Three figures that matter, thousands whole."""
    if value == 0 or abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _unit(unit: str) -> str:
    return unit if unit in {"", "x"} else f" {unit}"


@dataclass(frozen=True, slots=True)
class Report:
    """What one benchmark found. `sides`: the samples of each side, for whoever wants more than the figures."""

    name: str
    title: str
    figures: list[Figure]
    sides: dict[str, Spread] = field(default_factory=dict)
    unit: str = "ms"
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        figures = [{**asdict(figure), "outcome": figure.outcome} for figure in self.figures]
        sides = {side: {key: round(value, 4) for key, value in asdict(s).items()} for side, s in self.sides.items()}
        for figure in figures:
            figure["value"] = round(figure["value"], 4)
        return {
            "name": self.name,
            "title": self.title,
            "figures": figures,
            "unit": self.unit,
            "sides": sides,
            "notes": self.notes,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Report":
        figures = [Figure(**{key: value for key, value in f.items() if key != "outcome"}) for f in data["figures"]]
        sides = {side: Spread(**spread) for side, spread in data["sides"].items()}
        return cls(data["name"], data["title"], figures, sides, data["unit"], data["notes"])

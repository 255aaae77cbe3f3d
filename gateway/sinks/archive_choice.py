"""Which inspections are archived, and what of them: of all, of a station, of one of its recipes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.core.result import Verdict

ANY_RECIPE = 0
"""In the place of a recipe's number: no recipe has it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """`every_nth_ok` 0: no OK, unless all are asked for."""

    verdicts: frozenset[Verdict]
    every_nth_ok: int = 0
    original: bool = True
    drawn: bool = False


@dataclass(frozen=True, slots=True)
class Choices:
    """`own` are those of a station with ANY_RECIPE, or with one recipe, which goes before it; `all` is for the rest."""

    all: Choice
    own: Mapping[tuple[str, int], Choice] = field(default_factory=dict)

    def of(self, station: str, recipe: int) -> Choice:
        """What counts for an inspection."""
        return self.own.get(self.place(station, recipe), self.all) if self.own else self.all

    def place(self, station: str, recipe: int) -> tuple[str, int]:
        """Who it is that chooses: those that share it are counted together. Each station is counted for itself."""
        return (station, recipe) if (station, recipe) in self.own else (station, ANY_RECIPE)

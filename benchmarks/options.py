"""What the command line asks of every benchmark."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """`quick`: fewer samples. `scale` multiplies what is left, for a smoke test."""

    quick: bool = False
    scale: float = 1.0

    def rounds(self, full: int, quick: int) -> int:
        """How many samples to take; at least two."""
        return max(int((quick if self.quick else full) * self.scale), 2)

    def seconds(self, full: float, quick: float) -> float:
        """How long to measure; at least half a second."""
        return max((quick if self.quick else full) * self.scale, 0.5)

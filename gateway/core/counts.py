"""A station's counters."""

from dataclasses import dataclass

from gateway.core.result import Verdict

_ANSWERS = (Verdict.OK, Verdict.NOK, Verdict.NO_DECISION)


@dataclass(frozen=True, slots=True)
class Counts:
    """Since the start of the gateway, or of its journal (H31); 32 bit in the tags, where they wrap."""

    triggers: int = 0
    ok: int = 0
    nok: int = 0
    no_decision: int = 0
    missed: int = 0
    late: int = 0

    def with_answer(self, verdict: Verdict) -> "Counts":
        """One more answer."""
        ok, nok, undecided = (verdict is one for one in _ANSWERS)
        return Counts(self.triggers, self.ok + ok, self.nok + nok, self.no_decision + undecided, self.missed, self.late)


NO_COUNTS = Counts()


@dataclass(frozen=True, slots=True)
class ImagesLost:
    """An event: so many more images of this station could not be archived."""

    count: int

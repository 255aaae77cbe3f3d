"""One accepted trigger, from then until its answer is given away."""

from dataclasses import dataclass
from enum import IntEnum

from gateway.core.result import BY_TAGS, Judgement, Origin, Review


class Keeping(IntEnum):
    """How far the journal is with an answer (H30)."""

    NOT_YET = 0
    ASKED = 1
    OVER = 2
    """It has it, or nobody waits for it any more."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """One accepted trigger that is not yet presented. `judgement` is set as soon as it has its answer."""

    id: int
    trigger_seq: int
    part_id: str
    recipe: int
    accepted_at: int
    deadline: int
    exposed_at: int = 0
    judgement: Judgement | None = None
    answered_at: int = 0
    origin: Origin = BY_TAGS
    keep_by: int = 0
    """When the journal has to have its answer at the latest; not before `deadline` (H30)."""
    keeping: Keeping = Keeping.NOT_YET
    answers: tuple[Judgement | None, ...] = ()
    """What each of several views has answered so far; empty where there is one (H32)."""
    work_by: int = 0
    """When the work on it ends; after `deadline` where it may go on (H36)."""
    found: Judgement | None = None
    """What PEKAT said, where an operator is asked: the answer, unless he decides by `review_by` (H38)."""
    offered_at: int = 0
    review_by: int = 0
    review: Review | None = None
    """How asking the operator ended."""

    @property
    def open(self) -> bool:
        """True while it still waits for its answer."""
        return self.judgement is None

    @property
    def reviewing(self) -> bool:
        """True while an operator is asked about it."""
        return self.judgement is None and self.found is not None

    @property
    def answer_by(self) -> int:
        """When it has its answer at the latest."""
        return self.review_by or self.deadline

    @property
    def exposing(self) -> bool:
        """True while the part must not move and no other image may be taken."""
        return self.open and not self.exposed_at and self.found is None

"""Parts that an operator is asked about: what whoever shows them to him sees, and how his decision comes back (H38)."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from gateway.core.result import Judgement, Verdict
from gateway.ports.results import Pictured

MOST_DETECTIONS = 20
"""Objects that are told of one part: more nobody looks at in its time."""


@dataclass(frozen=True, slots=True)
class PendingReview:
    """One part that an operator is asked about now. Times are monotonic microseconds.

    `review_id` is `STATION:BOOT-INSPECTION`: never the same for two parts, of whatever station and start. `found` is
    what PEKAT said. `pictures` are those that were taken and those that were drawn; they share their bytes with the
    station, which lets go of them with the review.
    """

    review_id: str
    station: str
    inspection_id: int
    part_id: str
    recipe: int
    found: Judgement
    offered_at: int
    review_by: int
    pictures: tuple[Pictured, ...]

    def told(self, now: int) -> dict[str, object]:
        """For programs, as JSON takes it; of many objects the surest. `now` is monotonic microseconds."""
        found = self.found
        return {
            "id": self.review_id,
            "station": self.station,
            "part_id": self.part_id,
            "recipe": self.recipe,
            "score": found.score,
            "why": found.detail,
            "seconds_left": max(0.0, round((self.review_by - now) / 1e6, 1)),
            "detection_count": len(found.detections),
            "detections": [asdict(one) for one in found.detections[:MOST_DETECTIONS]],
            "views": [{"name": one.name, "score": one.score, "why": one.detail} for one in found.views],
            "pictures": [{"view": one.view, "name": one.picture.name, "drawn": one.drawn} for one in self.pictures],
        }


class ReviewDesk(Protocol):
    """One station's. When a review begins or ends is told by `StationPort.observe`: OfferReview, EndReview."""

    @property
    def pending(self) -> Sequence[PendingReview]:
        """The oldest first."""
        ...

    def decide(self, review_id: str, verdict: Verdict, operator: str, over: str) -> PendingReview:
        """Give an operator's decision: OK, NOK, or NO_DECISION where he cannot tell; what it was about.

        `operator` and `over`: see `core.result.Review`. Raises RefusedError, which says why, where nobody is asked
        about it, or not any more.
        """
        ...

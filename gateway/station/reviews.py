"""Parts of one station that an operator is asked about, with their pictures for as long as he is (H38)."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence

from gateway.core import actions as act
from gateway.core.calls import ReviewDecided
from gateway.core.errors import RefusedError, RejectReason
from gateway.core.events import Event
from gateway.core.inspection import Inspection
from gateway.core.result import Review, Verdict
from gateway.core.state import State
from gateway.ports import Order, PendingReview, Picture, Pictured
from gateway.station.views import View
from gateway.station.work import monotonic_us

log = logging.getLogger(__name__)

REMEMBERED = 64
"""Reviews that are over, so that who comes late is told how each ended."""


class Reviews:
    """A ports.ReviewDesk. `ask` lets the event with its token happen; it raises RefusedError.

    Pictures are held from the moment when they are taken until the part has its answer, and only where operators may
    be asked: as many as are in flight anyway, never copied.
    """

    def __init__(
        self,
        station: str,
        views: Sequence[View],
        state: Callable[[], State],
        ask: Callable[[Callable[[int], Event]], None],
    ) -> None:
        self._station, self._views, self._state, self._ask = station, views, state, ask
        self._pictures: dict[int, list[Pictured]] = {}
        self._about: dict[int, Mapping[str, object]] = {}
        self._ended: OrderedDict[str, str] = OrderedDict()

    # ---- what the station tells ----------------------------------------------------------------------------

    def taken(self, order: Order, view: str, picture: Picture) -> None:
        """This picture was taken for this order. It may turn out to be one that an operator has to see."""
        number = order.inspection_id
        if self._state().options.review_wait_ms and any(one.id == number for one in self._open()):
            self._pictures.setdefault(number, []).append(Pictured(self._station, number, view, picture))

    def tend(self) -> None:
        """After each step: let go of the pictures of parts that have their answer."""
        if self._pictures:
            still = {one.id for one in self._open()}
            for number in [number for number in self._pictures if number not in still]:
                del self._pictures[number]

    def offered(self, offer: act.OfferReview, about: Mapping[str, object]) -> None:
        """`about` is for the log, and kept for what the end has to say."""
        self._about[offer.inspection_id] = about
        wait_s = (offer.review_by - monotonic_us()) / 1e6
        text = "%s: an operator is asked about part %r as %s for %.1f s: %s"
        name = self._name(offer.inspection_id)
        log.info(text, self._station, about.get("part_id", ""), name, wait_s, offer.found.detail, extra=about)

    def ended(self, end: act.EndReview) -> None:
        """The log says who decided, also where the part's own line is about something else."""
        about = self._about.pop(end.inspection_id, {})
        name, how = self._name(end.inspection_id), _how(end.review)
        self._ended[name] = how
        if len(self._ended) > REMEMBERED:
            self._ended.popitem(last=False)
        took_s = (end.review.ended_at - end.review.offered_at) / 1e6
        log.info("%s: review %s ended after %.1f s: %s", self._station, name, took_s, how, extra=about)

    # ---- ports.ReviewDesk ----------------------------------------------------------------------------------

    @property
    def pending(self) -> Sequence[PendingReview]:
        return [self._pending(one) for one in self._open() if one.reviewing]

    def decide(self, review_id: str, verdict: Verdict, operator: str, over: str) -> PendingReview:
        found = next((one for one in self.pending if one.review_id == review_id), None)
        if found is None:
            raise self._refused(review_id)
        try:
            self._ask(lambda token: ReviewDecided(token, found.inspection_id, verdict, operator, over))
        except RefusedError as error:  # its time was over in this very moment
            raise self._refused(review_id) from error
        return found

    def _refused(self, review_id: str) -> RefusedError:
        how = self._ended.get(review_id)
        why = f"no operator is asked about {review_id!r}" if how is None else f"too late for {review_id}: {how}"
        return RefusedError(RejectReason.NO_REVIEW, why)

    # ---- what is in flight ---------------------------------------------------------------------------------

    def _open(self) -> Iterator[Inspection]:
        return (one for one in self._state().flight if one.open)

    def _name(self, inspection_id: int) -> str:
        return f"{self._station}:{self._state().boot_id}-{inspection_id}"

    def _pending(self, one: Inspection) -> PendingReview:
        assert one.found is not None
        return PendingReview(
            self._name(one.id), self._station, one.id, one.part_id, one.recipe, one.found, one.offered_at,
            one.review_by, (*self._pictures.get(one.id, ()), *self._drawn(one.id)),
        )  # fmt: skip

    def _drawn(self, inspection_id: int) -> Iterator[Pictured]:
        for view in self._views:
            if view.inspector.draws and (drawn := view.inspector.drawn(inspection_id)) is not None:
                picture = Picture(f"drawn {inspection_id}", drawn)
                yield Pictured(self._station, inspection_id, view.name, picture, drawn=True)


def _how(review: Review) -> str:
    match review.decision:
        case Verdict.NONE:
            return "nobody had decided when its time was over, or it was cancelled"
        case Verdict.NO_DECISION:
            return f"left undecided by {review.operator} over {review.over}"
        case verdict:
            return f"{verdict.name} by {review.operator} over {review.over}"

"""The views of a station: one, or several that look at the same part and are inspected together (H32)."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from gateway.core import events as ev
from gateway.core.errors import InspectorError, SourceError
from gateway.core.events import Event
from gateway.core.result import AT_THE_IMAGE, Judgement, Reason, no_decision
from gateway.core.views import combine
from gateway.ports import Fate, ImageSource, Inspector, Order, Picture
from gateway.station.simulation import OnDemand

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class View:
    """Where a view's pictures come from, and who judges them. `name` is "" where it is the only one.

    `source` None: it judges the picture of view `picture_of` (counted from 1). `simulation` is where its pictures come
    from in simulation mode.
    """

    name: str
    inspector: Inspector
    source: ImageSource | None = None
    picture_of: int = 0
    simulation: ImageSource | None = None


def on_demand(view: View) -> View:
    """The same view; where its pictures come from in simulation mode is brought up when the first one is asked for."""
    return view if view.simulation is None else replace(view, simulation=OnDemand(view.simulation))


@dataclass(frozen=True, slots=True)
class Judge:
    """A view's inspector. `view` counts from 1."""

    view: int
    name: str
    inspector: Inspector


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture of an inspection: where it comes from, and whose views it is judged in."""

    source: ImageSource
    judges: tuple[Judge, ...]


def shots(views: Sequence[View], *, simulated: bool) -> Iterator[Shot]:
    """The pictures that one trigger takes, in the order of the views."""
    for number, view in enumerate(views, start=1):
        source = view.simulation if simulated else view.source
        if view.source is None or source is None:
            continue
        sharing = [(at, one) for at, one in enumerate(views, start=1) if number in (at, one.picture_of)]
        yield Shot(source, tuple(Judge(at, one.name, one.inspector) for at, one in sharing))


class Exposures:
    """Counts the pictures of one inspection: when none is exposed any more, the part may move."""

    def __init__(self, inspection_id: int, post: Callable[[Event], None], pictures: Iterable[int]) -> None:
        self._inspection_id, self._post = inspection_id, post
        self._open = set(pictures)
        self._taken = False

    def over(self, view: int, *, taken: bool = True) -> None:
        """This one is over; `taken` False: no picture came of it. Where none came at all, nothing is told."""
        self._taken = self._taken or taken
        if view in self._open:
            self._open.remove(view)
            if not self._open and self._taken:
                self._post(ev.Exposed(self._inspection_id))


@dataclass(frozen=True, slots=True)
class ViewInspection:
    """One of several pictures of an inspection: taken, judged by its views at once, and settled.

    Whatever happens to it is the answer of its views and of no others. Cancelling `run` ends what it waits for.
    """

    order: Order
    shot: Shot
    exposures: Exposures
    post: Callable[[Event], None]
    tidy: Callable[[int, Coroutine[Any, Any, None]], None]
    """Is given what cleans up after a picture of this inspection, and sees to it."""
    taken: Callable[[Order, str, Picture], None]
    """Told of the picture, and of the view it is of."""

    async def run(self) -> None:
        picture, missing = await self._take()
        self.exposures.over(self.shot.judges[0].view, taken=picture is not None)
        if picture is not None:
            self.taken(self.order, self.shot.judges[0].name, picture)
            await self._judge(picture)
            return
        for judge in self.shot.judges:
            self._answer(judge, missing)

    async def _take(self) -> tuple[Picture | None, Judgement]:
        """The picture, or why there is none."""
        first = self.shot.judges[0]
        try:
            picture = await self.shot.source.acquire(self.order, lambda: self.exposures.over(first.view))
        except SourceError as error:
            log.warning("no image of view %s: %s", first.name, error, extra=self.order.about)
            return None, no_decision(error.reason, str(error))
        except Exception as error:  # a fault in one driver must not cost the other views their answers
            log.exception("the source of view %s crashed", first.name, extra=self.order.about)
            return None, _crashed(error)
        return picture, no_decision(Reason.CANCELLED)

    async def _judge(self, picture: Picture) -> None:
        outcomes = {judge.name: (Fate.UNUSED, no_decision(Reason.CANCELLED)) for judge in self.shot.judges}
        try:
            await asyncio.gather(*(self._ask(judge, picture, outcomes) for judge in self.shot.judges))
        finally:
            self.tidy(self.order.inspection_id, self.shot.source.settle(picture, *_together(outcomes)))

    async def _ask(self, judge: Judge, picture: Picture, outcomes: dict[str, tuple[Fate, Judgement]]) -> None:
        """Put the outcome down as soon as it is there: a judge that hangs must not spoil that of another."""
        fate = Fate.UNUSED
        try:
            judgement = await judge.inspector.inspect(picture, self.order)
            fate = Fate.JUDGED
        except InspectorError as error:
            log.warning("no judgement in view %s: %s", judge.name, error, extra=self.order.about)
            judgement = no_decision(error.reason, str(error))
        except Exception as error:  # as above
            log.exception("the inspector of view %s crashed", judge.name, extra=self.order.about)
            judgement = _crashed(error)
        outcomes[judge.name] = Fate.REFUSED if judgement.reason in AT_THE_IMAGE else fate, judgement
        self._answer(judge, judgement)

    def _answer(self, judge: Judge, judgement: Judgement) -> None:
        self.post(ev.ViewAnswered(self.order.inspection_id, judge.view, judgement))


def _crashed(error: Exception) -> Judgement:
    return no_decision(Reason.INTERNAL, f"{type(error).__name__}: {error}")


_GRAVER = (Fate.JUDGED, Fate.REFUSED, Fate.UNUSED)


def _together(outcomes: Mapping[str, tuple[Fate, Judgement]]) -> tuple[Fate, Judgement]:
    """What becomes of a picture that several views judged: it counts as judged if one of them did."""
    fate = min((fate for fate, _ in outcomes.values()), key=_GRAVER.index)
    judgements = [judgement for _, judgement in outcomes.values()]
    return fate, judgements[0] if len(judgements) == 1 else combine([*outcomes], judgements)

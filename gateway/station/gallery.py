"""Tells who keeps pictures of every picture of one station."""

import logging
from collections import deque
from collections.abc import Callable, Sequence

from gateway.core import actions as act
from gateway.core.actions import Action
from gateway.core.inspection import Inspection
from gateway.ports import Order, Picture, Pictured, PictureSink
from gateway.station.listeners import Listeners
from gateway.station.views import View

log = logging.getLogger(__name__)

HANDED = 64
"""Answers between the journal and the tags; more than can be in flight."""


class Gallery:
    """`flight` are the inspections that have not left the station: a picture that comes later is of no result.

    A sink that fails costs no trigger its answer.
    """

    def __init__(
        self,
        station: str,
        sink: PictureSink | None,
        views: Sequence[View],
        flight: Callable[[], Sequence[Inspection]],
    ) -> None:
        self._station, self._sink, self._views, self._flight = station, sink, views, flight
        self._handed: deque[int] = deque(maxlen=HANDED)
        self.listeners = Listeners[Pictured]()
        """Told first that a picture is in memory; they must only take note."""

    def taken(self, order: Order, view: str, picture: Picture) -> None:
        """This picture was taken for this order; its bytes are shared, never copied."""
        pictured = Pictured(self._station, order.inspection_id, view, picture)
        if self.listeners:
            self.listeners.tell_each(pictured, self._station)
        if self._sink is not None and any(one.id == order.inspection_id for one in self._flight()):
            self._see(self._sink, pictured)

    def hand_drawings(self, actions: Sequence[Action]) -> None:
        """Hand on what was drawn for answers that are to be kept or shown, once: before anybody hears of them."""
        for action in actions:
            if isinstance(action, act.Keep | act.Record):
                self._draw(action.result.inspection_id)

    def _draw(self, inspection_id: int) -> None:
        if self._sink is None or inspection_id in self._handed or not any(one.inspector.draws for one in self._views):
            return
        self._handed.append(inspection_id)
        for view in self._views:
            if view.inspector.draws and (drawn := view.inspector.drawn(inspection_id)) is not None:
                picture = Picture(f"drawn {inspection_id}", drawn)
                self._see(self._sink, Pictured(self._station, inspection_id, view.name, picture, drawn=True))

    def _see(self, sink: PictureSink, pictured: Pictured) -> None:
        try:
            sink.see(pictured)
        except Exception:
            about = {"station": self._station, "inspection": pictured.inspection_id}
            log.exception("%s: a picture could not be handed on", self._station, extra=about)

"""One inspection: get the image, have it judged, within one budget of time."""

import logging
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from gateway.core import events as ev
from gateway.core.errors import InspectorError, SourceError
from gateway.core.events import Event
from gateway.core.result import AT_THE_IMAGE, Judgement, Reason, no_decision
from gateway.ports import Fate, ImageSource, Inspector, Order, Picture

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Exposure:
    """Over when the source says so, else when the picture is there: told once, whichever comes first."""

    inspection_id: int
    post: Callable[[Event], None]
    told: bool = False

    def over(self) -> None:
        if not self.told:
            self.told = True
            self.post(ev.Exposed(self.inspection_id))


@dataclass(frozen=True, slots=True)
class Inspection:
    """Runs one order. Cancelling `run` ends whatever it waits for; the core has answered by then."""

    order: Order
    source: ImageSource
    inspector: Inspector
    post: Callable[[Event], None]
    tidy: Callable[[int, Coroutine[Any, Any, None]], None]
    """Is given what cleans up after a picture of this inspection, and sees to it."""
    taken: Callable[[Order, str, Picture], None]
    """Told of the picture, and of the view it is of."""

    async def run(self) -> None:
        exposure = _Exposure(self.order.inspection_id, self.post)
        try:
            picture = await self.source.acquire(self.order, exposure.over)
        except SourceError as error:
            log.warning("no image: %s", error, extra=self.order.about)
            self._answer(no_decision(error.reason, str(error)))
            return
        exposure.over()
        self.taken(self.order, "", picture)
        await self._judge(picture)

    async def _judge(self, picture: Picture) -> None:
        fate, judgement = Fate.UNUSED, no_decision(Reason.CANCELLED)
        try:
            judgement = await self.inspector.inspect(picture, self.order)
            fate = Fate.REFUSED if judgement.reason in AT_THE_IMAGE else Fate.JUDGED
            self._answer(judgement)
        except InspectorError as error:
            log.warning("no judgement: %s", error, extra=self.order.about)
            fate = Fate.REFUSED if error.reason in AT_THE_IMAGE else Fate.UNUSED
            judgement = no_decision(error.reason, str(error))
            self._answer(judgement)
        finally:
            self.tidy(self.order.inspection_id, self.source.settle(picture, fate, judgement))

    def _answer(self, judgement: Judgement) -> None:
        self.post(ev.Answered(self.order.inspection_id, judgement))

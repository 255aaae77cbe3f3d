"""A station's journal: answers are kept before they are shown, and what a restart has to know is noted."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.actions import Action
from gateway.core.events import Event
from gateway.core.image import TagImage
from gateway.core.resume import memory_of, worth_noting
from gateway.core.state import State
from gateway.ports import Journal, Recorded, StationPort, Wait

log = logging.getLogger(__name__)


class Journaling:
    """`journal` None: nothing is kept, and nothing may ask for it.

    `alone` hears of the inspection whose answer the journal begins to write, where no other answer waits for the disk,
    and how to wait for that.
    """

    def __init__(
        self, station: str, journal: Journal | None, post: Callable[[Event], None], alone: Callable[[int, Wait], None]
    ) -> None:
        self._station, self._journal, self._post, self._alone = station, journal, post, alone

    def begin(self, actions: Sequence[Action]) -> None:
        """Have what is to be kept written, first of all that a step asks for: nothing else takes as long."""
        asked = [one for one in actions if isinstance(one, act.Keep)]
        waits = [self._keep(one) for one in asked]  # all of them before anybody waits
        if len(waits) == 1 and (wait := waits[0]) is not None:
            self._alone(asked[0].result.inspection_id, wait)

    def _keep(self, asked: act.Keep) -> Wait | None:
        """Post `Kept` when the journal has the answer, or cannot have it. How to wait for that, where it is alone."""
        result = asked.result
        if self._journal is None:
            self._kept(result.inspection_id, False)
            return None
        recorded = Recorded(self._station, result, asked.counts)
        try:
            return self._journal.keep(recorded, partial(self._kept, result.inspection_id))
        except Exception:
            log.exception("%s: the journal crashed", self._station, extra={"inspection": result.inspection_id})
            self._kept(result.inspection_id, False)
            return None

    def late(self, late: act.LateAnswer, state: State, about: Mapping[str, object]) -> None:
        """An answer that nobody waits for any more: no sink gets it but the journal, as what it is (H36)."""
        kept = self._journal is not None and late.result is not None
        text = "%s: late answer %s " + ("journaled" if kept else "dropped")
        log.warning(text, self._station, late.judgement.verdict.name, extra=about)
        if self._journal is None or late.result is None:
            return
        try:
            self._journal.late(Recorded(self._station, late.result, state.counts, presented=False))
        except Exception:
            log.exception("%s: the journal crashed", self._station, extra=about)

    def note(self, before: State, after: State, actions: Sequence[Action]) -> None:
        """After each step, and before its image is out: what a restart has to know of it.

        Answers of a simulation are nobody's loss.
        """
        if self._journal is None or not worth_noting(before, after):
            return
        answers = [
            Recorded(self._station, one.result, after.counts, one.presented)
            for one in actions
            if isinstance(one, act.Record) and not one.result.origin.simulated
        ]
        try:
            self._journal.note(self._station, memory_of(after), answers)
        except Exception:
            log.exception("%s: the journal crashed", self._station)

    def _kept(self, inspection_id: int, ok: bool) -> None:
        self._post(ev.Kept(inspection_id, ok))


async def all_shown(station: StationPort) -> None:
    """Wait until no inspection is in flight: each has its answer, and the journal has it."""
    await _seen(station, lambda: not station.state.flight)


async def all_taken(station: StationPort) -> None:
    """Wait until the PLC has acknowledged every result."""
    await _seen(station, lambda: not station.state.valid and not station.state.waiting)


async def _seen(station: StationPort, wanted: Callable[[], bool]) -> None:
    over = asyncio.Event()

    def look(_: TagImage) -> None:
        if wanted():
            over.set()

    end = station.watch(look)
    try:
        look(station.image)
        await over.wait()
    finally:
        end()

"""What becomes of each picture of a drop in the end: queued for a thread of its own, never waited for."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from gateway.core.errors import SourceError
from gateway.core.result import Judgement, Reason, no_decision
from gateway.images.faults import ImageFault
from gateway.ports import Fate, Order, Picture
from gateway.sources.aftercare import Aftercare
from gateway.sources.drop_settings import FileDropSettings
from gateway.sources.look import Contents
from gateway.sources.reasons import reason_text
from gateway.sources.shelf import FileKey, Shelf
from gateway.sources.worker import Worker

log = logging.getLogger(__name__)

CHORE_LIMIT = 4096
"""Files that wait to be cleared away: minutes of a disk that does not keep up."""


@dataclass(frozen=True, slots=True)
class _Given:
    """A picture on its way, and the file it came from."""

    picture: Picture
    key: FileKey
    order: Order


class Disposal:
    """One drop's. `removed` is told, in the thread, of each file that was taken out."""

    def __init__(
        self, station: str, settings: FileDropSettings, shelf: Shelf, chores: Worker, removed: Callable[[str], None]
    ) -> None:
        self._station, self._settings, self._shelf, self._chores = station, settings, shelf, chores
        self._removed = removed
        self._out: dict[int, _Given] = {}
        self.aftercare = Aftercare(station, settings.folder, shared=False)

    @property
    def out(self) -> int:
        """Pictures that are handed out and not settled."""
        return len(self._out)

    def hand_out(self, order: Order, contents: Contents) -> Picture:
        """The picture of a whole file, to be settled later."""
        picture = Picture(contents.key.name, contents.data)
        self._out[id(picture)] = _Given(picture, contents.key, order)
        return picture

    def rejected(self, order: Order, key: FileKey, fault: ImageFault) -> SourceError:
        """Put a file aside that is no picture for PEKAT; the error to say so with."""
        self._put_aside(key, order, Fate.REFUSED, no_decision(fault.reason, fault.text))
        hint = f"the file is in {self._settings.aside(self._settings.rejected_folder)}"
        return SourceError(f"{key.name}: {fault}", reason=fault.reason, hint=hint)

    def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        """Judged: as `afterwards` says. Refused: to the rejected folder. Unused: to the unjudged one."""
        given = self._out.pop(id(picture), None)
        if given is None:
            log.warning("%s: %s has been settled already, or is not from here", self._station, picture.name)
        elif fate is Fate.JUDGED:
            self._judged(given.key, judgement)
        else:
            self._put_aside(given.key, given.order, fate, judgement)

    def unused(self, picture: Picture, why: str) -> None:
        """A picture that nobody has taken over."""
        given = self._out.pop(id(picture))
        self._put_aside(given.key, given.order, Fate.UNUSED, no_decision(Reason.CANCELLED, why))

    def leave(self, names: Sequence[str]) -> None:
        """Files that no trigger can have any more."""
        if names and self._settings.stale == "move":
            target = self._settings.aside(self._settings.stale_folder)
            age_s = self._settings.window_ms / 1000
            self._submit(partial(self.aftercare.move_stale, names, target, age_s), f"{len(names)} stale files")

    def close(self) -> None:
        """At the end: pictures that nobody settled are put aside."""
        for given in list(self._out.values()):
            self.unused(given.picture, "the gateway was stopped")

    def _judged(self, key: FileKey, judgement: Judgement) -> None:
        settings = self._settings
        if settings.afterwards == "delete":
            self._tidy(key, partial(self.aftercare.delete, key))
        elif settings.afterwards == "move":
            folder = settings.aside(settings.done_folder)
            target = folder / judgement.verdict.name.lower() if settings.by_verdict else folder
            self._tidy(key, partial(self.aftercare.move, key, target))

    def _put_aside(self, key: FileKey, order: Order, fate: Fate, judgement: Judgement) -> None:
        refused = fate is Fate.REFUSED
        target = self._settings.aside(self._settings.rejected_folder if refused else self._settings.unjudged_folder)
        text = reason_text(key.name, order, fate, judgement)
        line = "%s: %s goes to %s: %s"
        log.warning(line, self._station, key.name, target, judgement.detail, extra=order.about)
        self._tidy(key, partial(self.aftercare.move, key, target, text))

    def _tidy(self, key: FileKey, act: Callable[[], bool]) -> None:
        def work() -> None:
            if act():
                self._removed(key.name)
                self._chores.tell(partial(self._shelf.forget, key))

        self._submit(work, key.name)

    def _submit(self, work: Callable[[], None], what: str) -> None:
        if not self._chores.submit(work):
            self.aftercare.figures.failed += 1
            log.error("%s: %s left in place: %d files wait to be cleared away", self._station, what, CHORE_LIMIT)

"""Reads the pictures of a drop: at once, ahead of their trigger, or in a thread of its own."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Self

from gateway.core.errors import SourceError
from gateway.sources.cached_read import read_cached
from gateway.sources.drop_settings import FileDropSettings
from gateway.sources.look import Contents, read
from gateway.sources.shelf import Arrival
from gateway.sources.worker import Worker

READ_LIMIT = 256
"""Reads that wait: far more than inspections can be in flight."""

Outcome = Contents | SourceError | None
"""What was read; why it could not be; None where the file is gone, or is still being written."""
Then = Callable[[Outcome], None]


@dataclass(slots=True, eq=False)
class _Ahead:
    arrival: Arrival
    outcome: Outcome = None
    done: bool = False
    then: Then | None = None


class DropReader:
    """`async with` starts its thread. Outcomes are told on the event loop.

    A file is read on the event loop where it lies in the operating system's memory, see cached_read; else in the
    thread, because a disk that hesitates would hold up every station and its PLC. One that came before its trigger is
    read ahead: one picture of the station, for as long as it may be used.
    """

    def __init__(self, station: str, settings: FileDropSettings) -> None:
        self._settings, self._limits = settings, settings.limits
        self._worker = Worker(f"{station}-drop-read", READ_LIMIT)
        self._ahead: _Ahead | None = None
        self.shared = False

    async def __aenter__(self) -> Self:
        await self._worker.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._ahead = None
        await self._worker.__aexit__(*exc)

    def read(self, arrival: Arrival, then: Then) -> None:
        """Have `then` called with what the file holds: at once where it was read ahead, or is in memory."""
        known = self._ahead is not None and self._ahead.arrival is arrival
        contents = None if known else self._cached(arrival)
        if contents is not None:
            then(contents)
        else:
            self.read_in_thread(arrival, then)

    def read_in_thread(self, arrival: Arrival, then: Then) -> None:
        """The same where nobody is in a hurry: at once only where it was read ahead."""
        ahead = self._ahead
        if ahead is None or ahead.arrival is not arrival:
            self._submit(arrival, then)
            return
        self._ahead = None
        if ahead.done:
            then(ahead.outcome)
        else:
            ahead.then = then

    def read_ahead(self, arrival: Arrival) -> None:
        """This is what the next trigger is likely to get. It takes the place of an earlier one."""
        contents = self._cached(arrival)
        ahead = self._ahead = _Ahead(arrival, contents, done=contents is not None)
        if contents is None:
            self._submit(arrival, partial(self._on_ahead, ahead))

    def expire(self, before: int) -> None:
        """No trigger can have what came before this moment (us)."""
        if self._ahead is not None and self._ahead.arrival.at < before:
            self._ahead = None

    def _on_ahead(self, ahead: _Ahead, outcome: Outcome) -> None:
        if ahead.then is not None:
            ahead.then(outcome)
        ahead.outcome, ahead.done = outcome, True

    def _cached(self, arrival: Arrival) -> Contents | None:
        return None if self.shared else read_cached(self._settings.folder / arrival.name, self._limits)

    def _submit(self, arrival: Arrival, then: Then) -> None:
        if not self._worker.submit(partial(self._read, arrival, then)):
            then(SourceError(f"{self._settings.folder}: too many reads wait", hint="is the disk overloaded?"))

    def _read(self, arrival: Arrival, then: Then) -> None:
        """In the thread."""
        outcome: Outcome
        try:
            outcome = read(self._settings.folder / arrival.name, self._limits, shared=self.shared)
        except FileNotFoundError:
            outcome = None
        except OSError as error:
            outcome = SourceError(f"{arrival.name} cannot be read: {error.strerror}", hint="check the file's rights")
        self._worker.tell(partial(then, outcome))

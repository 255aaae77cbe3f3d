"""The pictures of one continuous run: each once, oldest first, the next one read ahead of its order."""

import asyncio
from functools import partial

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.sources.drop_reader import DropReader, Outcome
from gateway.sources.look import Contents
from gateway.sources.shelf import Arrival, Shelf

Picked = Contents | SourceError


class Collection:
    """A picture counts as arrived when it was read: what is gone by then, or was given before, was none.

    After `end` the picture that was told of last can still be taken: its order may be on its way.
    """

    def __init__(self, shelf: Shelf, reader: DropReader, since: int) -> None:
        self._shelf, self._reader, self.since = shelf, reader, since
        self.over = False
        self._reading = False
        self._next: tuple[Arrival, Picked] | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def arrival(self) -> None:
        """Wait for the next picture. One waits at a time. Raises SourceError when `fail` is called."""
        self.look()
        if self._next is None:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def take(self) -> Picked:
        """The picture that `arrival` told of, or why it cannot be read. Raises SourceError where there is none."""
        if self._next is None:
            raise SourceError("no picture of the continuous run is there", reason=Reason.NO_IMAGE)
        (arrival, picked), self._next = self._next, None
        self._shelf.done(arrival)
        if isinstance(picked, Contents):
            self._shelf.give(picked.key)
        self.look()
        return picked

    def look(self) -> None:
        """Something may have come: read the oldest, if none waits."""
        if self.over or self._reading or self._next is not None:
            return
        arrival = self._shelf.take(self.since, "oldest")
        if arrival is not None:
            self._reading = True
            self._reader.read_in_thread(arrival, partial(self._on_read, arrival))

    def fail(self, error: SourceError) -> None:
        """Nothing can come now."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)

    def end(self) -> None:
        """No further picture is looked for."""
        self.over = True

    def close(self) -> None:
        """What is left goes back to the shelf."""
        self.over = True
        if self._next is not None:
            self._put_back(self._next[0])
            self._next = None

    def _put_back(self, arrival: Arrival) -> None:
        self._shelf.done(arrival)
        self._shelf.put(arrival)

    def _on_read(self, arrival: Arrival, outcome: Outcome) -> None:
        self._reading = False
        if self.over:
            self._put_back(arrival)
        elif outcome is None or (isinstance(outcome, Contents) and self._shelf.was_given(outcome.key)):
            self._shelf.done(arrival)
            self.look()
        else:
            self._next = arrival, outcome
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(None)

"""Waits at a source for the pictures of a continuous run, one at a time, off every trigger's path."""

import asyncio
import logging
from collections.abc import Callable

from gateway.core import calls
from gateway.core import events as ev
from gateway.core.errors import SourceError
from gateway.core.events import Event
from gateway.ports import ImageSource

log = logging.getLogger(__name__)

RETRY_S = 1.0
"""A source that is ill is asked again so often. Its illness is told by its health check; here it costs no verdict."""


class PictureWatch:
    """One station's. At most one task that waits, and only while the handshake awaits a picture."""

    def __init__(self, station: str, post: Callable[[Event], None]) -> None:
        self._station, self._post = station, post
        self._source: ImageSource | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def tasks(self) -> tuple[asyncio.Task[None], ...]:
        """What has not ended yet."""
        return tuple(self._tasks)

    def await_picture(self, source: ImageSource, run_id: int, since: int) -> None:
        """Post `PictureCame` when the source has a picture for the run that began at `since` (monotonic us)."""
        if self._source is None:
            self._source = source
            source.collect(since)
        task = asyncio.create_task(self._wait(source, run_id), name=f"{self._station}-next-picture")
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def end(self) -> None:
        """The run is over."""
        if self._source is not None:
            self._source.collect(None)
            self._source = None
        for task in self._tasks:
            task.cancel()

    async def _wait(self, source: ImageSource, run_id: int) -> None:
        ill = False
        while True:
            try:
                await source.arrival()
            except SourceError as error:
                if not ill:
                    log.warning("%s: the continuous run waits for its source: %s", self._station, error)
                ill = True
                await asyncio.sleep(RETRY_S)
            else:
                break
        self._post(ev.PictureCame(run_id))

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A crash must not leave a run behind that waits for nothing."""
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s: waiting for pictures crashed; the run ends", self._station, exc_info=error)
            self._post(calls.StopAsked())

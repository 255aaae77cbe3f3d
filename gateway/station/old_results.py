"""Finds the old results that the PLC wants to read again (H37), off every trigger's path."""

import asyncio
import logging
from collections.abc import Callable

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.errors import SinkError
from gateway.core.events import Event
from gateway.ports import ResultQuery, ResultStore

log = logging.getLogger(__name__)


class OldResults:
    """One station's. `store` None: nothing is kept, and nothing can be found.

    One look-up at a time, so that a PLC which asks faster than the journal answers cannot fill its queue: of the
    questions that came meanwhile the newest is next. The handshake ends those that take too long.
    """

    def __init__(self, station: str, store: ResultStore | None, post: Callable[[Event], None]) -> None:
        self._station, self._store, self._post = station, store, post
        self._wanted: act.LookUp | None = None
        self._task: asyncio.Task[None] | None = None

    def look_up(self, asked: act.LookUp) -> None:
        """Post `LookedUp` when the store has told, or cannot."""
        if self._store is None:
            self._post(ev.LookedUp(asked.query_id, reached=False))
            return
        self._wanted = asked
        if self._task is None:
            self._task = asyncio.create_task(self._run(self._store), name=f"{self._station}-old-results")

    async def close(self) -> None:
        """Nobody reads an answer any more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self, store: ResultStore) -> None:
        try:
            while (asked := self._wanted) is not None:
                self._wanted = None
                self._post(await self._looked_up(store, asked))
        finally:
            self._task = None

    async def _looked_up(self, store: ResultStore, asked: act.LookUp) -> ev.LookedUp:
        query = ResultQuery(
            station=self._station,
            result_seq=asked.result_seq,
            presented=True,
            newest_first=True,
            limit=1,
            complete=True,
        )
        try:
            found = await store.read(query)
        except SinkError as error:
            log.warning("%s: result %d cannot be looked up: %s", self._station, asked.result_seq, error)
            return ev.LookedUp(asked.query_id, reached=False)
        except Exception:
            log.exception("%s: looking up result %d crashed", self._station, asked.result_seq)
            return ev.LookedUp(asked.query_id, reached=False)
        if not found:
            return ev.LookedUp(asked.query_id, reached=True)
        return ev.LookedUp(asked.query_id, True, found[0].result, found[0].answered_us // 1000)

"""Feeds systemd's watchdog while the gateway really works: from its event loop, and only while every station steps.

A loop that hangs says nothing by itself. A loop that turns while a station stands still is no better for the PLC.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Self

from gateway.service.notify import Notifier, watchdog_s

log = logging.getLogger(__name__)

SHORTEST_S = 0.4
"""A station steps four times a second, by its heartbeat; looking more often would find nothing new."""
STATUS_S = 5.0
"""How often the status line is renewed where there is no watchdog."""


class Watchdog:
    """While it is entered. `beats` gives each station's heartbeat, `status` the line for `systemctl status`."""

    def __init__(
        self,
        notifier: Notifier,
        beats: Callable[[], Mapping[str, int]],
        status: Callable[[], str],
        limit_s: float | None = None,
    ) -> None:
        self._notifier, self._beats, self._status = notifier, beats, status
        self._limit_s = watchdog_s() if limit_s is None else limit_s
        self._last: Mapping[str, int] = {}
        self._told = ""
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        if self._notifier.heard:
            self._told = self._status()
            self._notifier.ready(self._told)
            self._task = asyncio.create_task(self._run(), name="watchdog")
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        pause = max(self._limit_s / 2, SHORTEST_S) if self._limit_s else STATUS_S
        while True:
            await asyncio.sleep(pause)
            if self._limit_s:
                self._feed()
            if (status := self._status()) != self._told:
                self._told = status
                self._notifier.status(status)

    def _feed(self) -> None:
        now = dict(self._beats())
        still = [name for name, beat in now.items() if self._last.get(name) == beat]
        self._last = now
        if still:
            log.error("%s: no step since the last look: the watchdog is not fed", ", ".join(still))
        else:
            self._notifier.alive()

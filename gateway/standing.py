"""Tasks that should never end by themselves: where one does, that is told, and it is begun anew."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.backoff import BackOff

log = logging.getLogger(__name__)


async def standing(name: str, run: Callable[[], Awaitable[None]]) -> None:
    """Run this, and again after it crashed or ended, with growing pauses, until cancelled."""
    pauses = BackOff()
    while True:
        pauses.well()
        try:
            await run()
            log.error("%s has ended by itself, and is begun anew", name)
        except Exception:
            log.exception("%s has crashed, and is begun anew", name)
        await asyncio.sleep(pauses.failed())

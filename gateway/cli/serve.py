"""`pekat-gateway run`: serve a configuration until told to stop."""

import asyncio
import logging

from gateway.app import Gateway
from gateway.cli.runner import settle_memory
from gateway.config import Settings
from gateway.sinks.log import LogSink

log = logging.getLogger(__name__)


async def serve(settings: Settings, stop: asyncio.Event) -> int:
    """Run until `stop`; the exit code."""
    async with Gateway(settings, [LogSink()]) as gateway:
        settle_memory()
        log.info("ready: %d stations", len(gateway.stations))
        await stop.wait()
        log.info("stopping")
    return 0

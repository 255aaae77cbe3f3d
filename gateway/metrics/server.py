"""Serves the figures over HTTP, in threads of its own."""

import asyncio
import logging
from threading import Thread
from typing import Self
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

from gateway.backoff import BackOff
from gateway.core.errors import GatewayError
from gateway.metrics.families import Families, Watched
from gateway.metrics.settings import MetricsSettings
from gateway.standing import standing

log = logging.getLogger(__name__)

STOP_S = 2.0
LOOK_S = 1.0
"""How often it is looked whether the serving thread still runs."""
RETRY_S = 1.0


class MetricsServer:
    """Entered, it serves `watched` at `port`, with another thread where one has ended.

    Where the port cannot be had at the start, `settings.start` says what follows: entering raises GatewayError, or not.
    """

    def __init__(self, settings: MetricsSettings, watched: Watched) -> None:
        self._settings, self._watched = settings, watched
        self._server: WSGIServer | None = None
        self._thread: Thread | None = None
        self._caring: asyncio.Task[None] | None = None
        self._pauses = BackOff(RETRY_S)
        self._fault = ""

    @property
    def port(self) -> int:
        """Where it listens; 0 while it does not."""
        return self._server.server_port if self._server is not None else 0

    async def __aenter__(self) -> Self:
        serves = await self._open()
        if not serves and self._settings.start == "fail":
            raise GatewayError(self._fault, hint="set metrics.port, or metrics.start")
        if serves or self._settings.start == "retry":
            name = "metrics-care"
            self._caring = asyncio.create_task(standing(name, self._care), name=name)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._caring is not None:
            self._caring.cancel()
            await asyncio.wait({self._caring})
        await asyncio.to_thread(self._stop)

    async def _care(self) -> None:
        pause = LOOK_S if self._server is not None else self._pauses.failed()
        while True:
            await asyncio.sleep(pause)
            if self._thread is not None and self._thread.is_alive():
                self._pauses.well()
                pause = LOOK_S
                continue
            if self._server is not None:
                log.error("no metrics: the thread that serves them has ended; it is begun anew")
                await asyncio.to_thread(self._stop)
            await self._open()
            pause = max(LOOK_S, self._pauses.failed())

    async def _open(self) -> bool:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Families(self._watched))
        host, port = self._settings.host, self._settings.port
        try:
            self._server, self._thread = await asyncio.to_thread(start_http_server, port, host, registry)
        except OSError as error:
            fault = f"no metrics: {host}:{port} cannot be listened on: {error}"
            if fault != self._fault:
                log.error("%s (pekat-gateway doctor says more)", fault)
            self._fault = fault
            return False
        self._fault = ""
        log.info("metrics at http://%s:%d/metrics", host, self.port)
        return True

    def _stop(self) -> None:
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is None:
            return
        if thread is not None and thread.is_alive():
            server.shutdown()  # it would wait for a thread that is gone
            thread.join(STOP_S)
        server.server_close()

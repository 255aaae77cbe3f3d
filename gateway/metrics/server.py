"""Serves the figures over HTTP, in threads of its own. It never keeps a gateway from starting."""

import asyncio
import logging
from threading import Thread
from typing import Self
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, start_http_server

from gateway.metrics.families import Families, Watched
from gateway.metrics.settings import MetricsSettings

log = logging.getLogger(__name__)

STOP_S = 2.0


class MetricsServer:
    """Entered, it serves `watched` at `port`. Where it cannot, an error in the log says why, and it serves nothing."""

    def __init__(self, settings: MetricsSettings, watched: Watched) -> None:
        self._settings, self._watched = settings, watched
        self._server: WSGIServer | None = None
        self._thread: Thread | None = None

    @property
    def port(self) -> int:
        """Where it listens; 0 while it does not."""
        return self._server.server_port if self._server is not None else 0

    async def __aenter__(self) -> Self:
        registry = CollectorRegistry(auto_describe=False)
        registry.register(Families(self._watched))
        host, port = self._settings.host, self._settings.port
        try:
            self._server, self._thread = await asyncio.to_thread(start_http_server, port, host, registry)
        except OSError as error:
            log.error("no metrics: %s:%d cannot be listened on: %s (pekat-gateway doctor says more)", host, port, error)
            return self
        log.info("metrics at http://%s:%d/metrics", host, self.port)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._server is not None:
            await asyncio.to_thread(self._stop, self._server)

    def _stop(self, server: WSGIServer) -> None:
        server.shutdown()
        server.server_close()
        if self._thread is not None:
            self._thread.join(STOP_S)
        self._server = self._thread = None

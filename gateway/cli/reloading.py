"""A running gateway is asked to read its gateway.toml anew: by SIGHUP, or by `pekat-gateway reload`."""

import asyncio
import logging
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Self

from gateway.app import Gateway
from gateway.config import ConfigErrors
from gateway.config_changes import Changes
from gateway.control.place import JsonTable
from gateway.core.errors import ControlError, GatewayError
from gateway.reload import Reloader
from gateway.service.notify import Notifier

log = logging.getLogger(__name__)


class Reloading:
    """While it is entered, SIGHUP reloads; `command` is what the control channel calls. systemd is told of both."""

    def __init__(self, gateway: Gateway, config: Path, notifier: Notifier, status: Callable[[], str]) -> None:
        self._reloader = Reloader.of(gateway, config)
        self._notifier, self._status = notifier, status
        self._under_way: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        if sys.platform != "win32":
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._signalled)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if sys.platform != "win32":
            asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)  # one that comes while it stops ends nothing
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)

    def _signalled(self) -> None:
        task = asyncio.create_task(self._by_signal(), name="reload")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _by_signal(self) -> None:
        try:
            await self._reload()
        except GatewayError as error:
            hint = f" -> {error.hint}" if error.hint else ""
            log.error("not reloaded, nothing has changed: %s%s", error, hint)
        except Exception:
            log.exception("not reloaded")

    async def command(self, _: JsonTable) -> JsonTable:
        """What was taken over and what needs a restart. Raises ControlError where nothing was."""
        try:
            found = await self._reload()
        except ConfigErrors as errors:
            lines = [f"{error} -> {error.hint}" for error in errors.errors]
            raise ControlError("\n".join(["nothing has changed:", *lines])) from errors
        except GatewayError as error:
            raise ControlError(f"nothing has changed: {error}", hint=error.hint) from error
        return {"made": list(found.made), "left": list(found.left)}

    async def _reload(self) -> Changes:
        self._notifier.reloading()
        try:
            return await self._reloader.reload()
        finally:
            self._notifier.ready(self._status())

"""A simulator in a process of its own, so that it can be killed, as a real thing can; started again if so."""

import asyncio
import logging
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

log = logging.getLogger(__name__)

START_S = 60.0
"""Python and numpy come up in under a second on a PC; a small industrial box with a cold disk takes several."""
LOOK_S = 0.02
RESTART_S = 0.5
"""Leaves a gap in which the gateway must answer "no decision", as with a real project that restarts."""
STOP_S = 1.0
"""Ctrl-C has to end the demo within two seconds."""


class KeptProcess:
    """`pekat-gateway sim ...`; entered, it is up. Raises RuntimeError where it does not come up."""

    def __init__(self, what: str, arguments: Sequence[str], is_up: Callable[[], Awaitable[bool]]) -> None:
        """`what` is its name for people, `is_up` tells whether it can be used."""
        self._what = what
        self.restarts = 0
        self._arguments = ("-m", "gateway", "sim", *arguments, "--exit-with-parent")
        self._is_up = is_up
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        return self._process.pid if self._process is not None else 0

    async def __aenter__(self) -> Self:
        await self._start()
        self._keeper = asyncio.create_task(self._keep(), name=f"keeper of {self._what}")
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._end()

    async def _start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *self._arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.DEVNULL,
        )
        try:
            async with asyncio.timeout(START_S):
                while not await self._is_up():
                    if self._process.returncode is not None:
                        raise RuntimeError(f"{self._what} ended with exit code {self._process.returncode}")
                    await asyncio.sleep(LOOK_S)
        except TimeoutError as error:
            await self._end()
            raise RuntimeError(f"{self._what} does not come up within {START_S:g} s") from error

    async def _keep(self) -> None:
        while self._process is not None:
            code = await self._process.wait()
            self.restarts += 1
            log.warning("%s ended with exit code %s; starting it again", self._what, code)
            await asyncio.sleep(RESTART_S)
            await self._start()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

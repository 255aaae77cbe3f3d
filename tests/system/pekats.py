"""Several `pekat-gateway sim pekat` processes that can be killed, stopped, and started again at the same port."""

import asyncio
import json
import signal
import subprocess
import sys
import urllib.request
from typing import Self

from gateway.cli.ports import free_port

START_S = 60.0
"""Python and numpy come up in a second, unless a dozen others start as well."""


class PekatAt:
    """One PEKAT simulator in a process of its own. Entered, it listens."""

    def __init__(self, delay_ms: int) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._more = ("--delay-ms", str(delay_ms), "--exit-with-parent")
        self._process: subprocess.Popen[bytes] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.kill()

    async def start(self) -> None:
        """Start it; returns when it answers."""
        self._process = process = await asyncio.to_thread(self._spawn)
        try:
            async with asyncio.timeout(START_S):
                while await self.analysed() is None:
                    assert process.poll() is None, "the simulator does not come up"
                    await asyncio.sleep(0.1)
        except BaseException:
            await self.kill()
            raise

    def _spawn(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "gateway", "sim", "pekat", "--port", str(self.port), *self._more]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    async def kill(self) -> None:
        """kill -9, and wait for its end."""
        process, self._process = self._process, None
        if process is not None:
            assert process.stdin is not None
            process.kill()
            await asyncio.to_thread(process.wait)
            process.stdin.close()

    async def analysed(self) -> int | None:
        """How many images it has looked at since its start; None: it does not answer."""
        return await asyncio.to_thread(_analysed, self.url)


def _analysed(url: str) -> int | None:
    try:
        with urllib.request.urlopen(f"{url}/sim/state", timeout=1.0) as reply:
            return int(json.load(reply)["analysed"])
    except OSError:
        return None

"""The PEKAT simulator in a process of its own."""

import asyncio
import contextlib

from gateway.cli.kept_process import KeptProcess


class PekatProcess(KeptProcess):
    """Entered, the simulator listens on 127.0.0.1:`port`. Raises RuntimeError where it does not come up."""

    def __init__(self, port: int, delay_ms: int, judge: str = "look", jitter_ms: int = 0) -> None:
        """`judge` is how it comes to its verdicts, as in its settings."""
        self.port = port
        delays = ("--delay-ms", str(delay_ms), "--jitter-ms", str(jitter_ms))
        arguments = ("pekat", "--port", str(port), *delays, "--judge", judge)
        super().__init__("the PEKAT simulator", arguments, self._listens)

    async def _listens(self) -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", self.port)
        except OSError:
            return False
        writer.close()
        with contextlib.suppress(OSError):  # the answer was yes, whatever becomes of this connection
            await writer.wait_closed()
        return True

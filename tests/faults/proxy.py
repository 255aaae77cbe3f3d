"""A TCP proxy that does to a connection what cables, switches and hung programs do: a process of its own.

    python -m tests.faults.proxy NAME:LISTEN:TARGET ...

takes one command a line on standard input and answers each with `ok`: a route's name, a mode, and for `delay` the
milliseconds. It ends when standard input ends.
"""

import asyncio
import contextlib
import random
import sys
from dataclasses import dataclass, field

MODES = ("open", "cut", "freeze", "hold", "delay", "garbage", "truncate")
"""What a route does: passes everything on; ends all connections by a reset and takes none; passes nothing on; passes
requests on and keeps the answers; passes answers on later; answers with random bytes; breaks off within an answer."""

CHUNK = 65536
GARBAGE_BYTES = 400


@dataclass(eq=False)
class Route:
    """One address that stands in for another one."""

    listen: int
    target: int
    mode: str = "open"
    delay_s: float = 0.0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    writers: set[asyncio.StreamWriter] = field(default_factory=set)

    def switch(self, mode: str, delay_ms: int = 0) -> None:
        """From now on. Raises ValueError for a mode that there is not."""
        if mode not in MODES:
            raise ValueError(f"no mode {mode!r}; there are {', '.join(MODES)}")
        self.mode, self.delay_s = mode, delay_ms / 1000
        self.changed.set()
        self.changed = asyncio.Event()
        if mode == "cut":
            for writer in self.writers:
                writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, to its end."""
        if self.mode == "cut":
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:  # who stands in for a dead one is dead too
            writer.transport.abort()
            return
        ends = {writer, far_writer}
        self.writers |= ends
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(reader, far_writer))
                group.create_task(self._answers(far_reader, writer))
        except* OSError:
            pass  # a reset of one side is the end of the connection, which follows
        finally:
            self.writers -= ends
            for end in ends:
                end.transport.abort()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await self._while("freeze")
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(CHUNK):
            await asyncio.sleep(self.delay_s)
            await self._while("freeze", "hold")
            if self.mode in ("garbage", "truncate"):
                writer.write(random.randbytes(GARBAGE_BYTES) if self.mode == "garbage" else data[: 2 * len(data) // 3])
                break
            writer.write(data)
            await writer.drain()
        await self._while("freeze", "hold")
        writer.close()
        with contextlib.suppress(OSError):  # the other side may have been first
            await writer.wait_closed()
        raise ConnectionResetError("the answer has ended")

    async def _while(self, *modes: str) -> None:
        while self.mode in modes:
            await self.changed.wait()


def obey(routes: dict[str, Route], line: str) -> None:
    """One command. Raises KeyError or ValueError for what is none."""
    name, mode, *delay = line.split()
    routes[name].switch(mode, int(delay[0]) if delay else 0)


async def main(arguments: list[str]) -> None:
    routes = {}
    async with contextlib.AsyncExitStack() as stack:
        for name, listen, target in (one.split(":") for one in arguments):
            routes[name] = route = Route(int(listen), int(target))
            await stack.enter_async_context(await asyncio.start_server(route.serve, "127.0.0.1", route.listen))
        lines = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
        print("ok", flush=True)
        while line := (await lines.readline()).decode():
            obey(routes, line)
            print("ok", flush=True)
        for route in routes.values():
            route.switch("cut")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))

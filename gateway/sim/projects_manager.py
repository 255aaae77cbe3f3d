"""PEKAT's Projects Manager, simulated: its Simple TCP server, and simulated projects that it starts and stops."""

import asyncio
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from gateway.core.errors import LinkError
from gateway.sim.pekat import PekatSimulator, await_end_of_input, listening, stopped_by_signals
from gateway.sim.pekat_settings import PekatSimSettings

REQUEST_MAX = 4096
"""Bytes of a request."""
IDLE_S = 10.0
"""Who connects and says nothing is hung up on."""


@dataclass(frozen=True, slots=True)
class ManagerSimSettings:
    """`projects`: by path, what each is like. `separators` are those that it understands: `:`, `|`, or both.

    `start_s`: how long a project is `starting`. `running` are those that run from the start.
    """

    projects: dict[str, PekatSimSettings]
    host: str = "127.0.0.1"
    port: int = 7002
    separators: str = ":|"
    start_s: float = 0.5
    running: Sequence[str] = ()


class _Project:
    """One project. `state` is what the manager says of it."""

    def __init__(self, settings: PekatSimSettings, start_s: float) -> None:
        self._settings, self._start_s = settings, start_s
        self._simulator: PekatSimulator | None = None
        self._starting: asyncio.Task[None] | None = None
        self.state = "stopped"

    def start(self) -> str:
        """Begin to start; what the manager answers."""
        if self.state != "stopped":
            return self.state
        try:
            listening(self._settings.host, self._settings.port).close()
        except LinkError:
            return "error:port"
        self.state = "starting"
        self._starting = asyncio.create_task(self._start(), name="sim-project-start")
        return "done"

    async def _start(self) -> None:
        await asyncio.sleep(self._start_s)
        simulator = PekatSimulator(self._settings)
        try:
            await simulator.__aenter__()
        except LinkError:  # somebody took the port meanwhile
            self.state = "stopped"
            return
        self._simulator, self.state = simulator, "running"

    async def stop(self) -> str:
        if self._starting is not None:
            self._starting.cancel()
            await asyncio.wait({self._starting})
        simulator, self._simulator, self._starting = self._simulator, None, None
        if simulator is not None:
            self.state = "stopping"
            await simulator.__aexit__()
        self.state = "stopped"
        return "done"

    @property
    def analysed(self) -> int:
        return self._simulator.analysed if self._simulator is not None else 0

    def misbehave(self, mode: str | None) -> None:
        if self._simulator is not None:
            self._simulator.misbehave(mode)


class ManagerSimulator:
    """Entered, it listens at `port`. Raises LinkError where it cannot. Leaving it stops its projects."""

    def __init__(self, settings: ManagerSimSettings) -> None:
        self._settings = settings
        self._projects = {path: _Project(one, settings.start_s) for path, one in settings.projects.items()}
        self._server: asyncio.Server | None = None
        self.port = settings.port
        self.heard: list[str] = []
        """Every request, as it came."""

    async def __aenter__(self) -> Self:
        sock = listening(self._settings.host, self._settings.port)
        self.port = int(sock.getsockname()[1])
        self._server = await asyncio.start_server(self._serve, sock=sock)
        for path in self._settings.running:
            self._projects[path].start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        for project in self._projects.values():
            await project.stop()

    def url(self, path: str) -> str:
        """Where the project listens while it runs."""
        settings = self._settings.projects[path]
        return f"http://{settings.host}:{settings.port}"

    def state(self, path: str) -> str:
        """What it would say of this project."""
        return self._projects[path].state

    def analysed(self, path: str) -> int:
        """How many images the project has looked at since it runs."""
        return self._projects[path].analysed

    def misbehave(self, path: str, mode: str | None) -> None:
        """Have a running project misbehave, as in `PekatSimulator`."""
        self._projects[path].misbehave(mode)

    async def stop(self, path: str) -> None:
        """As an operator does in its window."""
        await self._projects[path].stop()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request a connection; it ends where the packet ends."""
        try:
            async with asyncio.timeout(IDLE_S):
                got = await reader.read(REQUEST_MAX)
            if got:
                writer.write((await self._answer(got.decode("utf-8", "replace").strip())).encode())
                await writer.drain()
        except (OSError, TimeoutError):
            return  # whoever asked is gone, or asked nothing
        finally:
            writer.close()

    async def _answer(self, text: str) -> str:
        self.heard.append(text)
        separator = next((one for one in text if one in ":|"), "")
        command, _, path = text.partition(separator) if separator else (text, "", "")
        if command not in ("start", "stop", "status", "switch") or separator not in self._settings.separators:
            return "Unknown command"
        project = self._projects.get(path)
        if project is None:
            return "not-found"
        match command:
            case "start":
                return project.start()
            case "stop":
                return await project.stop()
            case "switch":
                for other in self._projects.values():
                    if other is not project:
                        await other.stop()
                return project.start()
            case _:
                return project.state


def run_manager(settings: ManagerSimSettings, *, exit_with_parent: bool = False) -> None:
    """Serve until SIGINT or SIGTERM, in the calling main thread. Says on standard output that it listens.

    Raises LinkError where it cannot listen.
    """
    asyncio.run(_run(settings, exit_with_parent))


async def _run(settings: ManagerSimSettings, exit_with_parent: bool) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()

    def stop() -> None:
        loop.call_soon_threadsafe(over.set)

    if exit_with_parent:
        threading.Thread(target=await_end_of_input, args=(stop,), name="parent-watch", daemon=True).start()
    with stopped_by_signals(stop):
        async with ManagerSimulator(settings) as manager:
            sys.stdout.write(f"Projects Manager simulator on {settings.host}:{manager.port}\n")
            for path, project in settings.projects.items():
                sys.stdout.write(f"project {path} on http://{project.host}:{project.port}\n")
            sys.stdout.flush()
            await over.wait()

"""A PEKAT project to try the gateway with: it speaks the whole API, looks at the pixels, and misbehaves on request."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Self

import uvicorn

from gateway.core.errors import LinkError
from gateway.sim.pekat_app import PekatProject
from gateway.sim.pekat_settings import Mischief, Mode, PekatSimSettings

KEEP_ALIVE_S = 75
"""uvicorn's own 5 s would close a connection between two parts of a slow line, which PEKAT does not do."""
SHUTDOWN_S = 1
"""A safety net in whole seconds: requests that hang on purpose end by themselves when the simulator stops."""
ACCEPTING_TURNS = 4
"""Turns of the loop until a connection accepted just now is one that uvicorn knows of, and closes with the others."""
START_S = 10.0
"""The listening socket is there before the thread starts; only a starved machine takes longer than milliseconds."""
STOP_S = 3.0
"""For the thread to end: SHUTDOWN_S and some air."""


class _Server(uvicorn.Server):
    """uvicorn without its signal handling, and telling the project of its end first."""

    def __init__(self, settings: PekatSimSettings) -> None:
        self.project = PekatProject(settings, self.stop)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        super().__init__(
            uvicorn.Config(
                self.project.app(),
                loop="asyncio",
                http="httptools",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="critical",  # replies that break off on purpose are errors to uvicorn
                access_log=False,
                date_header=False,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=SHUTDOWN_S,
            )
        )

    def stop(self) -> None:
        """Begin to stop. Called from any thread, or by a signal."""
        self.should_exit = True
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._stopping.set)

    async def main_loop(self) -> None:
        """Wait for the end; uvicorn's own looks ten times a second."""
        self._loop = asyncio.get_running_loop()
        if not self.should_exit:
            await self._stopping.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to whoever runs the simulator: uvicorn raises them anew at its end."""
        yield

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wake the requests that hang on purpose, then shut down."""
        self.project.stopping.set()
        for _ in range(ACCEPTING_TURNS):
            await asyncio.sleep(0)
        await super().shutdown(sockets)
        self.project.close()


def listening(host: str, port: int) -> socket.socket:
    """A listening socket. Raises LinkError where the port is taken or the address is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if sys.platform != "win32":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except OSError as error:
        sock.close()
        text = f"the PEKAT simulator cannot listen on {host}:{port}: {error.strerror or error}"
        raise LinkError(text, hint="end what uses the port, or choose another one with --port") from error
    return sock


class PekatSimulator:
    """The simulator in a thread of its own: `with` or `async with`; entered, it listens at `url`.

    Raises LinkError on entering where it cannot listen.
    """

    def __init__(self, settings: PekatSimSettings | None = None) -> None:
        self._settings = settings or PekatSimSettings(port=0)
        self._server: _Server | None = None
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self.url = ""
        self.port = 0

    def __enter__(self) -> Self:
        self._socket = listening(self._settings.host, self._settings.port)
        self.port = int(self._socket.getsockname()[1])
        self.url = f"http://{self._settings.host}:{self.port}"
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), name="pekat-simulator", daemon=True)
        self._thread.start()
        if not started.wait(START_S):
            raise LinkError(f"the PEKAT simulator did not start within {START_S:.0f} s")
        return self

    def __exit__(self, *exc: object) -> None:
        if self._server is not None:
            self._server.stop()
        if self._thread is not None:
            self._thread.join(STOP_S)
        if self._socket is not None:
            self._socket.close()

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(self, *exc: object) -> None:
        await asyncio.to_thread(self.__exit__, *exc)

    @property
    def analysed(self) -> int:
        """How many images it has looked at."""
        return self._server.project.analysed if self._server is not None else 0

    def misbehave(self, mode: str | None, count: int | None = None, delay_ms: int = 1000) -> None:
        """Misbehave from the next request on; None: no more."""
        if self._server is not None:
            mischief = None if mode is None else Mischief(mode=Mode(mode), count=count, delay_ms=delay_ms)
            self._server.project.mischief = mischief

    def _run(self, started: threading.Event) -> None:
        self._server = _Server(self._settings)
        started.set()
        asyncio.run(self._server.serve(sockets=[self._socket] if self._socket is not None else None))


def run(settings: PekatSimSettings, *, exit_with_parent: bool = False) -> None:
    """Serve until SIGINT, SIGTERM or /stop, in the calling main thread. Says on standard output that it listens.

    `exit_with_parent`: also end when standard input ends, which a pipe from the parent process does at its death.
    Raises LinkError where it cannot listen.
    """
    sock = listening(settings.host, settings.port)
    server = _Server(settings)
    if exit_with_parent:
        threading.Thread(target=await_end_of_input, args=(server.stop,), name="parent-watch", daemon=True).start()
    with sock, stopped_by_signals(server.stop):
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        sys.stdout.write(f"PEKAT simulator on http://{host}:{sock.getsockname()[1]}\n")
        sys.stdout.flush()
        asyncio.run(server.serve(sockets=[sock]))


def await_end_of_input(stop: Callable[[], None]) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        continue
    stop()


@contextlib.contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    def handle(number: int, frame: FrameType | None) -> None:
        stop()

    wanted = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, handle) for number in wanted]
    try:
        yield
    finally:
        for number, handler in zip(wanted, before, strict=True):
            signal.signal(number, handler)

"""Runs a coroutine as a program: the fastest event loop there is, Ctrl-C and SIGTERM, errors as one clear line."""

import asyncio
import atexit
import contextlib
import gc
import importlib
import logging
import logging.handlers
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Coroutine
from typing import Literal

import typer
from rich.console import Console
from rich.logging import RichHandler
from rich.markup import escape

from gateway.cli.json_lines import JsonLines
from gateway.core.errors import GatewayError

EXIT_BAD_INPUT = 2
"""What is wrong stands in the user's hands: configuration, a taken port, an unknown file."""

errors = Console(stderr=True, soft_wrap=True)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop or winloop where installed: a Modbus answer then costs half of what stock asyncio takes."""
    name = "winloop" if sys.platform == "win32" else "uvloop"
    try:
        module = importlib.import_module(name)
    except ImportError:  # not built for this platform or interpreter: the stock loop does the same, slower
        return asyncio.new_event_loop
    factory: Callable[[], asyncio.AbstractEventLoop] = module.new_event_loop
    return factory


def settle_memory() -> None:
    """Call it when everything is up: what lives now lives on, so the garbage collector need not walk it again.

    A full collection over the OPC UA address space was measured at 170 to 330 ms, in the middle of any trigger.
    """
    gc.collect()
    gc.freeze()


LOG_LINES = 10_000
"""Lines that may wait to be written: a minute of a busy line on a terminal or a disk that hangs."""


LAST_WORDS_S = 0.5
"""Ctrl-C has to end the gateway within two seconds."""


class _Handover(logging.handlers.QueueHandler):
    """Hands log records to another thread. Where that hangs, the newest are lost, and never a trigger's time."""

    def enqueue(self, record: logging.LogRecord) -> None:
        with contextlib.suppress(queue.Full):
            self.queue.put_nowait(record)


def set_up_logs(level: str, form: Literal["text", "json"] = "text") -> None:
    """Written in a thread, off the trigger's path. Text is plain lines when piped, in colour in a terminal."""
    if form == "json":
        handler: logging.Handler = logging.StreamHandler()
        handler.setFormatter(JsonLines())
    else:
        handler = _text_handler()
    lines: queue.Queue[logging.LogRecord] = queue.Queue(LOG_LINES)
    writer = logging.handlers.QueueListener(lines, handler)
    writer.start()
    atexit.register(_await_written, lines)
    logging.basicConfig(level=level.upper(), format="%(message)s", handlers=[_Handover(lines)], force=True)
    logging.getLogger("urllib3").setLevel(logging.WARNING)  # its debug lines hold URLs, and those an API key


def _text_handler() -> logging.Handler:
    if sys.stderr.isatty():
        handler: logging.Handler = RichHandler(console=errors, show_path=False, rich_tracebacks=False)
        pattern = "%(message)s"
    else:
        handler = logging.StreamHandler()
        pattern = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    handler.setFormatter(logging.Formatter(pattern))
    return handler


def _await_written(lines: "queue.Queue[logging.LogRecord]") -> None:
    """At the end, what was logged last is still written; a terminal that hangs does not keep the program."""
    deadline = time.monotonic() + LAST_WORDS_S
    while lines.unfinished_tasks and time.monotonic() < deadline:
        time.sleep(0.005)


def fail(message: str, hint: str = "") -> typer.Exit:
    """Print one clear line, and what to do; the exit to raise."""
    errors.print(f"[bold red]error:[/] {escape(message)}", highlight=False)
    if hint:
        errors.print(f"  [dim]->[/] {escape(hint)}", highlight=False)
    return typer.Exit(EXIT_BAD_INPUT)


def secret(variable: str) -> str:
    """What an environment variable holds; empty where none is named. Exits where it is not set."""
    if variable and variable not in os.environ:
        raise fail(f"the environment variable {variable} is not set", f"set {variable}, or leave the option out")
    return os.environ[variable] if variable else ""


class Stop(asyncio.Event):
    """Set by the first Ctrl-C or SIGTERM; `at_once` by the second: do not finish anything any more."""

    def __init__(self) -> None:
        super().__init__()
        self.at_once = asyncio.Event()

    def signalled(self) -> None:
        (self.at_once if self.is_set() else self).set()


def run(main: Callable[[Stop], Coroutine[None, None, int]]) -> None:
    """Run `main(stop)`; `stop` is set by Ctrl-C or SIGTERM. Its number is the exit code."""

    async def guarded() -> int:
        stop = Stop()
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, stop.signalled)
        return await main(stop)

    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            code = runner.run(guarded())
    except GatewayError as error:
        raise fail(str(error), error.hint) from error
    except KeyboardInterrupt:  # Windows: the loop has no signal handlers there
        code = 0
    raise typer.Exit(code)

"""The gateway's end of the channel. It never keeps a gateway from starting, and a client that hangs costs a task."""

import asyncio
import json
import logging
import os
import secrets
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Self

from gateway.control.place import JsonTable, Place
from gateway.core.errors import ControlError, GatewayError
from gateway.worker import Worker

log = logging.getLogger(__name__)

LONGEST_QUESTION = 64 * 1024
"""Bytes. A question is a command and a few options."""
QUESTION_S = 5.0
"""A client that connected has to ask within this time."""
ANSWER_S = 30.0
"""The longest that a command may take; `pekat-gateway` waits a little longer."""
TAKE_S = 10.0
"""A client has to take its answer within this time."""
MOST_CLIENTS = 8

Command = Callable[[JsonTable], Awaitable[JsonTable]]
"""Answers a question, on the event loop: long work belongs into a thread. A GatewayError is told with its hint.

What it returns is written as JSON in a thread, and must not be changed afterwards.
"""


class ControlServer:
    """Serves `commands` at `place` while it is entered. Where it cannot, a warning says why and it serves nothing."""

    def __init__(self, place: Place, commands: Mapping[str, Command]) -> None:
        self._place, self._commands = place, dict(commands)
        self._token = ""
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.Task[None]] = set()
        self._writing = Worker("control")

    @property
    def serving(self) -> bool:
        return self._server is not None

    async def __aenter__(self) -> Self:
        try:
            self._place.make_folder()
            self._server = await (self._serve_socket() if self._place.takes_socket else self._serve_port())
        except (OSError, ControlError) as error:
            log.warning("pekat-gateway reload and the like cannot reach this gateway: %s", error)
            return self
        self._writing.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._server is None:
            return
        self._server.close()
        for client in self._clients:
            client.cancel()
        if self._clients:
            await asyncio.wait(self._clients)
        self._writing.dismiss()
        await self._writing.wait_ended()
        with suppress(FileNotFoundError):
            (self._place.note if self._token else self._place.socket).unlink()

    async def _serve_socket(self) -> asyncio.Server:
        path = self._place.socket
        if path.exists():
            if not stat.S_ISSOCK(path.stat().st_mode):
                raise ControlError(f"{path} is no socket", hint="move it away")
            await self._refuse_second()
            path.unlink()
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listening.bind(str(path))
            path.chmod(0o600)  # before it listens: nobody gets in between
            return await asyncio.start_unix_server(self._accept, sock=listening, limit=LONGEST_QUESTION)
        except OSError:
            listening.close()
            raise

    async def _refuse_second(self) -> None:
        """A socket that nobody listens at was left by a kill; else another gateway uses this folder."""
        try:
            async with asyncio.timeout(1):
                _, writer = await asyncio.open_unix_connection(self._place.socket)
        except (OSError, TimeoutError):
            return
        writer.close()
        raise ControlError(f"another gateway uses {self._place.folder}", hint="give each its own gateway.data")

    async def _serve_port(self) -> asyncio.Server:
        self._token = secrets.token_urlsafe(32)
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=LONGEST_QUESTION)
        note = {"port": server.sockets[0].getsockname()[1], "token": self._token}
        new = self._place.note.with_suffix(".new")
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(note, file)
        os.replace(new, self._place.note)
        return server

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        try:
            if len(self._clients) <= MOST_CLIENTS:
                await self._answer(reader, writer)
        except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError) as error:
            log.info("a client of the control channel was dropped: %s", error or "too slow")
        finally:
            self._clients.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(QUESTION_S):
            line = await reader.readline()
        if not line:  # somebody looked whether we live
            return
        answer = await self._ask(line)
        writer.write(await self._writing.submit(lambda: json.dumps(answer, default=str).encode() + b"\n"))
        async with asyncio.timeout(TAKE_S):
            await writer.drain()

    async def _ask(self, line: bytes) -> JsonTable:
        try:
            question = json.loads(line)
        except ValueError:
            return {"error": "the question is no JSON"}
        if not isinstance(question, dict) or not self._may_ask(question.pop("token", "")):
            return {"error": "the question is not for this gateway"}
        name = question.pop("command", "")
        command = self._commands.get(name) if isinstance(name, str) else None
        if command is None:
            return {"error": f"unknown command {str(name)[:40]!r}", "hint": "is the gateway older than the command?"}
        try:
            async with asyncio.timeout(ANSWER_S):
                return {"ok": await command(question)}
        except GatewayError as error:
            return {"error": str(error), "hint": error.hint}
        except TimeoutError:
            return {"error": f"{name} took longer than {ANSWER_S:.0f} s"}
        except Exception as error:
            log.exception("command %s failed", name)
            return {"error": f"{name} failed: {type(error).__name__}: {error}", "hint": "the gateway's log says more"}

    def _may_ask(self, token: object) -> bool:
        return isinstance(token, str) and secrets.compare_digest(token.encode(), self._token.encode())

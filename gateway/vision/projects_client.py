"""The client of PEKAT's Projects Manager. An answer that does not come, or is none, is a RecipeError that says whose.

One connection for each request, as the manager's own document has it.
"""

import asyncio
import ipaddress
import socket
from dataclasses import dataclass
from functools import partial

from gateway.core.errors import ErrorCode, RecipeError
from gateway.vision.projects_wire import SEPARATORS, STATES, Answer, Command, Word, answer, request
from gateway.worker import Worker

QUIET_S = 0.3
"""Where a text of unknown length (`error:...`) comes without a line's end, it is over after so long."""
READ_AT_ONCE = 4096

_REACH = "switch the Simple TCP server on in the settings of PEKAT's Projects Manager, and see to host, port and cable"
_SPEAK = "is that port the Projects Manager's Simple TCP server? 7000 is its web page, 8000 and on are projects"


@dataclass(frozen=True, slots=True)
class ManagerPlace:
    """Where a Projects Manager listens. `separator` "": the one that it understands, found out at its first answer."""

    host: str
    port: int
    separator: str = ""
    connect_timeout_s: float = 1.0
    reply_timeout_s: float = 5.0

    def __str__(self) -> str:
        return f"{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class NoAnswerError(RecipeError):
    """The request was sent, and the manager has not said a word in time."""


class ProjectsClient:
    """Asks one Projects Manager. Every method raises RecipeError: RECIPE_MANAGER or RECIPE_PROJECT."""

    def __init__(self, place: ManagerPlace) -> None:
        self.place = place
        self._separator = place.separator or SEPARATORS[0]

    async def status(self, project: str) -> Word:
        """One of STATES."""
        said = await self._ask(Command.STATUS, project)
        if said.word not in STATES:
            raise self._odd(Command.STATUS, project, said)
        return said.word

    async def order(self, command: Command, project: str) -> Answer:
        """Have a project started, stopped or switched to. The answer may come before it is done: see `status`.

        NoAnswerError: it was sent, and may be under way.
        """
        return await self._ask(command, project)

    async def _ask(self, command: Command, project: str) -> Answer:
        said = await self._exchange(command, project)
        if said.word is Word.UNKNOWN_COMMAND and not self.place.separator:
            other = SEPARATORS[1 - SEPARATORS.index(self._separator)]
            self._separator = other
            said = await self._exchange(command, project)
        match said.word:
            case Word.NOT_FOUND:
                raise self._refused(command, project, "knows no such project", "write its path as the manager shows it")
            case Word.UNKNOWN_COMMAND:
                raise self._odd(command, project, said)
            case Word.ERROR:
                taken = "another program, or another project, has the project's port" if "port" in said.text else ""
                cure = taken or "see the project in the Projects Manager"
                raise self._refused(command, project, f"answers {said.text!r}", cure)
        return said

    async def _exchange(self, command: Command, project: str) -> Answer:
        """One request on a connection of its own. The connection is closed whatever happens."""
        doing = f"{command.value} {project}"
        reader, writer = await self._connected(doing)
        got = bytearray()
        try:
            async with asyncio.timeout(self.place.reply_timeout_s):
                writer.write(request(command, project, self._separator))
                await writer.drain()
                return await self._answer(reader, got)
        except TimeoutError as error:
            raise self._silent(doing, bytes(got)) from error
        except OSError as error:
            raise self._failed(doing, f"broke off: {error.strerror or error}", _REACH) from error
        except ValueError as error:
            raise self._failed(doing, f"gives no sense: {error}", _SPEAK) from error
        finally:
            writer.close()

    async def _connected(self, doing: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            async with asyncio.timeout(self.place.connect_timeout_s):
                address = await _address(self.place.host, self.place.port)
                return await asyncio.open_connection(address, self.place.port)
        except TimeoutError as error:
            seconds = f"{self.place.connect_timeout_s:g} s"
            raise self._failed(doing, f"cannot be connected to within {seconds}", _REACH) from error
        except OSError as error:
            raise self._failed(doing, f"cannot be connected to: {error.strerror or error}", _REACH) from error

    async def _answer(self, reader: asyncio.StreamReader, got: bytearray) -> Answer:
        """Raises ValueError for what is no answer, TimeoutError or OSError where none comes."""
        while True:
            try:
                async with asyncio.timeout(QUIET_S if got else None):
                    chunk = await reader.read(READ_AT_ONCE)
            except TimeoutError:
                if (said := _whole(bytes(got))) is not None:
                    return said
                chunk = await reader.read(READ_AT_ONCE)
            got += chunk
            said = answer(bytes(got), ended=not chunk)
            if said is not None:
                return said

    def _silent(self, doing: str, got: bytes) -> RecipeError:
        seconds = f"{self.place.reply_timeout_s:g} s"
        if got:
            return self._failed(doing, f"said {got[:80]!r} and no more within {seconds}", _SPEAK)
        text = self._text(doing, f"did not answer within {seconds}")
        return NoAnswerError(text, ErrorCode.RECIPE_MANAGER, hint="restart the Projects Manager, or see its window")

    def _odd(self, command: Command, project: str, said: Answer) -> RecipeError:
        return self._failed(f"{command.value} {project}", f"does not understand that: {said.text!r}", _SPEAK)

    def _refused(self, command: Command, project: str, what: str, cure: str) -> RecipeError:
        return RecipeError(self._text(f"{command.value} {project}", what), ErrorCode.RECIPE_PROJECT, hint=cure)

    def _failed(self, doing: str, what: str, cure: str) -> RecipeError:
        return RecipeError(self._text(doing, what), ErrorCode.RECIPE_MANAGER, hint=cure)

    def _text(self, doing: str, what: str) -> str:
        return f"Projects Manager at {self.place} ({doing}) {what}"


def _whole(got: bytes) -> Answer | None:
    """The answer, where what has come so far is one if nothing follows."""
    try:
        return answer(got, ended=True)
    except ValueError:
        return None


async def _address(host: str, port: int) -> str:
    """The host as a number. A resolver that hangs does so in a daemon thread, which the gateway's end waits not for."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        worker = Worker("projects-resolve")
        worker.start()
        try:
            found = await worker.submit(partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM))
        finally:
            worker.dismiss()
        return str(found[0][4][0])

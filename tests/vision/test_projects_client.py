"""The Projects Manager's client against real sockets: every way in which an answer does not come has its words."""

import socket
from collections.abc import Callable

import pytest

from gateway.cli.ports import free_port
from gateway.core.errors import ErrorCode, RecipeError
from gateway.vision.projects_client import ManagerPlace, NoAnswerError, ProjectsClient
from gateway.vision.projects_wire import Command, Word
from tests.vision.servers import ScriptedServer

PROJECT = "C:\\projects\\cap"
Script = Callable[[ScriptedServer, socket.socket], None]


def saying(*answers: bytes, close: bool = True) -> Script:
    """Sends these one after the other, the nth connection the nth; the last one to all that follow."""

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        server.heads.append(connection.recv(4096))
        connection.sendall(answers[min(server.accepted, len(answers)) - 1])
        if close:
            connection.shutdown(socket.SHUT_RDWR)
        else:
            server.left.wait(5)

    return script


def hanging(server: ScriptedServer, connection: socket.socket) -> None:
    connection.recv(4096)
    server.left.wait(5)


def client(port: int, separator: str = "", reply_s: float = 0.6) -> ProjectsClient:
    return ProjectsClient(ManagerPlace("127.0.0.1", port, separator, 1.0, reply_s))


@pytest.mark.parametrize("close", [True, False])
async def test_a_state_is_read_whether_or_not_the_manager_hangs_up(close: bool) -> None:
    with ScriptedServer(saying(b"running", close=close)) as server:
        assert await client(server.port).status(PROJECT) is Word.RUNNING
        assert server.heads == [b"status:C:\\projects\\cap"]


async def test_the_separator_is_found_out_once() -> None:
    with ScriptedServer(saying(b"Unknown command", b"stopped")) as server:
        asking = client(server.port)
        assert await asking.status(PROJECT) is Word.STOPPED
        assert await asking.status(PROJECT) is Word.STOPPED
        assert [head[:7] for head in server.heads] == [b"status:", b"status|", b"status|"]


async def test_a_separator_that_is_given_is_kept_to() -> None:
    with ScriptedServer(saying(b"1.err:invalid-command")) as server:
        with pytest.raises(RecipeError, match="does not understand") as caught:
            await client(server.port, "|").status(PROJECT)
        assert server.heads == [b"status|C:\\projects\\cap"]
    assert caught.value.code is ErrorCode.RECIPE_MANAGER


async def test_an_error_without_an_end_is_read_where_nothing_follows() -> None:
    with (
        ScriptedServer(saying(b"error:port", close=False)) as server,
        pytest.raises(RecipeError, match="error:port") as caught,
    ):
        await client(server.port).order(Command.START, PROJECT)
    assert caught.value.code is ErrorCode.RECIPE_PROJECT
    assert "has the project's port" in caught.value.hint


FAULTS: list[tuple[Script, ErrorCode, str]] = [
    (saying(b"not-found"), ErrorCode.RECIPE_PROJECT, "knows no such project"),
    (saying(b"runn", close=True), ErrorCode.RECIPE_MANAGER, "gives no sense: 'runn'"),
    (saying(b"runn", close=False), ErrorCode.RECIPE_MANAGER, "said b'runn' and no more within 0.6 s"),
    (saying(b""), ErrorCode.RECIPE_MANAGER, "without a word"),
    (saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"), ErrorCode.RECIPE_MANAGER, "gives no sense"),
    (saying(b"\xff" * 5000), ErrorCode.RECIPE_MANAGER, "more than 4096 bytes"),
    (saying(b"done"), ErrorCode.RECIPE_MANAGER, "does not understand that: 'done'"),
    (hanging, ErrorCode.RECIPE_MANAGER, "did not answer within 0.6 s"),
]


@pytest.mark.parametrize(("script", "code", "words"), FAULTS)
async def test_each_fault_says_who_was_asked_and_what_came(script: Script, code: ErrorCode, words: str) -> None:
    with ScriptedServer(script) as server, pytest.raises(RecipeError) as caught:
        await client(server.port).status(PROJECT)
    text = str(caught.value)
    assert words in text
    assert f"127.0.0.1:{server.port} (status {PROJECT})" in text
    assert caught.value.code is code
    assert caught.value.hint


async def test_a_manager_that_is_off_is_told_at_once() -> None:
    with pytest.raises(RecipeError, match="cannot be connected to") as caught:
        await client(free_port()).status(PROJECT)
    assert caught.value.code is ErrorCode.RECIPE_MANAGER
    assert "switch the Simple TCP server on" in caught.value.hint


async def test_a_command_that_is_not_answered_is_told_from_one_that_is_refused() -> None:
    with ScriptedServer(hanging) as server, pytest.raises(NoAnswerError):
        await client(server.port).order(Command.SWITCH, PROJECT)


async def test_a_host_may_be_a_name() -> None:
    with ScriptedServer(saying(b"starting")) as server:
        asking = ProjectsClient(ManagerPlace("localhost", server.port))
        assert await asking.status(PROJECT) is Word.STARTING

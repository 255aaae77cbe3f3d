"""The channel to a running gateway: one question, one answer, for its own user only, and bounded in all ways."""

import asyncio
import json
import os
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.control import server as serving
from gateway.control.client import ask
from gateway.control.place import JsonTable, Place, place_of
from gateway.control.server import Command, ControlServer
from gateway.core.errors import ControlError

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets")


async def echo(question: JsonTable) -> JsonTable:
    return {"heard": question}


async def refuse(_: JsonTable) -> JsonTable:
    raise ControlError("not now", hint="later")


async def crash(_: JsonTable) -> JsonTable:
    raise ValueError("planted")


async def big(_: JsonTable) -> JsonTable:
    return {"rows": ["x" * 100] * 50_000}


COMMANDS: dict[str, Command] = {"echo": echo, "refuse": refuse, "crash": crash, "big": big}


@pytest.fixture(params=["socket", "port"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Both ways to serve it; a path too long for a socket takes the second one."""
    if request.param == "port":
        return Place(tmp_path / ("long" * 30))
    return nearby(tmp_path)


def nearby(folder: Path) -> Place:
    """A place whose path is short enough for a socket, wherever the tests' folders are."""
    place = Place(Path(os.path.relpath(folder)))
    return place if place.takes_socket else pytest.skip("there are no Unix sockets here, or none with such a path")


@asynccontextmanager
async def served(place: Place) -> AsyncIterator[ControlServer]:
    async with ControlServer(place, COMMANDS) as server:
        assert server.serving
        yield server


async def asked(place: Place, command: str, **options: object) -> JsonTable:
    return await asyncio.to_thread(ask, place, command, options)


async def test_a_question_has_its_answer(place: Place) -> None:
    async with served(place):
        assert await asked(place, "echo", number=7) == {"heard": {"number": 7}}


async def test_a_large_answer_comes_whole(place: Place) -> None:
    async with served(place):
        assert await asked(place, "big") == await big({})


async def test_what_is_wrong_is_told_with_what_to_do(place: Place) -> None:
    async with served(place):
        with pytest.raises(ControlError, match=r"^not now$") as refused:
            await asked(place, "refuse")
        assert refused.value.hint == "later"
        with pytest.raises(ControlError, match="crash failed: ValueError: planted"):
            await asked(place, "crash")
        with pytest.raises(ControlError, match="unknown command 'nothing'"):
            await asked(place, "nothing")
        assert await asked(place, "echo") == {"heard": {}}


async def test_without_a_gateway_it_says_so_at_once(place: Place) -> None:
    with pytest.raises(ControlError, match="no gateway answers") as nobody:
        await asked(place, "echo")
    assert "running" in nobody.value.hint


async def test_it_is_for_its_own_user_alone(place: Place) -> None:
    async with served(place):
        entry = place.socket if place.takes_socket else place.note
        assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert not entry.exists()


async def test_over_a_port_nobody_asks_without_the_secret(tmp_path: Path) -> None:
    place = Place(tmp_path / ("long" * 30))
    async with served(place):
        port = json.loads(place.note.read_text())["port"]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b'{"command": "echo", "token": "guess"}\n')
        assert "error" in json.loads(await reader.readline())
        writer.close()


@pytest.mark.parametrize(
    "question", [b"\xff\xfe{}\n", b"[]\n", b"{}\n", b'{"command": 7}\n', b'{"command": ["echo"]}\n']
)
async def test_nonsense_is_answered_with_an_error(tmp_path: Path, question: bytes) -> None:
    place = Place(tmp_path / ("long" * 30))
    async with served(place):
        note = json.loads(place.note.read_text())
        reader, writer = await asyncio.open_connection("127.0.0.1", note["port"])
        writer.write(question.replace(b"{", b'{"token": "%s", ' % note["token"].encode()).replace(b", }", b"}"))
        assert "error" in json.loads(await reader.readline())
        writer.close()


async def test_a_question_without_end_is_cut_off(tmp_path: Path) -> None:
    place = Place(tmp_path / ("long" * 30))
    async with served(place):
        reader, writer = await asyncio.open_connection("127.0.0.1", json.loads(place.note.read_text())["port"])
        writer.write(b"x" * (2 * serving.LONGEST_QUESTION + 1))
        assert await _rest(reader) == b""
        writer.close()


async def test_who_asks_nothing_is_cut_off_and_too_many_are_not_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "QUESTION_S", 0.3)
    place = Place(tmp_path / ("long" * 30))
    async with served(place):
        port = json.loads(place.note.read_text())["port"]
        silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(serving.MOST_CLIENTS)]
        with pytest.raises(ControlError):
            await asked(place, "echo")
        for reader, writer in silent:
            async with asyncio.timeout(5):
                assert await _rest(reader) == b""
            writer.close()
        assert await asked(place, "echo") == {"heard": {}}


async def _rest(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionResetError:  # what it had not read goes with the connection
        return b""


@posix
async def test_a_socket_that_a_kill_left_is_replaced(tmp_path: Path) -> None:
    place = nearby(tmp_path)
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(place.socket))
    left.close()
    async with served(place):
        assert await asked(place, "echo") == {"heard": {}}


@posix
async def test_a_second_gateway_leaves_the_first_ones_channel_alone(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = nearby(tmp_path)
    async with served(place):
        async with ControlServer(place, {}) as second:
            assert not second.serving
            assert "another gateway uses" in caplog.text
        assert await asked(place, "echo") == {"heard": {}}


@posix
async def test_a_folder_that_strangers_may_write_to_is_not_used(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    tmp_path.chmod(0o777)  # noqa: ASYNC240  # nothing else runs in this test
    async with ControlServer(Place(tmp_path), COMMANDS) as server:
        assert not server.serving
    assert "everybody may write" in caplog.text


@posix
def test_a_link_in_the_temporary_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    with pytest.raises(ControlError, match="another user"):
        Place(tmp_path / "link", temporary=True).make_folder()
    Place(tmp_path / "mine", temporary=True).make_folder()


def test_each_configuration_has_its_own_place(tmp_path: Path) -> None:
    assert place_of(tmp_path, Path("gateway.toml")) == Place(tmp_path)
    one, other = (place_of(None, tmp_path / name) for name in ("a.toml", "b.toml"))
    assert one != other
    assert one.temporary

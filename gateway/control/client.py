"""The command line's end of the channel: one question, one answer. Blocks."""

import json
import socket
from collections.abc import Mapping

from gateway.control.place import JsonTable, Place
from gateway.core.errors import ControlError

CONNECT_S = 3.0
ANSWER_S = 35.0
"""A little more than the gateway gives its own commands."""
LONGEST_ANSWER = 64 * 1024 * 1024
"""Bytes. The trace of 10,000 inspections takes a few million."""
_NOT_RUNNING = "is the gateway running, under this user, with this gateway.toml?"


def ask(place: Place, command: str, options: Mapping[str, object] | None = None) -> JsonTable:
    """What the gateway answers. Raises ControlError where none is there, or where it says what is wrong."""
    try:
        connection, token = _connect(place)
    except (OSError, ValueError, KeyError) as error:
        raise ControlError(f"no gateway answers at {place.folder}: {error}", hint=_NOT_RUNNING) from error
    question = {**(options or {}), "command": command, "token": token}
    with connection:
        try:
            connection.settimeout(ANSWER_S)
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile("rb") as stream:
                line = stream.readline(LONGEST_ANSWER)
        except OSError as error:
            raise ControlError(f"the gateway did not answer: {error}", hint="its log may say more") from error
    return _read(line)


def _connect(place: Place) -> tuple[socket.socket, str]:
    """The connection, and the secret that goes with it."""
    if place.takes_socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.settimeout(CONNECT_S)
            connection.connect(str(place.socket))
        except OSError:
            connection.close()
            raise
        return connection, ""
    note = json.loads(place.note.read_text(encoding="utf-8"))
    return socket.create_connection(("127.0.0.1", int(note["port"])), CONNECT_S), str(note["token"])


def _read(line: bytes) -> JsonTable:
    try:
        answer = json.loads(line)
    except ValueError as error:
        raise ControlError("the gateway broke its answer off", hint="its log may say more") from error
    ok = answer.get("ok") if isinstance(answer, dict) else None
    if isinstance(ok, dict):
        return ok
    told = answer if isinstance(answer, dict) else {}
    raise ControlError(str(told.get("error", "an answer that is none")), hint=str(told.get("hint", "")))

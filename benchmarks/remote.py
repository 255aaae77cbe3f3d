"""A process that does what another one tells it to, line by line over a socket; answers are JSON, a line each."""

import json
import socket
from collections.abc import Callable
from typing import Any, Self

WAIT_S = 30.0


class Remote:
    """The one who tells. Raises ConnectionError where the other is gone, TimeoutError where it does not answer."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lines = self._socket.makefile("r", encoding="ascii")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._lines.close()
        self._socket.close()

    def tell(self, command: str) -> None:
        """Without waiting; `answer` has to follow."""
        self._socket.sendall(f"{command}\n".encode("ascii"))

    def answer(self) -> Any:
        """What came of the command."""
        line = self._lines.readline()
        if not line:
            raise ConnectionError("a process that takes part in the benchmark is gone")
        return json.loads(line)


def obey(port: int, do: Callable[[str], Any]) -> None:
    """Do what comes in over `port`, until whoever tells hangs up. Connections without a word are looks at the port."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        listening.settimeout(WAIT_S)
        while True:
            connection, _ = listening.accept()
            with connection, connection.makefile("r", encoding="ascii") as lines:
                told = 0
                for line in lines:
                    connection.sendall(json.dumps(do(line.strip())).encode("ascii") + b"\n")
                    told += 1
            if told:
                return

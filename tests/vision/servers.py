"""HTTP servers that behave as real ones do and frameworks will not: bytes as scripted, over real sockets."""

import socket
import threading
from collections.abc import Callable
from typing import Self

OK_BODY = b'{"processing": true, "error": false, "result": true}'


def http(body: bytes = OK_BODY, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    """One HTTP answer."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def read_request(connection: socket.socket) -> bytes:
    """The head of the next request, its body read and dropped; b"" where the client has closed."""
    got = b""
    while b"\r\n\r\n" not in got:
        data = connection.recv(65536)
        if not data:
            return b""
        got += data
    head, _, body = got.partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    left = (int(lengths[0].split(b":")[1]) if lengths else 0) - len(body)
    while left > 0:
        left -= len(connection.recv(min(left, 1 << 20)))
    return head


class ScriptedServer:
    """Hands each accepted connection to `script`, in a thread of its own; closes everything on leaving.

    `heads` collects what `answering` servers were asked, `accepted` counts the connections.
    """

    def __init__(self, script: "Callable[[ScriptedServer, socket.socket], None]") -> None:
        self._script = script
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._acceptor = threading.Thread(target=self._accept, name="scripted-acceptor", daemon=True)
        self.port = int(self._listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.heads: list[bytes] = []
        self.accepted = 0
        self.left = threading.Event()

    def __enter__(self) -> Self:
        self._acceptor.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.left.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(2)
        self._listener.close()
        for connection in self._connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # the script or the client has closed it
        for thread in self._threads:
            thread.join(2)
        for connection in self._connections:
            connection.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            self._connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), name="scripted-server", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            self._script(self, connection)
        except OSError:
            return  # the client has gone, or the test is over

    def head(self) -> str:
        """The newest request's head."""
        return self.heads[-1].decode()


def answering(*answer: bytes, times: int = 1_000_000, nagle: bool = False) -> ScriptedServer:
    """Answers each request with the given writes, `times` times on a connection, then closes it."""

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, not nagle)
        for _ in range(times):
            head = read_request(connection)
            if not head:
                break
            server.heads.append(head)
            for part in answer:
                connection.sendall(part)
        connection.shutdown(socket.SHUT_RDWR)

    return ScriptedServer(script)


def silent() -> ScriptedServer:
    """Takes a request and never answers."""

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        head = read_request(connection)
        server.heads.append(head)
        server.left.wait(30)

    return ScriptedServer(script)


def resetting() -> ScriptedServer:
    """Takes a request and resets the connection, as a killed process's host does."""

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        read_request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.close()

    return ScriptedServer(script)

"""The bare HTTP call: what an inspection costs at the least. Read the file, POST it, read the answer."""

import http.client
import socket
from pathlib import Path
from typing import Self

PATH = "/analyze_image?response_type=context&data=part"
WAIT_S = 10.0


class StandardLibrary:
    """http.client with keep-alive: what the targets are measured against."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_S)
        self._connection.connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def analyze(self, file: Path) -> bytes:
        """The context, as JSON text."""
        self._connection.request("POST", PATH, file.read_bytes(), {"Content-Type": "application/octet-stream"})
        return self._connection.getresponse().read()


class RawSocket:
    """Two sends and one receive: the floor that no client can go below."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._socket.close()

    def analyze(self, file: Path) -> bytes:
        """The context, as JSON text. The stand-in answers in one write, so one receive has it all."""
        body = file.read_bytes()
        head = f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode(), getattr(socket, "MSG_MORE", 0))
        self._socket.sendall(body)
        return self._socket.recv(1 << 16).partition(b"\r\n\r\n")[2]

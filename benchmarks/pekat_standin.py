"""A PEKAT that answers at once: `python -m benchmarks.pekat_standin PORT [DELAY_MS]`, a process of its own.

It reads the whole request and answers one fixed context in one write, so that what is measured is never its own
work. A thread for each connection, blocking sockets: the least that Python can do.
"""

import json
import socket
import sys
import threading
import time

CONTEXT = json.dumps(
    {
        "result": False,
        "completeTime": 0.0,
        "score": 0.93,
        "detectedRectangles": [
            {
                "x": 120.0 * row,
                "y": 64.0,
                "width": 40.0,
                "height": 22.0,
                "confidence": 0.9 - row / 100,
                "classNames": [{"id": 4294967301 + row, "label": "Scratch"}],
            }
            for row in range(1, 4)
        ],
    }
).encode()
PIECE = 1 << 18


def http_reply(body: bytes, kind: str) -> bytes:
    """A reply with status 200."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind.encode(), len(body)) + body


ANSWER = http_reply(CONTEXT, "application/json")
PONG = http_reply(b"pong", "text/plain")
VERSION = http_reply(b"3.18.0", "text/plain")


def _serve(connection: socket.socket, delay: float) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = bytearray(PIECE)
    pending = b""
    with connection:
        while True:
            while b"\r\n\r\n" not in pending:
                piece = connection.recv(PIECE)
                if not piece:
                    return
                pending += piece
            head, _, pending = pending.partition(b"\r\n\r\n")
            missing = _length(head) - len(pending)
            while missing > 0:
                count = connection.recv_into(buffer, min(PIECE, missing))
                if not count:
                    return
                missing -= count
            pending = b""
            _answer(connection, head, delay)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _answer(connection: socket.socket, head: bytes, delay: float) -> None:
    if head.startswith(b"POST "):
        if delay:
            time.sleep(delay)
        connection.sendall(ANSWER)
    else:
        connection.sendall(VERSION if head.startswith(b"GET /version") else PONG)


def _talk(connection: socket.socket, delay: float) -> None:
    try:
        _serve(connection, delay)
    except ConnectionError as error:  # the client went away; that is its right
        print(f"connection lost: {error}", flush=True)


def main() -> None:
    """Serve until terminated."""
    port, delay = int(sys.argv[1]), float(sys.argv[2]) / 1000 if len(sys.argv) > 2 else 0.0
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_talk, args=(connection, delay), daemon=True).start()


if __name__ == "__main__":
    main()

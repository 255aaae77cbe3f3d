"""A PEKAT that answers at once: `python -m benchmarks.pekat_standin PORT [DELAY_MS [VERSION]]`, a process of its own.

It reads the whole request and answers one fixed context in one write, so that what is measured is never its own
work. A thread for each connection, blocking sockets: the least that Python can do. Of a frame in the body it keeps
nothing; a block of shared memory is attached, and its first and last byte are read. `GET /begun` says when the first
byte of the last POST was there: monotonic nanoseconds, which is one clock for all processes of a Linux machine.
"""

import json
import mmap
import os
import re
import socket
import sys
import threading
import time
from dataclasses import dataclass

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
SHARED = b"POST /analyze_image_shared_memory?"
_ARGUMENTS = re.compile(rb"[?&](name|width|height)=(\w+)")


def _attach(head: bytes) -> bytes:
    """The answer to a request for a frame in shared memory. A block of another size than the frame's is refused."""
    arguments = dict(_ARGUMENTS.findall(head.partition(b"\r\n")[0]))
    pixels = int(arguments[b"width"]) * int(arguments[b"height"])
    descriptor = os.open(f"/dev/shm/{arguments[b'name'].decode()}", os.O_RDWR)
    try:
        size = os.fstat(descriptor).st_size
        with mmap.mmap(descriptor, size) as block:
            right = size in (pixels, 3 * pixels) and block[0] + block[size - 1] >= 0
    finally:
        os.close(descriptor)
    return ANSWER if right else http_reply(b"the block's size is wrong", "text/plain").replace(b"200 OK", b"400 Bad", 1)


@dataclass(slots=True)
class Manner:
    """How it answers; and when the last POST began, on whichever connection (monotonic ns)."""

    delay: float
    version: bytes
    begun_ns: int = 0


def _serve(connection: socket.socket, manner: Manner) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    buffer = bytearray(PIECE)
    pending = b""
    with connection:
        while True:
            began = 0
            while b"\r\n\r\n" not in pending:
                piece = connection.recv(PIECE)
                began = began or time.monotonic_ns()
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
            if head.startswith(b"POST "):
                manner.begun_ns = began
            _answer(connection, head, manner)


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _answer(connection: socket.socket, head: bytes, manner: Manner) -> None:
    if head.startswith(b"POST "):
        if manner.delay:
            time.sleep(manner.delay)
        connection.sendall(_attach(head) if head.startswith(SHARED) else ANSWER)
    elif head.startswith(b"GET /begun"):
        connection.sendall(http_reply(str(manner.begun_ns).encode(), "text/plain"))
    else:
        connection.sendall(manner.version if head.startswith(b"GET /version") else PONG)


def _talk(connection: socket.socket, manner: Manner) -> None:
    try:
        _serve(connection, manner)
    except ConnectionError as error:  # the client went away; that is its right
        print(f"connection lost: {error}", flush=True)


def main() -> None:
    """Serve until terminated."""
    port, delay = int(sys.argv[1]), float(sys.argv[2]) / 1000 if len(sys.argv) > 2 else 0.0
    version = http_reply(sys.argv[3].encode(), "text/plain") if len(sys.argv) > 3 else VERSION
    manner = Manner(delay, version)
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_talk, args=(connection, manner), daemon=True).start()


if __name__ == "__main__":
    main()

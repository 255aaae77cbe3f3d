"""A PEKAT that looks whose frame it is: `python -m benchmarks.reading_standin PORT [DELAY_MS]`, a process of its own.

Its score is the number in the first bytes of the frame, times 0.001 and without the thousands: what comes back in a
trigger's `score_milli` shows that the pixels in PEKAT's hands were that trigger's own.
"""

import json
import os
import re
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.memory_source import NUMBER_BYTES
from benchmarks.pekat_standin import PIECE, PONG, VERSION, http_reply

SCORES = 1000
_NAME = re.compile(rb"POST /analyze_image_shared_memory\?\S*name=(\w+)")
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def score_of(number: int) -> int:
    """`score_milli` of the frame with this number."""
    return number % SCORES


def answer(number: int) -> bytes:
    """The reply for this frame."""
    body = json.dumps({"result": True, "score": score_of(number) / SCORES, "detectedRectangles": []}).encode()
    return http_reply(body, "application/json")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: its head, and the first bytes of its body."""

    head: bytes
    start: bytes

    @property
    def block(self) -> str:
        """The block of shared memory that the frame lies in; "" where it came with the request."""
        found = _NAME.match(self.head)
        return found[1].decode() if found is not None else ""

    @property
    def number(self) -> int:
        """The number in the frame, wherever that lies. Raises OSError for a block that is not there."""
        if not self.block:
            return int.from_bytes(self.start, "big")
        descriptor = os.open(f"/dev/shm/{self.block}", os.O_RDONLY)
        try:
            return int.from_bytes(os.pread(descriptor, NUMBER_BYTES, 0), "big")
        finally:
            os.close(descriptor)


def requests(connection: socket.socket) -> Iterator[Asked]:
    """One after the other, until the client goes."""
    buffer = bytearray(PIECE)
    while True:
        pending = b""
        while b"\r\n\r\n" not in pending:
            piece = connection.recv(PIECE)
            if not piece:
                return
            pending += piece
        head, _, body = pending.partition(b"\r\n\r\n")
        found = _LENGTH.search(head)
        missing = (int(found[1]) if found is not None else 0) - len(body)
        while missing > 0:
            count = connection.recv_into(buffer, min(PIECE, missing))
            if not count:
                return
            if len(body) < NUMBER_BYTES:
                body += buffer[:count]
            missing -= count
        yield Asked(head, body[:NUMBER_BYTES])


@dataclass(slots=True)
class Ways:
    """How many frames came which way. Told at GET /ways."""

    shared: int = 0
    sent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, asked: Asked) -> None:
        with self._lock:
            self.shared += bool(asked.block)
            self.sent += not asked.block

    def reply(self) -> bytes:
        return http_reply(json.dumps({"shared": self.shared, "sent": self.sent}).encode(), "application/json")


def _talk(connection: socket.socket, delay: float, ways: Ways) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with connection:
        try:
            for asked in requests(connection):
                if asked.head.startswith(b"GET "):
                    connection.sendall(_small_talk(asked.head, ways))
                    continue
                ways.count(asked)
                if delay:
                    time.sleep(delay)
                connection.sendall(answer(asked.number))
        except OSError as error:  # the client went away, or its block: that is its right
            print(f"connection lost: {error}", flush=True)


def _small_talk(head: bytes, ways: Ways) -> bytes:
    if head.startswith(b"GET /ways"):
        return ways.reply()
    return VERSION if head.startswith(b"GET /version") else PONG


def main() -> None:
    """Serve until terminated."""
    port, delay = int(sys.argv[1]), float(sys.argv[2]) / 1000 if len(sys.argv) > 2 else 0.0
    ways = Ways()
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=_talk, args=(connection, delay, ways), daemon=True).start()


if __name__ == "__main__":
    main()

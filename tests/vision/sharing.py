"""A PEKAT by the wire that looks into shared memory: its verdict is the frame's first byte, so that a frame that got
into another one's place shows.
"""

import mmap
import re
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import numpy as np

from gateway.core.result import Judgement
from gateway.ports import Picture, RawFormat
from gateway.vision.inspector import PekatInspector
from gateway.vision.settings import PekatSettings, RecipeSettings
from gateway.vision.way import WaySetting
from tests.vision.judging import order
from tests.vision.servers import ScriptedServer, http

SHM = Path("/dev/shm")
SHARED, RAW, FILE = "/analyze_image_shared_memory", "/analyze_raw_image", "/analyze_image"
WIDTH, HEIGHT = 320, 256


@dataclass(frozen=True, slots=True)
class Asked:
    """One analyze request, and the first bytes of the frame that it was about."""

    path: str
    query: dict[str, list[str]]
    body: bytes
    seen: bytes = b""

    @property
    def name(self) -> str:
        return self.query["name"][0]


@dataclass(slots=True)
class Pekat:
    """What it answers, and what it was asked. `shared` answers a request for shared memory; None: it attaches. `down`:
    it hangs up on pixels that come over HTTP.
    """

    version: str = "4.0.3"
    shared: Callable[[Asked], bytes | None] = lambda _: None
    down: bool = False
    asked: list[Asked] = field(default_factory=list)
    versions: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def answer(self, path: str, query: dict[str, list[str]], body: bytes) -> bytes:
        if path == "/version":
            self.versions += 1
            return http(self.version.encode()) if self.version else http(b"Not Found", "404 Not Found")
        if path == "/ping":
            return http(b"pong")
        asked = Asked(path, query, body)
        if path == SHARED and (said := self.shared(asked)) is not None:
            self.asked.append(asked)
            return said
        if path == RAW and self.down:
            return b""
        seen = attached(asked.name) if path == SHARED else body
        with self.lock:
            self.asked.append(Asked(path, query, body, seen[:16]))
        return verdict(seen)


def verdict(seen: bytes) -> bytes:
    return http(b'{"result": true}' if seen[0] else b'{"result": false}')


def attached(name: str) -> bytes:
    return (SHM / name).read_bytes()


def mapped(name: str) -> mmap.mmap:
    """As a reader has it that attached the block."""
    with (SHM / name).open("r+b") as file:
        return mmap.mmap(file.fileno(), 0)


def not_found(asked: Asked) -> bytes:
    """What a Python server says whose memory is another one's."""
    text = f"FileNotFoundError: [Errno 2] No such file or directory: '/{asked.name}'"
    return http(text.encode(), "500 Internal Server Error")


def serving(pekat: Pekat) -> ScriptedServer:
    def script(server: ScriptedServer, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            head, body = request(connection)
            if not head:
                return
            server.heads.append(head)
            parts = urlsplit(head.split()[1].decode())
            answer = pekat.answer(parts.path, parse_qs(parts.query, keep_blank_values=True), body)
            if not answer:
                connection.shutdown(socket.SHUT_RDWR)
                return
            connection.sendall(answer)

    return ScriptedServer(script)


def request(connection: socket.socket) -> tuple[bytes, bytes]:
    """Head and body of the next request; empty where the client has closed."""
    got = b""
    while b"\r\n\r\n" not in got:
        data = connection.recv(1 << 16)
        if not data:
            return b"", b""
        got += data
    head, _, body = got.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    while len(body) < (int(length[1]) if length else 0):
        body += connection.recv(1 << 20)
    return head, body


def frame(good: bool = True, channels: int = 1, *, width: int = WIDTH, height: int = HEIGHT) -> Picture:
    """A frame whose first byte says what it is; the rest tells it from others."""
    pixels = np.random.default_rng().integers(0, 256, width * height * channels, np.uint8)
    pixels[0] = good
    return Picture("frame", pixels.data, RawFormat(width, height, channels))


def inspector(url: str, way: WaySetting = "auto") -> PekatInspector:
    return PekatSettings(way=way).create("station1", [RecipeSettings(number=1, name="part", url=url)], [])


def judge(part: PekatInspector, picture: Picture | None = None, seconds: float = 5.0) -> Awaitable[Judgement]:
    return part.inspect(picture or frame(), order(seconds))

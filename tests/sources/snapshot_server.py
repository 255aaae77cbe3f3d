"""A camera that is asked over HTTP: a real server on loopback, which misbehaves on demand and checks its log-ins."""

import base64
import gzip
import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.sources.pictures import png

USER, PASSWORD, REALM, NONCE = "viewer", "Grüße 1", "camera", "9f0c2d"


@dataclass
class Snapshots:
    """What the camera does with its next question. It takes a new picture each time, unless `frozen`."""

    mode: str = "picture"
    auth: str = "none"
    frozen: bool = False
    count: int = 0
    size: int = 0
    given: bytes = b""
    """What it answers in the mode `given`, with `encoding` as its Content-Encoding."""
    encoding: str = "identity"
    asked: list[str] = field(default_factory=list)
    release: threading.Event = field(default_factory=threading.Event)
    """Set: whoever hangs goes on."""

    def picture(self) -> bytes:
        if not self.frozen:
            self.count += 1
        return png(self.count, self.size)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    camera: Snapshots

    def do_GET(self) -> None:
        self.camera.asked.append(self.path)
        if not self._let_in():
            self._reply(401, b"log in", {"WWW-Authenticate": self._challenge()})
            return
        match self.camera.mode:
            case "picture":
                self._reply(200, self.camera.picture())
            case "given":
                self._reply(200, self.camera.given, {"Content-Encoding": self.camera.encoding})
            case "packed":
                self._reply(200, gzip.compress(self.camera.picture()), {"Content-Encoding": "gzip"})
            case "announced":
                self._head(2_000_000_000)
                self.close_connection = True
            case "html":
                self._reply(200, b"<html>camera is starting</html>")
            case "empty":
                self._reply(200, b"")
            case "truncated":
                self._reply(200, self.camera.picture()[:-4])
            case "error":
                self._reply(503, b"busy")
            case "elsewhere":
                self._reply(302, b"", {"Location": "/other"})
            case "silent":
                self.camera.release.wait(10)
            case "broken":
                self._head(1000)
                self.wfile.write(self.camera.picture()[:20])
                self.close_connection = True
            case "endless":
                self._drip()

    def _drip(self) -> None:
        self._head(60_000_000)  # within what a picture may have
        try:
            while not self.camera.release.wait(0.02):
                self.wfile.write(b"x")
                self.wfile.flush()
        except OSError:
            self.close_connection = True

    def _head(self, length: int, status: int = 200, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self._head(len(body), status, headers)
        try:
            self.wfile.write(body)
        except OSError:  # the client looked at the head only
            self.close_connection = True

    def _challenge(self) -> str:
        if self.camera.auth == "basic":
            return f'Basic realm="{REALM}"'
        return f'Digest realm="{REALM}", nonce="{NONCE}", qop="auth", algorithm=SHA-256'

    def _let_in(self) -> bool:
        given = self.headers.get("Authorization", "")
        if self.camera.auth == "none":
            return True
        if self.camera.auth == "basic":
            return given == "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode("latin-1")).decode()
        said = dict(re.findall(r'(\w+)="?([^",]+)"?', given))
        return bool(said) and said.get("response") == _digest(said, "GET")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Nothing: what was asked is in `asked`."""


def _digest(said: dict[str, str], method: str) -> str:
    """RFC 7616, 3.4.1, with qop=auth and SHA-256."""

    def mark(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()

    who = mark(f"{USER}:{REALM}:{PASSWORD}")
    what = mark(f"{method}:{said['uri']}")
    return mark(f"{who}:{NONCE}:{said['nc']}:{said['cnonce']}:{said['qop']}:{what}")


@contextmanager
def snapshot_server() -> Iterator[tuple[str, Snapshots]]:
    """The camera's address and the camera."""
    camera = Snapshots()
    handler = type("Handler", (_Handler,), {"camera": camera})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="camera")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", camera
    finally:
        camera.release.set()
        server.shutdown()
        server.server_close()
        thread.join()

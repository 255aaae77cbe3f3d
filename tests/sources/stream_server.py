"""A camera for tests: serves frames that show the clock, 25 a second, written by PyAV to whoever connects."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import av
import numpy as np

from tests.sources.clock_marks import HEIGHT, WIDTH, luma, now_ms

PERIOD_MS = 40
HTTP_HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=ffmpeg\r\n\r\n"
FORMATS = {"mpegts": ("mpegts", "libx264", "yuv420p"), "mpjpeg": ("mpjpeg", "mjpeg", "yuvj420p")}


class Camera:
    """`dam`: frames go on being made, but wait until it is broken. `stored`: old frames that a connection begins with.

    `hold`: connections are taken and nothing is said. `drop` ends the connections that are open.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.stored = 0
        self.size = (WIDTH, HEIGHT)
        self.dam = threading.Event()
        self.hold = threading.Event()
        self.ended = threading.Event()
        self.connections = 0
        self._drops = 0

    def drop(self) -> None:
        self._drops += 1

    def serve(self, peer: socket.socket) -> None:
        self.connections += 1
        drops = self._drops
        with peer:
            peer.settimeout(2.0)
            try:
                if self.kind == "mpjpeg":
                    peer.recv(4096)
                    peer.sendall(HTTP_HEAD)
                self._send_frames(_Pipe(self, peer), drops)
            except OSError:
                return  # the reader went away

    def _send_frames(self, pipe: "_Pipe", drops: int) -> None:
        form, codec, pixels = FORMATS[self.kind]
        with av.open(pipe, "w", format=form, options={"flush_packets": "1"}) as output:
            video = output.add_stream(codec, rate=25)
            assert isinstance(video, av.VideoStream)
            video.width, video.height = self.size
            video.pix_fmt, video.time_base = pixels, Fraction(1, 1000)
            video.codec_context.time_base = Fraction(1, 1000)
            if codec == "libx264":
                video.options = {"preset": "ultrafast", "tune": "zerolatency", "g": "10"}
            began = at = now_ms()
            pipe.corked = True  # what is stored is sent at once, not as fast as it can be encoded
            for number in range(self.stored):
                output.mux(video.encode(self._frame(began - (self.stored - number) * PERIOD_MS, pixels, began)))
            pipe.corked = False
            while drops == self._drops and not pipe.gone and not self.ended.wait(max(at - now_ms(), 0) / 1000):
                if not self.hold.is_set():
                    output.mux(video.encode(self._frame(now_ms(), pixels, began)))
                    pipe.flush()
                at = max(at + PERIOD_MS, now_ms() + 2)  # no two frames with one time stamp

    def _frame(self, drawn_at: int, pixels: str, began: int) -> av.VideoFrame:
        gray = np.frombuffer(luma(drawn_at), np.uint8).reshape(HEIGHT, WIDTH)
        if self.size != (WIDTH, HEIGHT):
            gray = np.zeros(self.size[::-1], np.uint8)
        frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format=pixels)
        frame.pts, frame.time_base = drawn_at - began + 60_000, Fraction(1, 1000)
        return frame


class _Pipe:
    """A file for PyAV: what is written goes to the peer, or waits behind the dam."""

    def __init__(self, camera: Camera, peer: socket.socket) -> None:
        self._camera, self._peer, self._waiting = camera, peer, bytearray()
        self.gone = self.corked = False

    def write(self, data: bytes) -> int:
        self._waiting += data
        self.flush()
        return len(data)

    def flush(self) -> None:
        if not self.corked and not self._camera.dam.is_set() and self._waiting:
            data, self._waiting = self._waiting, bytearray()
            try:
                self._peer.sendall(data)
            except OSError:  # PyAV is to close its file in peace
                self.gone = True


@contextmanager
def camera(kind: str, port: int = 0) -> Iterator[tuple[str, Camera]]:
    """A running camera and the URL of its stream."""
    made, threads = Camera(kind), []
    with socket.create_server(("127.0.0.1", port)) as listener:
        listener.settimeout(0.05)

        def accept() -> None:
            while not made.ended.is_set():
                try:
                    peer, _ = listener.accept()
                except TimeoutError:
                    continue
                threads.append(threading.Thread(target=made.serve, args=(peer,), name="test-camera", daemon=True))
                threads[-1].start()

        door = threading.Thread(target=accept, name="test-camera-door", daemon=True)
        door.start()
        try:
            scheme = "http" if kind == "mpjpeg" else "tcp"
            yield f"{scheme}://127.0.0.1:{listener.getsockname()[1]}/live?key=secret", made
        finally:
            made.ended.set()
            for thread in (door, *threads):
                thread.join(5)

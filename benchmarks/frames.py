"""A camera's frame in memory, to PEKAT's answer: both ways, beside the vendor's client and a bare socket."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from multiprocessing.shared_memory import SharedMemory

import numpy as np
from PekatVisionSDK import Instance

from benchmarks.figures import Figure, Report, Spread
from benchmarks.options import Options
from benchmarks.progress import Progress
from benchmarks.served import pekat_standin
from benchmarks.sides import interleaved, milliseconds
from gateway.cli.runner import loop_factory
from gateway.core.result import Verdict
from gateway.ports import Order, Picture, RawFormat
from gateway.vision.settings import PekatSettings, RecipeSettings
from gateway.vision.way import WaySetting

TITLE = "Camera frame to PEKAT's answer"
ROUNDS, QUICK_ROUNDS = 300, 30
WAIT_S = 10.0
OLD = "3.17.0"
"""A version without shared memory: the vendor's client sends arrays over HTTP then."""
SHARED, HTTP, SDK_HTTP, SDK_SHARED, FLOOR = (
    "shared memory",
    "raw HTTP",
    "vendor's client, raw HTTP",
    "vendor's client, shared memory",
    "raw socket, sendall",
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What a camera has put into memory."""

    name: str
    pixels: np.ndarray

    @classmethod
    def noise(cls, name: str, *shape: int) -> "Frame":
        return cls(name, np.random.default_rng(7).integers(0, 256, shape, np.uint8))

    @property
    def picture(self) -> Picture:
        height, width, *channels = self.pixels.shape
        return Picture("frame", self.pixels.data.cast("B"), RawFormat(width, height, *channels))


def measure(options: Options, progress: Progress) -> Report:
    """Both frames; targets are for the colour one."""
    colour, mono = Frame.noise("15 MB", 2048, 2448, 3), Frame.noise("2.3 MB", 1200, 1920)
    sides: dict[str, Spread] = {}
    rounds = options.rounds(ROUNDS, QUICK_ROUNDS)
    for frame in (colour, mono):
        progress.step(f"a frame of {frame.name}")
        samples = _samples(frame, rounds, progress)
        sides |= {f"{frame.name}, {name}": Spread.of(side) for name, side in samples.items()}
    figures = [*_targets(sides), *_figures(sides, "15 MB"), *_figures(sides, "2.3 MB")]
    note = (
        f"{rounds} frames a side, interleaved: 2448x2048 BGR and 1920x1200 grey, from the picture in memory to the "
        "verdict, with lanes and event loop; the PEKAT stand-in answers at once: it keeps nothing of what comes over "
        "HTTP, and reads the first and last byte of a block; the socket sends head and body and takes one answer"
    )
    return Report("frames", TITLE, figures, sides, notes=[note])


def _samples(frame: Frame, rounds: int, progress: Progress) -> dict[str, list[float]]:
    with ExitStack() as stack:
        new, old = stack.enter_context(pekat_standin()), stack.enter_context(pekat_standin(version=OLD))
        loop = stack.enter_context(asyncio.Runner(loop_factory=loop_factory())).get_loop()
        acts: dict[str, Callable[[], object]] = {
            SHARED: stack.enter_context(_gateway(loop, new, "shared_memory", frame)),
            HTTP: stack.enter_context(_gateway(loop, new, "http", frame)),
            SDK_HTTP: stack.enter_context(_vendor(old, frame)),
            SDK_SHARED: stack.enter_context(_vendor(new, frame)),
            FLOOR: stack.enter_context(_floor(new, frame)),
        }
        sides = {name: (lambda act=act: milliseconds(act)) for name, act in acts.items()}
        return interleaved(sides, rounds, progress)


@contextmanager
def _gateway(
    loop: asyncio.AbstractEventLoop, port: int, way: WaySetting, frame: Frame
) -> Iterator[Callable[[], object]]:
    """The inspector, as a station asks it."""
    recipe = RecipeSettings(number=1, name="part", url=f"http://127.0.0.1:{port}")
    inspector = PekatSettings(way=way).create("bench", [recipe], [])
    picture = frame.picture

    def judge() -> None:
        now = time.monotonic_ns() // 1000
        order = Order("bench", 1, 1, "part", 1, now, now + int(WAIT_S * 1e6), time.time())
        judgement = loop.run_until_complete(inspector.inspect(picture, order))
        if judgement.verdict is not Verdict.NOK:
            raise RuntimeError(f"the stand-in's verdict is NOK, not {judgement.detail}")

    loop.run_until_complete(inspector.__aenter__())
    try:
        yield judge
    finally:
        loop.run_until_complete(inspector.__aexit__(None, None, None))


@contextmanager
def _vendor(port: int, frame: Frame) -> Iterator[Callable[[], object]]:
    """The vendor's client, unchanged. It never unlinks its blocks, so that is done here."""
    sdk = Instance(port=port, already_running=True)
    first: SharedMemory = vars(sdk)["_shm"]
    first.unlink()
    try:
        yield lambda: sdk.analyze(frame.pixels, data="part")
    finally:
        sdk.session.close()
        last: SharedMemory = vars(sdk)["_shm"]
        if last is not first:
            last.unlink()
        vars(sdk)["_shm_arr"] = None  # it keeps the block from being closed


@contextmanager
def _floor(port: int, frame: Frame) -> Iterator[Callable[[], object]]:
    """Two sends and one receive: the stand-in answers in one write."""
    pixels = frame.picture.data
    height, width = frame.pixels.shape[:2]
    path = f"/analyze_raw_image?height={height}&width={width}&response_type=context&data=part"
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(pixels)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port), WAIT_S) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def ask() -> bytes:
            sock.sendall(head, getattr(socket, "MSG_MORE", 0))
            sock.sendall(pixels)
            return sock.recv(1 << 16)

        yield ask


def _targets(sides: dict[str, Spread]) -> list[Figure]:
    shared, http = sides[f"15 MB, {SHARED}"], sides[f"15 MB, {HTTP}"]
    sdk, floor = sides[f"15 MB, {SDK_HTTP}"], sides[f"15 MB, {FLOOR}"]
    return [
        Figure("shared memory, times the vendor's client over raw HTTP, p50", shared.p50 / sdk.p50, "x", 0.35),
        Figure("raw HTTP above 1.15 times the raw socket, p50", http.p50 - 1.15 * floor.p50, "ms", 1.0),
    ]


def _figures(sides: dict[str, Spread], size: str) -> Iterator[Figure]:
    for name in (SHARED, HTTP, SDK_HTTP, SDK_SHARED, FLOOR):
        yield Figure(f"{size}, {name}, p50", sides[f"{size}, {name}"].p50, "ms")
        yield Figure(f"{size}, {name}, p99", sides[f"{size}, {name}"].p99, "ms")

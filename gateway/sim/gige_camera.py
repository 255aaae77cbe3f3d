"""Simulated GigE Vision cameras of other makers on loopback: the real protocol, and pictures that are known.

Their pictures are what they are; the brightness in the middle follows from the frame's number.
"""

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from math import sin
from types import FrameType
from typing import Literal

from gateway.core.errors import LinkError

FakeName = Literal["viva", "aravis"]
ADDRESS, PORT = "127.0.0.1", 3956
"""The port is GigE Vision's own: a camera on another one is not found."""
WIDTH, HEIGHT = 640, 480
FPS = 200
"""The most frames a second: a triggered frame then waits 5 ms at most."""
PROGRAM = "arv-fake-gv-camera-0.8"
CAMERA_HINT = "pip install 'pekat-plc-gateway[genicam]', or on Debian apt install aravis-tools"
FIRST_OF_ARAVIS = 65401
NUMBERS = 1 << 16


@dataclass(frozen=True, slots=True)
class Fake:
    """One maker's camera. `brightness` is that of the middle of a frame (grey value), by the frame's number."""

    name: FakeName
    first: int
    """Number of the first frame after it was started."""
    brightness: Callable[[int], float]
    installed: Callable[[], bool]
    begin: Callable[[ExitStack], None]
    """Start it, to be ended with the stack."""

    def frame(self, steps: int) -> int:
        """The number of the frame that comes so many after the first; the count is of 16 bits and leaves 0 out."""
        return (self.first - 1 + steps) % (NUMBERS - 1) + 1


def _rings(number: int) -> float:
    """Rings that go outwards from the middle: a wave of 21 frames."""
    return 127.5 + 127.5 * sin(-0.3 * number)


def _slope(number: int) -> float:
    """Brightness that grows to the right, downwards, and with each frame."""
    return float((WIDTH // 2 + HEIGHT // 2 + number) % 255)


def _begin_viva(stack: ExitStack) -> None:
    from viva_genicam.testing import FakeGigeCamera

    stack.enter_context(FakeGigeCamera(width=WIDTH, height=HEIGHT, fps=FPS, bind_ip=ADDRESS, port=PORT))


def _begin_aravis(stack: ExitStack) -> None:
    process = subprocess.Popen([PROGRAM, "-i", ADDRESS, "-s", "DEMO"], stdout=subprocess.DEVNULL)
    stack.callback(process.wait)
    stack.callback(process.terminate)


FAKES: dict[FakeName, Fake] = {
    "viva": Fake("viva", 1, _rings, lambda: importlib.util.find_spec("viva_genicam") is not None, _begin_viva),
    "aravis": Fake("aravis", FIRST_OF_ARAVIS, _slope, lambda: shutil.which(PROGRAM) is not None, _begin_aravis),
}


def port_is_taken() -> bool:
    """Whether a camera, or anything else, has the port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as trial:
        try:
            trial.bind((ADDRESS, PORT))
        except OSError:
            return True
    return False


def run_camera(fake: Fake, *, exit_with_parent: bool = False) -> None:
    """Be a camera until SIGINT or SIGTERM; `exit_with_parent`: also until standard input ends.

    Raises LinkError where the port is taken: two cameras on it would disturb each other without an error.
    """
    if port_is_taken():
        hint = "end the program that uses it: another demo, or another simulated camera"
        raise LinkError(f"UDP port {PORT} on {ADDRESS}, which GigE Vision prescribes, is taken", hint=hint)
    ended = threading.Event()

    def end(number: int = 0, frame: FrameType | None = None) -> None:
        ended.set()

    for wanted in (signal.SIGINT, signal.SIGTERM):
        signal.signal(wanted, end)
    if exit_with_parent:
        threading.Thread(target=_await_end_of_input, args=(end,), name="parent-watch", daemon=True).start()
    with ExitStack() as stack:
        fake.begin(stack)
        sys.stdout.write(f"GigE Vision camera of {fake.name} on {ADDRESS}\n")
        sys.stdout.flush()
        ended.wait()


def _await_end_of_input(end: Callable[[], None]) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        continue
    end()

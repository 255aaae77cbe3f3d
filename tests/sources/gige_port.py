"""UDP port 3956 on loopback: GigE Vision prescribes it, two cameras on it disturb each other without an error.

Test processes take it in turn; a TCP port that is listened on is the turn, as it ends with its process.
"""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

TURN = ("127.0.0.1", 39561)
PATIENCE_S = 90.0
_HELD = ExitStack()
_DEPTH = [0]


@contextmanager
def gige_port() -> Iterator[None]:
    """Nobody else's camera answers on loopback meanwhile. Within it, it can be entered again."""
    if not _DEPTH[0]:
        _HELD.enter_context(_turn())
    _DEPTH[0] += 1
    try:
        yield
    finally:
        _DEPTH[0] -= 1
        if not _DEPTH[0]:
            _HELD.close()


def _turn() -> socket.socket:
    end = time.monotonic() + PATIENCE_S
    while True:
        taken = socket.socket()
        try:
            taken.bind(TURN)
            taken.listen()
        except OSError:
            taken.close()
            assert time.monotonic() < end, f"another test process has had the GigE Vision port for {PATIENCE_S} s"
            time.sleep(0.05)
        else:
            return taken

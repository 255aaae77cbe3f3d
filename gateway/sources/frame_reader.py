"""A thread that waits for one stream's frames."""

import logging
import threading
from collections.abc import Callable

from gateway.core.errors import SourceError
from gateway.sources.genicam_camera import Frame, GenicamCamera
from gateway.sources.pending import now_us

log = logging.getLogger(__name__)

LOOK_UP_S = 0.1
"""While it waits for a frame, the thread looks so often whether it shall end."""
STOP_S = 2.0
"""How long ending may take: many times LOOK_UP_S. A library that takes longer hangs."""
AHEAD = 8
"""Frames that wait for the event loop; more wait in the camera's library, which drops what it has no room for."""


class FrameReader:
    """Tells of each frame with the moment it was there (monotonic us), and of the fault that ends the stream.

    Both are told in this thread; who is told of a frame calls `taken` once it no longer waits.
    """

    def __init__(
        self,
        name: str,
        camera: GenicamCamera,
        on_frame: Callable[[Frame, int], None],
        on_fault: Callable[[SourceError], None],
    ) -> None:
        self._camera, self._on_frame, self._on_fault = camera, on_frame, on_fault
        self._ending = threading.Event()
        self._room = threading.Semaphore(AHEAD)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> bool:
        """Wait until no `next_frame` is under way; False where the library does not come back from it."""
        self._ending.set()
        self._thread.join(STOP_S)
        return not self._thread.is_alive()

    def taken(self) -> None:
        """One frame less waits."""
        self._room.release()

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                if self._room.acquire(timeout=LOOK_UP_S):
                    self._read()
        except SourceError as error:
            self._on_fault(error)
        except Exception as error:
            # A library's own mistake ends this stream and is told; without that nobody would wait for frames any more.
            log.exception("%s: waiting for frames failed", self._thread.name)
            self._on_fault(SourceError(f"the camera's library failed: {error}", hint="the log has the details"))

    def _read(self) -> None:
        frame = self._camera.next_frame(LOOK_UP_S)
        if frame is None:
            self._room.release()
        elif not self._ending.is_set():
            self._on_frame(frame, now_us())

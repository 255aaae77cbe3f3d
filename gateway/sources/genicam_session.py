"""One camera from trigger to frame: which frame answers which trigger. Runs in the camera's thread."""

import threading

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.sources.genicam_camera import Frame, GenicamCamera
from gateway.sources.pending import now_us

LOOK_UP_S = 0.05
"""While it waits for a frame, the thread looks so often whether anybody still wants it."""
NUMBERS = 1 << 16
"""Frame numbers are compared in their lowest 16 bits: all that a GigE Vision 1 camera has."""
WAITING_LIMIT = 1000
"""Frames thrown away before one trigger; a camera that has more runs free."""


def steps_after(last: int, number: int) -> int:
    """How many frames after `last` this one is: 1 is the next; 0 or less: it is older.

    A 16-bit counter goes from 65535 to 1, or to 0, whichever the camera holds right.
    """
    ahead = (number - last) % NUMBERS
    if last % NUMBERS == NUMBERS - 1 and ahead == 2:
        return 1
    return ahead if ahead < NUMBERS // 2 else ahead - NUMBERS


def _not_told(number: int) -> None:
    """The session goes by frames alone."""


class CameraSession:
    """A frame is given to a trigger only if it is that trigger's, by the camera's own count.

    On one stream each trigger makes one frame. A trigger that ended without its frame is owed one: the camera may have
    remembered it, even over the end of a stream. Before the next trigger that frame is waited for and thrown away, for
    `owed_s` at most; after that the count is void, and a new stream begins.
    """

    def __init__(self, camera: GenicamCamera, owed_s: float) -> None:
        self._camera = camera
        self._owed_us = int(owed_s * 1e6)
        self._open = False
        self._owed_until: int | None = None
        self._last: int | None = None
        self.dropped = 0
        """Frames that no trigger was waiting for."""

    def connect(self) -> None:
        """Open the camera if it is not open. Raises SourceError, and then it is closed."""
        if self._open:
            return
        try:
            self._camera.open()
            self._begin_stream()
        except SourceError:
            self._camera.close()
            raise
        self._open = True

    def disconnect(self) -> None:
        """Let go of the camera."""
        self._open = False
        self._camera.close()

    def look(self) -> None:
        """Whether the camera is there and ours. Raises SourceError."""
        if not self._open:
            raise SourceError("the camera is not connected", hint="it is being searched for")
        self._camera.look()

    def shoot(self, deadline: int, abandoned: threading.Event) -> Frame:
        """Trigger, and wait for the frame that answers it, until `deadline` (monotonic us) or until it is `abandoned`.

        Raises SourceError: NO_IMAGE where none came, SOURCE_FAILED where the camera has to be connected again.
        """
        if abandoned.is_set() or now_us() >= deadline:
            raise _no_frame("there was no time left to trigger the camera")
        if not self._open:
            raise SourceError("the camera is not connected", hint="it is being searched for")
        self._settle(deadline, abandoned)
        self._throw_away_what_waits()
        self._owed_until = now_us() + self._owed_us
        self._camera.trigger()
        frame = self._next_counted(deadline, abandoned)
        if frame is None:
            raise _no_frame("no frame came in time")
        self._last, self._owed_until = frame.number, None
        return frame

    def _begin_stream(self) -> None:
        self._camera.configure(_not_told)
        self._last, self._owed_until = None, None

    def _settle(self, deadline: int, abandoned: threading.Event) -> None:
        """Let the frame come that an earlier trigger is owed, or begin anew. Raises SourceError if there is no time."""
        if self._owed_until is None:
            return
        frame = self._next_counted(min(self._owed_until, deadline), abandoned)
        if frame is not None:
            self.dropped += 1
            self._last, self._owed_until = frame.number, None
        elif now_us() >= self._owed_until:
            self._begin_stream()
        else:
            raise _no_frame("the frame of the trigger before is still to come")

    def _throw_away_what_waits(self) -> None:
        for _ in range(WAITING_LIMIT):
            frame = self._camera.next_frame(0)
            if frame is None:
                return
            self._last = frame.number
            self.dropped += 1
        raise SourceError("the camera takes frames without a trigger", hint="does it ignore TriggerMode?")

    def _next_counted(self, deadline: int, abandoned: threading.Event) -> Frame | None:
        """The next frame in the camera's count; older ones are thrown away. Raises SourceError where it is missing."""
        while (left_s := (deadline - now_us()) / 1e6) > 0 and not abandoned.is_set():
            frame = self._camera.next_frame(min(left_s, LOOK_UP_S))
            if frame is None:
                continue
            steps = 1 if self._last is None else steps_after(self._last, frame.number)
            if steps > 1:
                self._owed_until = 0
                raise _no_frame(f"frame {frame.number} came, {steps - 1} after the one that was triggered")
            if steps == 1:
                return frame
            self.dropped += 1
        return None


def _no_frame(what: str) -> SourceError:
    hint = "is the inspection's time longer than exposure and transfer, and does the firewall let the stream in?"
    return SourceError(what, reason=Reason.NO_IMAGE, hint=hint)

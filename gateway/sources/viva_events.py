"""What a camera tells of its exposures, through the library viva-genicam."""

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from viva_genicam import Camera, Event, EventStream

log = logging.getLogger(__name__)

EXPOSURE_END = "ExposureEnd"
FRAME_NUMBER = "EventExposureEndFrameID"
LOOK_UP_MS = 100
"""While it waits for an event, the thread looks so often whether it shall end."""
STOP_S = 2.0
"""How long ending may take; a library that takes longer hangs."""


def tells_exposures(camera: "Camera") -> bool:
    """The camera has the event. Raises the library's GenicamError."""
    return "EventSelector" in camera.nodes() and EXPOSURE_END in camera.available_enum_entries("EventSelector")


class ExposureEvents:
    """A thread that tells the number of each frame whose exposure is over."""

    def __init__(self, camera: "Camera", interface: str, exposed: Callable[[int], None]) -> None:
        """Raises the library's GenicamError where the camera does not switch the event on."""
        self._camera, self._exposed = camera, exposed
        self._ending = threading.Event()
        self._events = camera.events([EXPOSURE_END], iface=interface or None)
        self._thread = threading.Thread(target=self._run, name="viva-exposures", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """The socket is given back by the thread: the library takes no close while an event is waited for."""
        self._ending.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        try:
            while not self._ending.is_set():
                event = self._next(self._events)
                if event is not None:
                    self._exposed(self._number(event))
        except Exception:
            # Without events exposures count as over when their frames are there; that must not end in silence.
            log.exception("the camera's events are not read any more")
        finally:
            self._events.close()

    def _next(self, events: "EventStream") -> "Event | None":
        from viva_genicam import TransportError

        try:
            return events.next_event(timeout_ms=LOOK_UP_MS)
        except TransportError as error:
            if "time" not in str(error).lower():
                raise
            return None

    def _number(self, event: "Event") -> int:
        """From the event's head, else from its data; 0, which is no frame's number, where there is none."""
        if event.block_id:
            return event.block_id
        number = self._camera.event_features(event).get(FRAME_NUMBER, "0")
        return int(number) if isinstance(number, str) and number.isdecimal() else 0

"""A camera in memory whose frames and events come when the test says so, from threads of its own choosing."""

import queue
import threading
from collections import deque
from collections.abc import Callable

from gateway.sources.genicam_camera import Frame, Shutter


def frame(number: int = 1, data: bytes = b"\x07", pixel_format: str = "Mono8", **more: object) -> Frame:
    values: dict[str, object] = {"width": 1, "height": 1, "padding": 0, **more}
    return Frame(number=number, pixel_format=pixel_format, data=data, **values)  # type: ignore[arg-type]  # test values


class ScriptedCamera:
    """A GenicamCamera. Each trigger sends at once the frames of its answer; `send` and `tell` send by hand.

    It notes what belongs to two threads and must not happen at once.
    """

    def __init__(self, *answers: list[int], shutter: Shutter | None = None) -> None:
        self.answers = deque(answers)
        self.shutter = shutter or Shutter()
        self.waiting: queue.Queue[Frame | Exception] = queue.Queue()
        self.streams = self.triggers = self.closed = self.opened = 0
        self.overlapped = False
        self.reading = threading.Lock()
        self.exposed: Callable[[int], None] = lambda number: None

    def open(self) -> None:
        self._alone()
        self.opened += 1

    def configure(self, exposed: Callable[[int], None]) -> Shutter:
        self._alone()
        self.streams += 1
        self.waiting = queue.Queue()
        self.exposed = exposed
        return self.shutter

    def trigger(self) -> None:
        self.triggers += 1
        for number in self.answers.popleft() if self.answers else []:
            self.send(number)

    def send(self, number: int, damage: str = "") -> None:
        self.waiting.put(frame(number, damage=damage))

    def tell(self, number: int) -> None:
        """The exposure of this frame is over."""
        self.exposed(number)

    def next_frame(self, timeout_s: float) -> Frame | None:
        with self.reading:
            try:
                one = self.waiting.get(timeout=timeout_s)
            except queue.Empty:
                return None
            if isinstance(one, Exception):
                raise one
            return one

    def look(self) -> None:
        pass

    def close(self) -> None:
        self._alone()
        self.closed += 1

    def _alone(self) -> None:
        self.overlapped |= self.reading.locked()

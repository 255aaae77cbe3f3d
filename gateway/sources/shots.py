"""Which frame answers which software trigger: by the camera's own count."""

from dataclasses import dataclass
from enum import Enum, auto

from gateway.core.errors import SourceError
from gateway.sources.frame_count import NUMBERS, same_number, steps_after
from gateway.sources.genicam_camera import Frame
from gateway.sources.wanted import Wanted, lost_frame, no_frame

UNDERWAY_LIMIT = 16
"""Frames that may be on their way at once; no camera holds that many."""
UNASKED_LIMIT = 100
"""Frames in a row that no trigger asked for; a camera that sends more runs free."""


class Obstacle(Enum):
    """Why the camera cannot be triggered yet."""

    NONE = auto()
    FRAME_TO_COME = auto()
    """A frame is on its way, and it is not certain that the camera would take a trigger now."""
    COUNT_VOID = auto()
    """Which frame comes next is not known: a new stream has to begin."""


@dataclass(slots=True, eq=False)
class Shot:
    """One trigger whose frame is still to come."""

    wanted: Wanted
    owed_until: int
    """Monotonic us. The camera may have remembered the trigger; after that no frame of it comes any more."""
    busy: bool
    """The camera had frames on their way when it was triggered."""
    exposed: bool = False
    """The camera said so: it has taken this trigger."""


class Shots:
    """On one stream each trigger makes one frame, so the next frame is the oldest open trigger's.

    That holds only if the camera took each trigger, and one that is still busy may pass a trigger over. So the next
    one is sent while frames are on their way only if the camera has told of each of them that its exposure is over.
    Its telling is believed once it has given a frame the number that the frame bore. A camera that passed a trigger
    over all the same is not triggered again while it is busy.
    A trigger that ended without its frame is owed one: it is counted when it comes.
    """

    def __init__(self, owed_us: int) -> None:
        self._owed_us = owed_us
        self._open: list[Shot] = []
        self._last: int | None = None
        self._void = False
        self._told: int | None = None
        self._believed = False
        self.one_at_a_time = False
        """The camera passes triggers over while it is busy."""
        self.unasked = 0
        """Frames in a row that no trigger asked for."""

    def begin(self) -> None:
        """A new stream."""
        self.one_at_a_time |= any(shot.busy and not shot.exposed for shot in self._open)
        self.give_up(no_frame("the camera's stream began anew"))
        self._last, self._told, self._believed, self._void, self.unasked = None, None, False, False, 0

    def give_up(self, error: SourceError) -> None:
        """None of the frames will come."""
        for shot in self._open:
            shot.wanted.fail(error)
        self._open.clear()

    def obstacle(self, now: int) -> Obstacle:
        if self._void or (self._open and now >= self._open[-1].owed_until) or len(self._open) >= UNDERWAY_LIMIT:
            return Obstacle.COUNT_VOID
        if not self._open or (not self.one_at_a_time and all(shot.exposed for shot in self._open)):
            return Obstacle.NONE
        return Obstacle.FRAME_TO_COME

    @property
    def owed_until(self) -> int:
        """When at the latest FRAME_TO_COME ends (monotonic us)."""
        return self._open[-1].owed_until

    def send(self, wanted: Wanted, now: int) -> Shot:
        """The camera is triggered now. Only where there is no obstacle."""
        shot = Shot(wanted, now + self._owed_us, bool(self._open))
        self._open.append(shot)
        self.unasked = 0
        return shot

    def untold(self, shot: Shot) -> bool:
        """Its frame is still to come, and the camera's word about its exposure is not to be had."""
        return shot in self._open and not self._believed

    def on_frame(self, frame: Frame) -> None:
        steps = 1 if self._last is None else steps_after(self._last, frame.number)
        if steps < 1:
            return  # older: it was given up
        if not self._open:
            self.unasked += 1
        elif steps > len(self._open):
            self._void = True
            self.give_up(no_frame(f"frame {frame.number} came, {steps - 1} after the one that was triggered"))
        else:
            self._answer(frame, steps)
        self._last = frame.number
        self._compare(self._told)

    def _answer(self, frame: Frame, steps: int) -> None:
        *missed, shot = self._open[:steps]
        del self._open[:steps]
        for back, one in enumerate(reversed(missed), 1):
            one.wanted.fail(lost_frame((frame.number - back) % NUMBERS))
        shot.wanted.give(frame)

    def on_exposed(self, number: int) -> None:
        """The camera told that this frame's exposure is over."""
        self._told = number
        if not self._believed or self._last is None:
            self._compare(number)
            return
        steps = steps_after(self._last, number)
        if 1 <= steps <= len(self._open):
            for shot in self._open[:steps]:
                shot.exposed = True
                shot.wanted.over()

    def _compare(self, told: int | None) -> None:
        if told is not None and self._last is not None and same_number(told, self._last):
            self._believed = True

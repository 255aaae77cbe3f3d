"""Which frame answers which trigger, where a signal line triggers the camera and the PLC triggers the station."""

from collections import deque
from dataclasses import dataclass

from gateway.core.errors import SourceError
from gateway.sources.frame_count import same_number, steps_after
from gateway.sources.genicam_camera import Frame
from gateway.sources.wanted import Wanted, lost_frame, no_frame

KEPT = 256
"""Triggers and exposures that are remembered at most; they are forgotten sooner, once nothing can fit them."""
HELD = 8
"""Frames without a trigger that are kept, of the newest."""
AMBIGUOUS = "make window_before_ms + window_after_ms shorter than the shortest time between two signals of the line"


@dataclass(frozen=True, slots=True)
class Window:
    """How much before and after a trigger the first sign of its frame can come (us)."""

    before_us: int
    after_us: int

    def fits(self, trigger_at: int, sign_at: int) -> bool:
        return -self.before_us <= sign_at - trigger_at <= self.after_us

    @property
    def length_us(self) -> int:
        return self.before_us + self.after_us


@dataclass(slots=True, eq=False)
class Trigger:
    """One trigger of the PLC. It stays known when it is answered: its frame must not become another's."""

    at: int
    wanted: Wanted
    paired: bool = False
    doubtful: bool = False


@dataclass(slots=True, eq=False)
class Exposure:
    """One frame, from the first sign of it: that its exposure is over, or itself."""

    number: int
    at: int
    came: bool = False
    frame: Frame | None = None
    """Until it is given to its trigger."""
    trigger: Trigger | None = None
    doubtful: bool = False


class LineFrames:
    """A frame and a trigger belong together if each is the only one in the other's window of time.

    Nothing is counted off, so nothing can shift: where a signal makes no frame, or the PLC gives no trigger, only that
    one goes without. Where two of either lie within one window there is no telling, and none of them gets an answer.
    """

    def __init__(self, window: Window) -> None:
        self._window = window
        self._triggers: deque[Trigger] = deque(maxlen=KEPT)
        self._exposures: deque[Exposure] = deque(maxlen=KEPT)
        self._last: int | None = None
        self._told: int | None = None
        self._believed = False
        self.unasked = 0
        """Frames that no trigger came for."""
        self.lost = 0
        """Frames of which nothing came but a gap in the camera's count."""

    @property
    def remembers(self) -> bool:
        """Something is left to expire."""
        return bool(self._triggers or self._exposures)

    def begin(self) -> None:
        """A new stream with a count of its own."""
        self._exposures.clear()
        self._last, self._told, self._believed = None, None, False

    def give_up(self, error: SourceError) -> None:
        """No frame will come."""
        for trigger in self._triggers:
            trigger.wanted.fail(error)
        self._triggers.clear()
        self._exposures.clear()

    def on_trigger(self, wanted: Wanted, at: int) -> Trigger:
        """The PLC triggered at this moment (monotonic us)."""
        trigger = Trigger(at, wanted)
        self._triggers.append(trigger)
        exposures = self._exposures_of(trigger)
        self._settle([trigger, *(one for each in exposures for one in self._triggers_of(each))], exposures)
        return trigger

    def on_exposed(self, number: int, at: int) -> None:
        """The camera told that this frame's exposure is over. It is believed once it has told a frame's own number."""
        self._told = number
        if self._believed and self._last is not None and steps_after(self._last, number) > 0:
            self._first_sign(number, at)
        self._compare()

    def on_frame(self, frame: Frame, at: int) -> Exposure | None:
        """The exposure that the frame is of; None for a frame that came before."""
        steps = 1 if self._last is None else steps_after(self._last, frame.number)
        if steps < 1:
            return None
        self._last = frame.number
        self._compare()
        self._miss(frame.number, steps - 1)
        known = (one for one in self._exposures if not one.came and same_number(one.number, frame.number))
        exposure = next(known, None) or self._first_sign(frame.number, at)
        exposure.came, exposure.frame = True, None if exposure.doubtful else frame
        self._give(exposure)
        self._hold_few()
        return exposure

    def overdue(self, trigger: Trigger) -> None:
        """Its window is over."""
        if not trigger.paired:
            trigger.wanted.fail(self._none_came())

    def expire(self, now: int) -> list[Exposure]:
        """Forget what nothing can fit any more. The exposures that no trigger came for."""
        before = now - self._window.length_us
        while self._triggers and self._triggers[0].at < before:
            self._triggers.popleft()
        gone = []
        while self._exposures and self._exposures[0].at < before:
            exposure = self._exposures.popleft()
            if exposure.trigger is None and not exposure.doubtful:
                gone.append(exposure)
        self.unasked += len(gone)
        return gone

    def _first_sign(self, number: int, at: int) -> Exposure:
        exposure = Exposure(number, at)
        self._exposures.append(exposure)
        triggers = self._triggers_of(exposure)
        self._settle(triggers, [exposure, *(one for each in triggers for one in self._exposures_of(each))])
        return exposure

    def _triggers_of(self, exposure: Exposure) -> list[Trigger]:
        return [one for one in self._triggers if self._window.fits(one.at, exposure.at)]

    def _exposures_of(self, trigger: Trigger) -> list[Exposure]:
        return [one for one in self._exposures if self._window.fits(trigger.at, one.at)]

    def _settle(self, triggers: list[Trigger], exposures: list[Exposure]) -> None:
        """Those that fit each other, with all that fit them: one of each is a pair, more are in doubt."""
        if not triggers or not exposures:
            return
        if len({*triggers}) == len({*exposures}) == 1 and not triggers[0].doubtful and not exposures[0].doubtful:
            triggers[0].paired, exposures[0].trigger = True, triggers[0]
            triggers[0].wanted.over()
            self._give(exposures[0])
            return
        for exposure in exposures:
            exposure.doubtful, exposure.frame = True, None
        for trigger in triggers:
            trigger.doubtful = True
            trigger.wanted.fail(no_frame("several frames or triggers lie within one window of time", AMBIGUOUS))

    @staticmethod
    def _give(exposure: Exposure) -> None:
        if exposure.trigger is not None and exposure.frame is not None:
            exposure.trigger.wanted.give(exposure.frame)
            exposure.frame = None

    def _hold_few(self) -> None:
        """Frames that no trigger has come for take memory."""
        held = [one for one in self._exposures if one.frame is not None]
        for exposure in held[:-HELD]:
            exposure.doubtful, exposure.frame = True, None

    def _miss(self, number: int, missing: int) -> None:
        """So many frames before this one did not come."""
        self.lost += missing
        for exposure in self._exposures:
            if not exposure.came and exposure.trigger is not None and steps_after(exposure.number, number) > 0:
                exposure.trigger.wanted.fail(lost_frame(exposure.number))

    def _compare(self) -> None:
        if self._told is not None and self._last is not None and same_number(self._told, self._last):
            self._believed = True

    def _none_came(self) -> SourceError:
        window = f"{self._window.before_us // 1000} ms before to {self._window.after_us // 1000} ms after the trigger"
        text = f"no frame came from {window}; {self.unasked} came without a trigger, {self.lost} were lost on the way"
        return no_frame(text, "does the line's signal reach the camera, and do the windows fit the machine?")

"""Notes the stages of each inspection while it happens. It only takes note: it runs on every trigger's path."""

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

from gateway.blackbox.ring import CAPACITY, STAGES, Ring
from gateway.blackbox.spans import SPANS
from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.result import Result
from gateway.ports import Pictured, Step

MOST_OPEN = 2_048
"""Results that may wait to be shown, and pictures for their answer; more than a station can hold back."""
_ACCEPTED, _RELEASED, _SHOWN, _ACKNOWLEDGED = map(STAGES.index, ("accepted", "released", "shown", "acknowledged"))


def monotonic_us() -> int:
    """The clock of the handshake: monotonic microseconds."""
    return time.monotonic_ns() // 1000


Measured = Callable[[str, int], None]
Passed = Callable[[int, str, int], None]
TOTAL = "total"
"""From the trigger to the answer in the tags."""
_ENDING: Mapping[int, Mapping[str, int]] = {
    _SHOWN: {"tags": _RELEASED, TOTAL: _ACCEPTED},
    _ACKNOWLEDGED: {"plc": _SHOWN},
}
"""The times that end with a stage, and with which stage each began."""


class BlackBox:
    """The last inspections of all stations that it was told to follow."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self.ring = Ring(capacity)
        self.stations: list[str] = []

    def follow(
        self,
        station: str,
        observe: Callable[[Callable[[Step], None]], object],
        observe_pictures: Callable[[Callable[[Pictured], None]], object],
        measured: Measured | None = None,
        passed: Passed | None = None,
    ) -> None:
        """Note a station's inspections from now on. The two are called with who is to be told.

        `measured` hears of each stage that is over: its name as in SPANS, or "total", and its time in microseconds.
        `passed` hears of those that come after the answer: of which inspection, its name as in STAGES, and when.
        """
        recorder = Recorder(self.ring, len(self.stations), measured, passed)
        self.stations.append(station)
        observe(recorder.note)
        observe_pictures(lambda pictured: recorder.pictured(pictured.inspection_id))


class Recorder:
    """What is noted of one station. `now` is the clock of the handshake."""

    def __init__(
        self,
        ring: Ring,
        station: int,
        measured: Measured | None = None,
        passed: Passed | None = None,
        now: Callable[[], int] = monotonic_us,
    ) -> None:
        self._ring, self._station, self._measured, self._passed, self._now = ring, station, measured, passed, now
        self._pictured = OrderedDict[int, int]()
        self._numbers = OrderedDict[int, int]()
        """Of the answers that may still be shown or acknowledged, by inspection."""

    def pictured(self, inspection_id: int) -> None:
        """An image of this inspection is in memory."""
        _put(self._pictured, inspection_id, self._now())

    def note(self, step: Step) -> None:
        """One step of the handshake. Most of them are no news."""
        before, after = step.before, step.after
        for action in step.actions:
            if isinstance(action, act.Record):
                self._answered(action.result, step.at)
        changed, old = after.presented is not before.presented, before.presented
        if old is not None and (changed or before.valid > after.valid):
            number = self._numbers.pop(old.inspection_id, None)
            if before.valid and _acknowledges(step):
                self._stage(number, old, _ACKNOWLEDGED, step.at)
        if changed and after.presented is not None:
            number = self._numbers.get(after.presented.inspection_id)
            self._stage(number, after.presented, _SHOWN, self._now())

    def _answered(self, result: Result, released: int) -> None:
        judgement = result.judgement
        pictured = self._pictured.pop(result.inspection_id, 0)
        asked = max(result.answered_at - judgement.inspector_us, pictured) if judgement.inspector_us else 0
        number = self._ring.put(
            result.part_id,
            self._station,
            result.inspection_id,
            result.trigger_seq,
            result.result_seq,
            judgement.verdict,
            judgement.reason,
            result.accepted_at,
            result.exposed_at,
            pictured,
            asked,
            result.answered_at,
            released,
            0,
            0,
        )
        _put(self._numbers, result.inspection_id, number)
        if self._measured is not None:
            self._measure(result.accepted_at, pictured, asked, result.answered_at, released)

    def _measure(self, begin: int, *ends: int) -> None:
        """The stages up to the answer's release; one that never was is left out, as `spans` has it."""
        assert self._measured is not None
        for name, end in zip(SPANS, ends, strict=False):
            if end:
                self._measured(name, max(end - begin, 0))
                begin = max(end, begin)

    def _stage(self, number: int | None, result: Result, stage: int, at: int) -> None:
        """A stage after the answer is over."""
        if number is None:
            return
        self._ring.put_time(number, stage, at)
        if self._passed is not None:
            self._passed(result.inspection_id, STAGES[stage], at)
        if self._measured is not None:
            for name, began in _ENDING[stage].items():
                if moment := self._ring.time(number, began):
                    self._measured(name, max(at - moment, 0))


def _acknowledges(step: Step) -> bool:
    """The PLC's write has the edge or the new number that acknowledges (H13)."""
    if not isinstance(step.event, ev.PlcWrote):
        return False
    old, new = step.before.commands, step.event.commands
    by_bit = new.result_ack and not old.result_ack
    return by_bit or new.result_ack_seq not in (0, old.result_ack_seq)


def _put(kept: OrderedDict[int, int], key: int, value: int) -> None:
    """The oldest goes where there are too many: they belong to what was dropped, and never comes."""
    kept[key] = value
    if len(kept) > MOST_OPEN:
        kept.popitem(last=False)

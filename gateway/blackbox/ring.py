"""The last inspections in a block of memory that is taken once: what is noted of each costs the same for ever."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

CAPACITY = 10_000
"""Inspections that are kept, of all stations together."""
STAGES = ("accepted", "exposed", "pictured", "asked", "answered", "released", "shown", "acknowledged")
"""What is noted of each, in monotonic microseconds; 0: it never was, or is not known.

accepted: the trigger. exposed: the part may move. pictured: the image is in memory, of several views the last one.
asked: PEKAT was asked, of several views the slowest one. answered: its answer is there. released: the journal has it
and the answers before it are out. shown: it is in the tags, and the links have been told. acknowledged: by the PLC.
"""
_ROW = struct.Struct(f"<6q{len(STAGES)}q")
_STAGES_AT = 6 * 8
LONGEST_PART_ID = 64
"""Characters of a part id that are kept."""


@dataclass(frozen=True, slots=True)
class Flight:
    """One inspection as it is read back. `times` are those of STAGES."""

    number: int
    """Counts the inspections that were noted since the start, of all stations."""
    station: int
    inspection_id: int
    trigger_seq: int
    result_seq: int
    verdict: int
    reason: int
    times: tuple[int, ...]
    part_id: str


class Ring:
    """Written on the event loop, copied there and read wherever."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._rows = bytearray(_ROW.size * capacity)
        self._part_ids = [""] * capacity
        self.noted = 0
        """How many inspections were ever noted: the number of the next one."""

    @property
    def oldest(self) -> int:
        """The number of the oldest one that is still there."""
        return max(0, self.noted - self._capacity)

    def put(self, part_id: str, *values: int) -> int:
        """Note an inspection: station, ids, verdict and reason as in Flight, then the times. Its number."""
        number, self.noted = self.noted, self.noted + 1
        at = number % self._capacity
        _ROW.pack_into(self._rows, at * _ROW.size, *values)
        self._part_ids[at] = part_id[:LONGEST_PART_ID]
        return number

    def put_time(self, number: int, stage: int, at: int) -> None:
        """Note a later stage of an inspection, if it is still there."""
        if number >= self.oldest:
            struct.pack_into("<q", self._rows, self._place(number, stage), at)

    def time(self, number: int, stage: int) -> int:
        """One moment of an inspection; 0 where that is not there any more."""
        if number < self.oldest:
            return 0
        moment: int
        (moment,) = struct.unpack_from("<q", self._rows, self._place(number, stage))
        return moment

    def _place(self, number: int, stage: int) -> int:
        return number % self._capacity * _ROW.size + _STAGES_AT + stage * 8

    def read(self, first: int, most: int) -> Iterator[Flight]:
        """At most so many, from the number `first` on, the oldest first."""
        first = max(first, self.oldest)
        for number in range(first, min(first + most, self.noted)):
            at = number % self._capacity
            station, inspection_id, trigger, result, verdict, reason, *times = _ROW.unpack_from(
                self._rows, at * _ROW.size
            )
            yield Flight(
                number, station, inspection_id, trigger, result, verdict, reason, tuple(times), self._part_ids[at]
            )

"""Inspections as a trace that https://ui.perfetto.dev and chrome://tracing show: the Trace Event Format, JSON objects.

A station is a process, and each inspection a slice with its stages as slices in it. Inspections that overlap get rows
(threads) of their own.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.blackbox.spans import Shown

TraceEvent = dict[str, Any]


@dataclass(slots=True)
class _Lanes:
    """The rows of one station: an inspection goes into the first one that is free."""

    ends: list[int]

    def take(self, begin: int, end: int) -> int:
        for lane, free_from in enumerate(self.ends):
            if free_from <= begin:
                self.ends[lane] = end
                return lane
        self.ends.append(end)
        return len(self.ends) - 1


def trace(shown: Iterable[Shown], stations: Sequence[str]) -> dict[str, Any]:
    """The whole trace. Its time begins with the first inspection, which `otherData` tells in UTC."""
    flights = sorted(shown, key=lambda one: one.begin)
    zero = flights[0].begin if flights else 0
    events: list[TraceEvent] = []
    lanes = [_Lanes([]) for _ in stations]
    for one in flights:
        lane = lanes[one.station].take(one.begin, one.end)
        events += _slices(one, lane, zero)
    names = [name for pid, station in enumerate(stations) for name in _names(pid, station, len(lanes[pid].ends))]
    begun = flights[0].wall if flights else ""
    return {"traceEvents": names + events, "displayTimeUnit": "ms", "otherData": {"begin": begun}}


def _names(pid: int, station: str, rows: int) -> Iterator[TraceEvent]:
    yield {"name": "process_name", "ph": "M", "pid": pid, "tid": 0, "args": {"name": station}}
    for lane in range(rows):
        yield {"name": "thread_name", "ph": "M", "pid": pid, "tid": lane, "args": {"name": f"in flight {lane + 1}"}}


def _slices(one: Shown, lane: int, zero: int) -> Iterator[TraceEvent]:
    place = {"pid": one.station, "tid": lane}
    title = f"{one.verdict} {one.part_id}".strip()
    yield {
        "name": title, "cat": "inspection", "ph": "X", "ts": one.begin - zero, "dur": one.end - one.begin, **place,
        "args": {
            "inspection": one.inspection_id, "trigger_seq": one.trigger_seq, "result_seq": one.result_seq,
            "part_id": one.part_id, "verdict": one.verdict, "reason": one.reason, "time": one.wall,
        },
    }  # fmt: skip
    for span in one.spans:
        yield {
            "name": span.name, "cat": "stage", "ph": "X", "ts": span.begin - zero, "dur": span.end - span.begin,
            **place, "args": {"inspection": one.inspection_id},
        }  # fmt: skip
    if one.exposed:
        yield {"name": "exposed", "cat": "stage", "ph": "i", "s": "t", "ts": one.exposed - zero, **place}

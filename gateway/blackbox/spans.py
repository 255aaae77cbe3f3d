"""From moments to spans: how long each stage of an inspection took, for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gateway.blackbox.ring import STAGES, Flight
from gateway.core.result import Reason, Verdict

SPANS = ("image", "hand-over", "pekat", "journal", "tags", "plc")
"""What lies before the moment of pictured, asked, answered, released, shown, acknowledged, in this order."""
_ENDS = ("pictured", "asked", "answered", "released", "shown", "acknowledged")


@dataclass(frozen=True, slots=True)
class Span:
    """One stage, in monotonic microseconds."""

    name: str
    begin: int
    end: int

    @property
    def ms(self) -> float:
        return (self.end - self.begin) / 1000


@dataclass(frozen=True, slots=True)
class Shown:
    """One inspection as `trace` shows it. Where a stage never was, what follows counts from the one before."""

    station: int
    inspection_id: int
    trigger_seq: int
    result_seq: int
    part_id: str
    verdict: str
    reason: str
    wall: str
    """When the trigger was accepted, in UTC, to the millisecond."""
    begin: int
    answered: int
    end: int
    exposed: int
    spans: tuple[Span, ...]

    @property
    def total_ms(self) -> float:
        """From the trigger to the answer in the tags, or to the answer where it was never shown."""
        shown = next((span.end for span in self.spans if span.name == "tags"), self.answered)
        return (shown - self.begin) / 1000

    def span_ms(self, name: str) -> float | None:
        return next((span.ms for span in self.spans if span.name == name), None)


def row(flight: Flight) -> list[object]:
    """As it goes through the control channel."""
    return [
        flight.number, flight.station, flight.inspection_id, flight.trigger_seq, flight.result_seq, flight.verdict,
        flight.reason, flight.part_id, *flight.times,
    ]  # fmt: skip


def shown(row: Sequence[Any], wall_offset_us: int) -> Shown:
    """As it came through the control channel. `wall_offset_us`: unix time less monotonic time."""
    _, station, inspection_id, trigger_seq, result_seq, verdict, reason, part_id, *times = row
    moments = dict(zip(STAGES, times, strict=True))
    begin = moments["accepted"]
    spans = tuple(_spans(moments))
    at = datetime.fromtimestamp((begin + wall_offset_us) / 1e6, UTC).replace(tzinfo=None)
    return Shown(
        station, inspection_id, trigger_seq, result_seq, part_id,
        Verdict(verdict).name.lower(), Reason(reason).name.lower(), f"{at.isoformat(timespec='milliseconds')}Z",
        begin, moments["answered"], spans[-1].end if spans else begin, moments["exposed"], spans,
    )  # fmt: skip


def _spans(moments: Mapping[str, int]) -> list[Span]:
    spans, begin = [], moments["accepted"]
    for name, stage in zip(SPANS, _ENDS, strict=True):
        end = moments[stage]
        if end:
            spans.append(Span(name, begin, max(end, begin)))
            begin = max(end, begin)
    return spans

"""The exported trace holds to the Trace Event Format, and slices of one row never overlap but lie in each other."""

import json
from collections import defaultdict
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.blackbox.perfetto import trace
from gateway.blackbox.spans import SPANS, Shown, shown

OFFSET = 1_790_000_000_000_000


def flight(number: int, times: tuple[int, ...], station: int = 0) -> Shown:
    return shown([number, station, number, number, number, 1, 0, f"part {number}", *times], OFFSET)


def well_formed(made: dict[str, Any]) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """The complete slices of each row, in the file's order, after a look at every rule of the format that we use."""
    made = json.loads(json.dumps(made))
    assert made["displayTimeUnit"] in ("ms", "ns")
    rows: dict[tuple[int, int], list[dict[str, Any]]] = defaultdict(list)
    named = set()
    for event in made["traceEvents"]:
        assert isinstance(event["name"], str)
        assert {type(event["pid"]), type(event["tid"])} == {int}
        if event["ph"] == "M":
            assert event["name"] in ("process_name", "thread_name")
            assert isinstance(event["args"]["name"], str)
            named.add((event["name"], event["pid"], event["tid"]))
            continue
        assert event["ph"] in ("X", "i")
        assert isinstance(event["ts"], int)
        assert event["ts"] >= 0
        assert isinstance(event["cat"], str)
        if event["ph"] == "i":
            assert event["s"] in ("g", "p", "t")
            continue
        assert isinstance(event["dur"], int)
        assert event["dur"] >= 0
        rows[event["pid"], event["tid"]].append(event)
    for pid, tid in rows:
        assert ("thread_name", pid, tid) in named
        assert ("process_name", pid, 0) in named
    return rows


def nested(events: list[dict[str, Any]]) -> bool:
    """Any two slices of a row lie apart, or one in the other; equal ones may share a border."""
    spans = [(event["ts"], event["ts"] + event["dur"]) for event in events]
    return all(
        a[1] <= b[0] or b[1] <= a[0] or (a[0] <= b[0] and b[1] <= a[1]) or (b[0] <= a[0] and a[1] <= b[1])
        for number, a in enumerate(spans)
        for b in spans[:number]
    )


def test_one_inspection() -> None:
    made = trace([flight(1, (1000, 1500, 2000, 2100, 5100, 5600, 5700, 9700))], ["station1"])
    ((place, events),) = well_formed(made).items()
    assert place == (0, 0)
    whole, *stages = events
    assert (whole["ts"], whole["dur"], whole["args"]["part_id"]) == (0, 8700, "part 1")
    assert [event["name"] for event in stages] == list(SPANS)
    assert [event["dur"] for event in stages] == [1000, 100, 3000, 500, 100, 4000]
    (exposed,) = [event for event in made["traceEvents"] if event["ph"] == "i"]
    assert exposed["ts"] == 500
    assert made["otherData"]["begin"].startswith("2026-")


def test_nothing_at_all_is_a_trace_too() -> None:
    assert well_formed(trace([], ["station1"])) == {}


def test_inspections_that_overlap_get_rows_of_their_own_and_others_share_one() -> None:
    ends = [(0, 900), (100, 700), (800, 950), (900, 1000)]
    flights = [flight(n, (begin or 1, 0, 0, 0, end, end, end, 0)) for n, (begin, end) in enumerate(ends)]
    rows = well_formed(trace(flights, ["station1"]))
    whole = {
        place: [e["args"]["inspection"] for e in events if e["cat"] == "inspection"] for place, events in rows.items()
    }
    assert whole == {(0, 0): [0, 3], (0, 1): [1, 2]}


MOMENTS = st.lists(st.integers(0, 1000), min_size=7, max_size=7)


@given(st.lists(st.tuples(st.integers(1, 5000), MOMENTS, st.integers(0, 2)), max_size=30))
def test_any_inspections_with_any_stages_missing(drawn: list[tuple[int, list[int], int]]) -> None:
    flights = [
        flight(number, (begin, *(begin + moment if moment % 5 else 0 for moment in moments)), station)
        for number, (begin, moments, station) in enumerate(drawn)
    ]
    rows = well_formed(trace(flights, ["a", "b", "c"]))
    assert all(nested(events) for events in rows.values())
    assert sum(event["cat"] == "inspection" for events in rows.values() for event in events) == len(flights)

"""node-opcua, which shares no code with the server, reads the past before and after a restart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.core.result import Origin
from tests.opcua.history.past import answered_at, past
from tests.opcua.test_foreign import node_opcua, session
from tests.sinks.results import recorded, registrar

pytestmark = [pytest.mark.foreign, pytest.mark.timeout(180)]


def numbers(pages: Sequence[Sequence[Any]]) -> list[list[int]]:
    return [[value for value, _, _ in page] for page in pages]


async def test_node_opcua_reads_the_past_before_and_after_a_restart(tmp_path: Path) -> None:
    node_opcua()
    file = tmp_path / "h.db"
    answers = [*answered_at(1, 2, 3, 4), recorded(5, 5_000_000, origin=Origin("job", "job 5", "m", "p", True))]
    async with past(*answers, file=file, machine_vision=True) as opened:
        first = await session("history.mjs", opened.bench.url, "s1", str(tmp_path / "pki"))
    _check(first)
    assert numbers(first["pages"]) == [[1, 2], [3, 4], [5]]

    later = {"STALE_POINT": first["point"], "FROM": "2026-03-01T12:00:02.001Z"}
    newest = recorded(6, 6_000_000)
    async with past(newest, file=file, machine_vision=True, made=registrar(18)) as opened:
        second = await session("history.mjs", opened.bench.url, "s1", str(tmp_path / "pki"), **later)
    _check(second)
    assert second["stale"] == "BadContinuationPointInvalid"
    assert numbers(second["resumed"]) == [[3, 4], [5, 6]]
    for at in ("vision", "server"):
        assert second[at]["events"][:5] == first[at]["events"]
        assert len(second[at]["events"]) == 6


def _check(seen: dict[str, Any]) -> None:
    found = [value for page in seen["verdicts"] for value in page]
    assert found[0] == [2, "2026-03-01T12:00:01.000Z", "Good"]
    everything = [value for page in numbers(seen["pages"]) for value in page]
    assert everything == list(range(1, len(found) + 1))
    assert [value for page in numbers(seen["backward"]) for value in page] == everything[::-1]
    (bounds,) = seen["bounds"]
    missing = [[None, "2026-03-01T11:00:00.000Z"], [None, "2026-03-01T13:00:00.000Z"]]
    assert [one[:2] for one in (bounds[0], bounds[-1])] == missing
    assert bounds[0][2] == bounds[-1][2] == "BadBoundNotFound"
    assert numbers([bounds[1:-1]]) == [everything]
    assert numbers(seen["tail"]) == [everything[:-3:-1]]
    assert (seen["released"], seen["gone"]) == ("Good", "BadContinuationPointInvalid")
    assert (seen["unsupported"], seen["unknown"]) == ("BadHistoryOperationUnsupported", "BadNodeIdUnknown")
    assert seen["historizing"] is True
    told = seen["capabilities"]
    assert (told["accessHistoryDataCapability"], told["accessHistoryEventsCapability"]) == (True, True)
    assert (told["insertDataCapability"], told["maxReturnDataValues"]) == (False, 1000)
    _check_events(seen["vision"])
    assert seen["server"] == seen["vision"]


def _check_events(told: dict[str, Any]) -> None:
    assert told["status"] == "Good"
    assert len({event[0] for event in told["events"]}) == len(told["events"])
    event = told["events"][4]
    assert event[1:4] == ["ns=3;i=1024", "s1 vision", "2026-03-01T12:00:05.000Z"]
    assert "part 5" in event[4]
    assert event[5] is True
    assert event[7:] == [
        {"type": "JobIdDataType", "id": "job 5"},
        {"type": "PartIdDataType", "id": "part 5"},
        {"type": "ProcessingTimesDataType", "id": None},
    ]

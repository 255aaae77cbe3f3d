"""A station with a past: a link over a history that holds what the test put there, and a client's view of it."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client

from gateway.ports import Recorded
from gateway.records import Records, Registrar
from gateway.sinks.history import History
from gateway.sinks.history_retention import Retention
from tests.opcua.desk import Bench, DeskStation, bench, tag_id, view
from tests.sinks.results import NOON, recorded, registrar

OPEN = ua.get_win_epoch()
"""A start or end that is not given."""
Value = tuple[Any, datetime | None, str]
"""Value, source time, status."""


@dataclass(slots=True)
class Past:
    """A bench and the history behind it."""

    bench: Bench
    history: History
    client: Client

    async def read(self, *items: ua.HistoryReadValueId, **details: Any) -> list[ua.HistoryReadResult]:
        return await history_read(self.client, raw(**details), *items)


@asynccontextmanager
async def past(
    *answers: Recorded,
    file: Path | None = None,
    user: str | None = "pat",
    made: Registrar | None = None,
    **settings: Any,
) -> AsyncIterator[Past]:
    """These answers were given before; one client is connected."""
    maker = made or registrar()
    user_tags = settings.pop("user_tags", ())
    stations = [DeskStation(name, user_tags=user_tags) for name in settings.pop("stations", ["s1"])]
    settings.setdefault("machine_vision", False)
    async with History(maker, file, Retention(0, 0)) as history:
        for one in answers:
            history.put(one)
        async with bench(*map(view, stations), records=Records(maker, history), **settings) as opened:
            yield Past(opened, history, await opened.connect(user))


def at(second: float) -> datetime:
    """So many seconds after noon."""
    return NOON + timedelta(seconds=second)


def answered_at(*seconds: float) -> list[Recorded]:
    """Answers number 1, 2, .. at these seconds after noon."""
    return [recorded(number, round(second * 1_000_000)) for number, second in enumerate(seconds, 1)]


def raw(
    start: datetime = OPEN, end: datetime = OPEN, count: int = 0, *, bounds: bool = False, modified: bool = False
) -> ua.ReadRawModifiedDetails:
    return ua.ReadRawModifiedDetails(modified, start, end, count, bounds)


def node(path: str = "status.result_seq", point: bytes | None = None, station: str = "s1", **more: Any) -> Any:
    """One node to read."""
    item = ua.HistoryReadValueId(tag_id(path, station))
    item.ContinuationPoint = point
    for name, value in more.items():
        setattr(item, name, value)
    return item


async def history_read(
    client: Client,
    details: Any,
    *items: ua.HistoryReadValueId,
    stamps: ua.TimestampsToReturn = ua.TimestampsToReturn.Source,
    release: bool = False,
) -> list[ua.HistoryReadResult]:
    """One HistoryRead request. Raises UaStatusCodeError where it is refused as a whole."""
    params = ua.HistoryReadParameters()
    params.HistoryReadDetails = details
    params.TimestampsToReturn = stamps
    params.ReleaseContinuationPoints = release
    params.NodesToRead = list(items)
    results: list[ua.HistoryReadResult] = await client.uaclient.history_read(params)
    return results


def values(result: ua.HistoryReadResult) -> list[Value]:
    """What one node's answer holds."""
    data = result.HistoryData
    found: Iterable[ua.DataValue] = data.DataValues if isinstance(data, ua.HistoryData) else []
    return [
        (one.Value.Value if one.Value is not None else None, one.SourceTimestamp, one.StatusCode.name)  # type: ignore[union-attr]
        for one in found
    ]


def status(result: ua.HistoryReadResult) -> str:
    return str(result.StatusCode.name)


async def whole(client: Client, details: Any, path: str = "status.result_seq") -> list[Sequence[Value]]:
    """A whole read by way of its continuation points: its pages."""
    pages: list[Sequence[Value]] = []
    point: bytes | None = None
    while True:
        (result,) = await history_read(client, details, node(path, point))
        assert result.StatusCode.is_good(), result.StatusCode
        pages.append(values(result))
        point = result.ContinuationPoint
        if not point:
            return pages
        assert len(pages) < 1000

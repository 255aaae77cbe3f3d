"""The HistoryRead service: raw values of tags, and events, from the store of results (OPC UA Part 4 5.11.3, Part 11).

asyncua's own history keeps values in memory or in a table for each node, and knows no continuation points. This one
holds nothing: what was answered is in the store, how far a client has read is in its session's continuation points.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol, Self

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.address_space import AddressSpace
from asyncua.ua.status_codes import StatusCodes

from gateway.core.errors import SinkError
from gateway.plc.opcua.continuation_points import Points
from gateway.plc.opcua.history_read.domain import Domain, Entry, Place, Wanted, beginning, next_page
from gateway.plc.opcua.history_read.tags import TagHistory
from gateway.plc.opcua.history_read.values import Form, history_data
from gateway.plc.opcua.requests import GOOD, bad, parse_range
from gateway.ports import ResultStore
from gateway.worker import Worker

MOST_NODES = 100
"""Of one request; a client that wants more asks again."""
MOST_VALUES = 1000
"""Of one node in one response; 24 kB of numbers."""
MOST_EVENT_NODES = 10
MOST_EVENTS = 200
"""The same for events, which are a hundred times as large as a number."""
MOST_VALUES_TOGETHER = 10_000
"""Of all nodes of one response, so that it stays far below any client's largest message."""
NEVER = ua.get_win_epoch()
"""What clients send for a time that they leave open."""
LATEST = datetime(9999, 12, 30, tzinfo=UTC)
"""Later times, as OPC UA's greatest one, are taken for this: there is still time after it."""

Answer = ua.HistoryReadResult
Pages = dict[tuple[Wanted, Domain, Place, int], tuple[Sequence[Entry], Place]]
"""Pages of one request: several tags of a station are read at once."""


@dataclass(frozen=True, slots=True)
class Page:
    """How many values follow, these values, and what is left to be read."""

    count: int
    data: ua.ExtensionObject
    rest: "Read | None"


class Read(Protocol):
    """A read of one node that is not at its end."""

    @property
    def node(self) -> ua.NodeId: ...

    async def page(self, room: int, pages: Pages) -> Page:
        """What follows, `room` values at most. Raises SinkError."""
        ...


@dataclass(frozen=True, slots=True)
class HistorizedTag:
    """One tag node and its past."""

    station: str
    history: TagHistory


@dataclass(frozen=True, slots=True)
class Source:
    """Where histories come from, and the thread that puts them into bytes."""

    store: ResultStore
    thread: Worker

    async def entries(
        self, wanted: Wanted, domain: Domain, place: Place, room: int, pages: Pages
    ) -> tuple[Sequence[Entry], Place]:
        """One page, read once however many nodes of a request want it."""
        key = (wanted, domain, place, room)
        if key not in pages:
            pages[key] = await next_page(self.store, wanted, domain, place, room)
        return pages[key]


@dataclass(frozen=True, slots=True)
class RawRead:
    """Raw values of one tag."""

    source: Source
    node: ua.NodeId
    wanted: Wanted
    domain: Domain
    place: Place
    form: Form

    async def page(self, room: int, pages: Pages) -> Page:
        entries, place = await self.source.entries(self.wanted, self.domain, self.place, room, pages)
        data = await self.source.thread.submit(lambda: history_data(entries, self.form))
        return Page(len(entries), data, None if place.over else replace(self, place=place))


Begin = Callable[[ua.HistoryReadValueId], Read | int]
"""Makes the read of one node, or says by a status code why there is none."""
EventReads = Callable[[ua.ReadEventDetails, Source], Begin]
"""Makes a Begin for the details of an event read; raises ServiceError where they are wrong."""


class HistoryService:
    """HistoryRead for all sessions. Enter it to have its thread; without a store no node has a history."""

    def __init__(
        self,
        aspace: AddressSpace,
        store: ResultStore | None,
        tags: Mapping[ua.NodeId, HistorizedTag],
        events: EventReads | None = None,
    ) -> None:
        self._aspace = aspace
        self._tags = tags
        self._events = events
        self._thread = Worker("opcua-history")
        self._source = Source(store, self._thread) if store is not None else None

    async def __aenter__(self) -> Self:
        self._thread.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._thread.dismiss()
        await self._thread.wait_ended()

    async def read(self, params: ua.HistoryReadParameters, points: Points[Read]) -> list[Answer]:
        """One request of the session that has these points. Raises ServiceError for a request wrong as a whole."""
        items = params.NodesToRead
        if not items:
            raise ServiceError(StatusCodes.BadNothingToDo)
        of_events = isinstance(params.HistoryReadDetails, ua.ReadEventDetails)
        if len(items) > (MOST_EVENT_NODES if of_events else MOST_NODES):
            raise ServiceError(StatusCodes.BadTooManyOperations)
        if params.ReleaseContinuationPoints:
            return [_release(item, points) for item in items]
        begin = self._begin(params, fresh=any(not item.ContinuationPoint for item in items))
        room = min(MOST_VALUES, MOST_VALUES_TOGETHER // len(items))
        request = _Request(points, begin, room)
        return [await request.answer(item) for item in items]

    def _begin(self, params: ua.HistoryReadParameters, *, fresh: bool) -> Begin:
        """`fresh`: there are nodes to be read from their beginning, so the details matter."""
        details = params.HistoryReadDetails
        if not isinstance(details, ua.HistoryReadDetails):
            raise ServiceError(StatusCodes.BadHistoryOperationInvalid)
        begin: Begin = self._refuse
        if self._source is None or not fresh:
            begin = self._refuse
        elif type(details) is ua.ReadRawModifiedDetails:
            begin = self._raw(details, params.TimestampsToReturn, self._source)
        elif isinstance(details, ua.ReadEventDetails) and self._events is not None:
            begin = self._events(details, self._source)
        return lambda item: begin(item) if item.NodeId in self._aspace else StatusCodes.BadNodeIdUnknown

    def _refuse(self, _: ua.HistoryReadValueId) -> int:
        return StatusCodes.BadHistoryOperationUnsupported

    def _raw(self, details: ua.ReadRawModifiedDetails, stamps: ua.TimestampsToReturn, source: Source) -> Begin:
        if stamps not in (ua.TimestampsToReturn.Source, ua.TimestampsToReturn.Server, ua.TimestampsToReturn.Both):
            raise ServiceError(StatusCodes.BadTimestampsToReturnInvalid)
        domain = domain_of(details, bounds=details.ReturnBounds)
        if details.IsReadModified:
            code = (
                StatusCodes.BadInvalidArgument if details.ReturnBounds else StatusCodes.BadHistoryOperationUnsupported
            )
            return lambda _: code

        def begin(item: ua.HistoryReadValueId) -> Read | int:
            tag = self._tags.get(item.NodeId)
            if tag is None:
                return StatusCodes.BadHistoryOperationUnsupported
            if (code := _item_fault(item)) != GOOD:
                return code
            wanted = Wanted(tag.station, tag.history.presented)
            form = Form(tag.history, stamps, item.IndexRange)
            return RawRead(source, item.NodeId, wanted, domain, beginning(domain), form)

        return begin


class _Request:
    """One HistoryRead under way."""

    def __init__(self, points: Points[Read], begin: Begin, room: int) -> None:
        self._points, self._begin, self._room = points, begin, room
        self._issued: set[bytes] = set()
        self._pages: Pages = {}

    async def answer(self, item: ua.HistoryReadValueId) -> Answer:
        read = self._resumed(item) if item.ContinuationPoint else self._begin(item)
        if isinstance(read, int):
            return Answer(bad(read))
        try:
            page = await read.page(self._room, self._pages)
        except SinkError:  # the store has logged it
            if item.ContinuationPoint:
                self._points.put_back(item.ContinuationPoint, read)
            return Answer(bad(StatusCodes.BadDataUnavailable))
        point = self._points.keep(page.rest, self._issued) if page.rest is not None else None
        if page.rest is not None and point is None:
            return Answer(bad(StatusCodes.BadNoContinuationPoints))
        return Answer(bad(GOOD if page.count or point else StatusCodes.GoodNoData), point, page.data)

    def _resumed(self, item: ua.HistoryReadValueId) -> Read | int:
        read = self._points.take(item.ContinuationPoint)
        if read is None or read.node != item.NodeId:
            return StatusCodes.BadContinuationPointInvalid
        return read


def domain_of(details: ua.ReadRawModifiedDetails | ua.ReadEventDetails, *, bounds: bool) -> Domain:
    """The time that is asked for. Raises ServiceError where that cannot be told."""
    start, end = _moment(details.StartTime), _moment(details.EndTime)
    domain = Domain.of(start, end, details.NumValuesPerNode, bounds=bounds)
    if domain is None:
        raise ServiceError(StatusCodes.BadHistoryOperationInvalid)
    return domain


def _moment(time: datetime | None) -> datetime | None:
    return None if time is None or time <= NEVER else min(time, LATEST)


def _item_fault(item: ua.HistoryReadValueId) -> int:
    """What is wrong with how the values are wanted: tags are no structures, so they have but one encoding."""
    if item.DataEncoding is not None and item.DataEncoding.Name:
        return StatusCodes.BadDataEncodingInvalid
    if item.IndexRange and parse_range(item.IndexRange) is None:
        return StatusCodes.BadIndexRangeInvalid
    return GOOD


def _release(item: ua.HistoryReadValueId, points: Points[Read]) -> Answer:
    known = points.take(item.ContinuationPoint) is not None if item.ContinuationPoint else False
    return Answer(bad(GOOD if known else StatusCodes.BadContinuationPointInvalid))

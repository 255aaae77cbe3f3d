"""The history of ResultReady events: made of the stored results when somebody asks, field by field as they were told.

At a VisionSystem there are those of its station, at the Server object those of all stations.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from asyncua import ua
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_to_binary

from gateway.plc.opcua.history_read.domain import Domain, Entry, Place, Wanted, beginning
from gateway.plc.opcua.history_read.service import MOST_EVENTS, Begin, Page, Pages, Read, Source, domain_of
from gateway.plc.opcua.history_read.values import packed
from gateway.plc.opcua.machine_vision.event_filter import TypeTree, filter_status, passes, select
from gateway.plc.opcua.machine_vision.events import RESULT_READY, SERVER, Path, VisionEvent, base_path, model_path
from gateway.plc.opcua.machine_vision.telling import RESULT_FIELDS, result_event
from gateway.plc.opcua.machine_vision.values import WORDS, result_data
from gateway.plc.opcua.machine_vision.vision import VisionSystem
from gateway.plc.opcua.nodes import standard_id
from gateway.plc.opcua.requests import GOOD
from gateway.ports import StoredResult
from gateway.worker import Courtesy

AT_ONCE = 50
"""Results that are read and looked at in one go."""
MOST_SEEN = 1000
"""Results that one answer looks at. Where the filter wants few, it ends early, with a continuation point."""
_NO_END = 0xFFFF_FFFF

_EVENTS = standard_id(ObjectIds.HistoryEvent_Encoding_DefaultBinary)


_BASE_FIELDS = (
    "EventId", "EventType", "SourceNode", "SourceName", "Time", "ReceiveTime", "LocalTime", "Message", "Severity",
)  # fmt: skip


def kept_events() -> ua.EventFilter:
    """Which events and which of their fields there are: all of ResultReady (HistoricalEventFilter, Part 11 5.4.2)."""
    base = standard_id(ObjectIds.BaseEventType)
    fields = [_operand(base, base_path(name)) for name in _BASE_FIELDS]
    fields += [_operand(RESULT_READY, model_path(name)) for name in RESULT_FIELDS]
    kind = ua.LiteralOperand(ua.Variant(RESULT_READY, ua.VariantType.NodeId))
    return ua.EventFilter(fields, ua.ContentFilter([ua.ContentFilterElement(ua.FilterOperator.OfType, [kind])]))


def _operand(kind: ua.NodeId, path: Path) -> ua.SimpleAttributeOperand:
    names = [ua.QualifiedName(name, namespace) for namespace, name in path]
    return ua.SimpleAttributeOperand(kind, names, ua.IntegerId(AttributeIds.Value))


class EventHistory:
    """The events of these vision systems."""

    def __init__(self, systems: Sequence[VisionSystem], types: TypeTree) -> None:
        self._systems: Mapping[str, VisionSystem] = {system.station.name: system for system in systems}
        self._stations: Mapping[ua.NodeId, str | None] = {
            SERVER: None,
            **{system.root: system.station.name for system in systems},
        }
        self.types = types

    @property
    def nodes(self) -> Sequence[ua.NodeId]:
        """The objects that have a history."""
        return list(self._stations)

    def event(self, stored: StoredResult) -> VisionEvent | None:
        """The event that told of this result; None for one of a station that is not here any more."""
        system = self._systems.get(stored.station)
        if system is None:
            return None
        data = result_data(stored, system.catalogue)
        return result_event(system.source, data, WORDS[stored.result.verdict], stored.answered)

    def begin(self, details: ua.ReadEventDetails, source: Source) -> Begin:
        """Reads with these details. Raises ServiceError where they name no time."""
        domain = domain_of(details, bounds=False)
        wanted = details.Filter
        code = filter_status(wanted) if isinstance(wanted, ua.EventFilter) else StatusCodes.BadEventFilterInvalid

        def one(item: ua.HistoryReadValueId) -> Read | int:
            if item.NodeId not in self._stations or not _is_plain(details):
                return StatusCodes.BadHistoryOperationUnsupported
            if code != GOOD:
                return code
            # What the filter leaves out does not count, so the store's own count is none.
            everything = replace(domain, count=_NO_END if domain.end is None else 0)
            place, station = beginning(everything), self._stations[item.NodeId]
            return EventRead(self, source, item.NodeId, Wanted(station), everything, place, wanted, domain.count)

        return one


def _is_plain(details: ua.ReadEventDetails) -> bool:
    """Neither modified nor sorted events are supported."""
    modified = isinstance(details, ua.ReadEventDetails2) and details.ReadModified
    return not modified and type(details).__name__ in ("ReadEventDetails", "ReadEventDetails2")


@dataclass(frozen=True, slots=True)
class EventRead:
    """The events of one object. `left` counts down where an end is open; otherwise it is the most of one page."""

    history: EventHistory
    source: Source
    node: ua.NodeId
    wanted: Wanted
    domain: Domain
    place: Place
    filter: ua.EventFilter
    left: int

    async def page(self, room: int, pages: Pages) -> Page:
        most = min(room, MOST_EVENTS, self.left or MOST_EVENTS)
        found: list[bytes] = []
        place, seen = self.place, 0
        while len(found) < most and not place.over and seen < MOST_SEEN:
            entries, after = await self.source.entries(self.wanted, self.domain, place, AT_ONCE, pages)
            look = _Look(self, entries, most - len(found))
            pieces, used = await self.source.thread.submit(look.pieces)
            found += pieces
            seen += len(entries)
            place = after if used == len(entries) else replace(place, after=entries[used - 1].stored)
        data = await self.source.thread.submit(lambda: packed(_EVENTS, found, len(found)))
        return Page(len(found), data, self._rest(place, len(found)))

    def _rest(self, place: Place, found: int) -> Self | None:
        if self.domain.end is not None:
            return None if place.over else replace(self, place=place)
        left = self.left - found
        return None if place.over or left <= 0 else replace(self, place=place, left=left)


@dataclass(frozen=True, slots=True)
class _Look:
    """The events of some results, as far as the client wants them. For the thread."""

    read: EventRead
    entries: Sequence[Entry]
    most: int

    def pieces(self) -> tuple[list[bytes], int]:
        """The encoded events, and how many results were looked at until there were enough of them."""
        found: list[bytes] = []
        courtesy = Courtesy()
        for number, entry in enumerate(self.entries, 1):
            if (piece := self._piece(entry)) is not None:
                found.append(piece)
            if len(found) == self.most:
                return found, number
            courtesy.step_aside()
        return found, len(self.entries)

    def _piece(self, entry: Entry) -> bytes | None:
        history, wanted = self.read.history, self.read.filter
        event = history.event(entry.stored) if entry.stored is not None else None
        if event is None or not passes(event, wanted.WhereClause, history.types):
            return None
        fields: Any = select(event, wanted.SelectClauses, history.types)
        return struct_to_binary(ua.HistoryEventFieldList(fields))

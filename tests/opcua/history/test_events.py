"""The history of ResultReady events: what was told live is there afterwards, field by field, for each filter."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.core import actions as act
from gateway.core.result import Origin, Reason, no_decision
from gateway.plc.opcua.history_read import events as history_events
from gateway.plc.opcua.history_read import service
from gateway.plc.opcua.history_read.events import kept_events
from gateway.plc.opcua.machine_vision.events import JOB_STARTED, RESULT_READY, SERVER, model_path
from gateway.plc.opcua.nodes import node_id
from gateway.ports import Recorded, Step
from gateway.sinks.history import History
from tests.opcua.desk import NOK, OK, DeskStation, until
from tests.opcua.history.past import OPEN, Past, answered_at, at, history_read, past, raw, status
from tests.sinks.results import recorded, registrar

VISION = node_id("s1.vision")
EVENT_ID, EVENT_TYPE, SOURCE_NODE, TIME = 0, 1, 2, 4
Fields = list[Any]


def details(
    start: datetime = OPEN, end: datetime = OPEN, count: int = 0, wanted: ua.EventFilter | None = None
) -> ua.ReadEventDetails:
    return ua.ReadEventDetails(count, start, end, kept_events() if wanted is None else wanted)


def where(*elements: ua.ContentFilterElement) -> ua.EventFilter:
    """The usual fields of the events that this lets through."""
    return ua.EventFilter(kept_events().SelectClauses, ua.ContentFilter(list(elements)))


def of_type(kind: ua.NodeId) -> ua.ContentFilterElement:
    literal = ua.LiteralOperand(ua.Variant(kind, ua.VariantType.NodeId))
    return ua.ContentFilterElement(ua.FilterOperator.OfType, [literal])


def simulated(yes: bool) -> ua.ContentFilterElement:
    names = [ua.QualifiedName(name, namespace) for namespace, name in model_path("IsSimulated")]
    field = ua.SimpleAttributeOperand(RESULT_READY, names, ua.IntegerId(AttributeIds.Value))
    literal = ua.LiteralOperand(ua.Variant(yes, ua.VariantType.Boolean))
    return ua.ContentFilterElement(ua.FilterOperator.Equals, [field, literal])


def item(node: ua.NodeId = VISION, point: bytes | None = None) -> ua.HistoryReadValueId:
    wanted = ua.HistoryReadValueId(node)
    wanted.ContinuationPoint = point
    return wanted


def events(result: ua.HistoryReadResult) -> list[Fields]:
    data = result.HistoryData
    return (
        [[one.Value for one in event.EventFields] for event in data.Events] if isinstance(data, ua.HistoryEvent) else []
    )


def parts(found: Sequence[Fields]) -> list[str]:
    place = [path.BrowsePath[-1].Name for path in kept_events().SelectClauses].index("PartId")
    return [event[place].Id for event in found]


async def whole(client: Client, wanted: ua.ReadEventDetails, node: ua.NodeId = VISION) -> list[list[Fields]]:
    """A whole read by way of its continuation points: its pages."""
    pages: list[list[Fields]] = []
    point: bytes | None = None
    while True:
        (result,) = await history_read(client, wanted, item(node, point))
        assert result.StatusCode.is_good(), result.StatusCode
        pages.append(events(result))
        point = result.ContinuationPoint
        if not point:
            return pages
        assert len(pages) < 1000


@asynccontextmanager
async def told(*answers: Recorded, **settings: Any) -> AsyncIterator[Past]:
    async with past(*answers, machine_vision=True, **settings) as opened:
        yield opened


class Listener:
    """Takes events down as they come."""

    def __init__(self) -> None:
        self.found: list[Fields] = []

    def event_notification(self, event: Any) -> None:
        self.found.append([getattr(event, "/".join(str(n.Name) for n in path.BrowsePath)) for path in clauses()])

    def status_change_notification(self, change: Any) -> None:
        """Nothing here depends on it."""


def clauses() -> Sequence[ua.SimpleAttributeOperand]:
    return kept_events().SelectClauses


def follow(station: DeskStation, history: History) -> None:
    """The station's answers go into the history, as a real one's do."""

    def note(step: Step) -> None:
        for action in step.actions:
            if isinstance(action, act.Record):
                history.put(Recorded(station.name, action.result, step.after.counts, action.presented))

    station.observe(note)


@pytest.mark.parametrize("node", [SERVER, VISION], ids=["server", "vision system"])
async def test_what_was_told_is_in_the_history_field_by_field(node: ua.NodeId) -> None:
    listener = Listener()
    async with told() as opened:
        station = opened.bench.station
        follow(station, opened.history)
        subscription = await opened.client.create_subscription(10, listener)
        await subscription._subscribe(  # asyncua's own way asks the server for each type first
            opened.client.get_node(node), AttributeIds.EventNotifier, where(of_type(RESULT_READY)), queuesize=100
        )
        station.enable()
        for judgement in (OK, NOK, no_decision(Reason.NO_IMAGE)):
            station.run(judgement)
        await until(lambda: len(listener.found) == 3)
        (result,) = await history_read(opened.client, details(at(-1e9), at(1e9)), item(node))
        await subscription.delete()
    assert status(result) == "Good"
    # As texts: a score that is none is no number, and equals nothing.
    assert [list(map(repr, event)) for event in events(result)] == [list(map(repr, event)) for event in listener.found]
    assert all(value is not None for value in events(result)[0])


async def test_events_of_before_a_restart_are_the_same_afterwards(tmp_path: Path) -> None:
    origin = Origin("job", "job 1", "m1", "p1")
    async with told(recorded(1, origin=origin), file=tmp_path / "h.db") as opened:
        before = await whole(opened.client, details(at(-1), at(100)))
    async with told(file=tmp_path / "h.db", made=registrar(18)) as opened:
        assert await whole(opened.client, details(at(-1), at(100))) == before
    assert parts(before[0]) == ["part 1"]


async def test_a_vision_system_tells_of_itself_and_the_server_of_all() -> None:
    answers = [recorded(1), recorded(2, station="s2"), recorded(3), recorded(4, station="gone")]
    async with told(*answers, stations=["s1", "s2"]) as opened:
        items = [item(), item(node_id("s2.vision")), item(SERVER)]
        results = await history_read(opened.client, details(at(-1), at(100)), *items)
        assert [parts(events(one)) for one in results] == [
            ["part 1", "part 3"],
            ["part 2"],
            ["part 1", "part 2", "part 3"],
        ]


@pytest.mark.parametrize(
    ("start", "end", "count", "expected"),
    [
        (1, 3, 0, [1, 2]),
        (3, 1, 0, [3, 2]),
        (2, 2, 0, [2]),
        (2.5, 2.5, 0, []),
        (2, None, 2, [2, 3]),
        (None, 3, 2, [3, 2]),
        (None, 3, 9, [3, 2, 1]),
        (0, 9, 2, [1, 2, 3, 4, 5]),
        (9, 0, 2, [5, 4, 3, 2, 1]),
    ],
)
async def test_times_and_counts(start: float | None, end: float | None, count: int, expected: list[int]) -> None:
    async with told(*answered_at(1, 2, 3, 4, 5)) as opened:
        first, last = (OPEN if one is None else at(one) for one in (start, end))
        pages = await whole(opened.client, details(first, last, count))
        assert [part for page in pages for part in parts(page)] == [f"part {one}" for one in expected]
        assert all(len(page) <= (count or 99) for page in pages)
        (result,) = await history_read(opened.client, details(first, last, count), item())
        assert status(result) == ("Good" if expected else "GoodNoData")


@pytest.mark.parametrize("seen", [1, 2, 1000])
@pytest.mark.parametrize("count", [0, 1, 3])
async def test_filters_choose_and_do_not_count(count: int, seen: int) -> None:
    answers = [recorded(number, origin=Origin(simulated=number % 3 == 0)) for number in range(1, 20)]
    both = ua.ContentFilterElement(
        ua.FilterOperator.And, [ua.ElementOperand(ua.UInt32(1)), ua.ElementOperand(ua.UInt32(2))]
    )
    wanted = where(both, of_type(RESULT_READY), simulated(True))
    with patch.object(history_events, "MOST_SEEN", seen), patch.object(history_events, "AT_ONCE", min(seen, 5)):
        async with told(*answers) as opened:
            closed = await whole(opened.client, details(at(-1), at(100), count, wanted))
            assert [part for page in closed for part in parts(page)] == [f"part {one}" for one in range(3, 20, 3)]
            assert all(len(page) <= (count or 99) for page in closed)
            if count:
                open_end = await whole(opened.client, details(at(-1), OPEN, count, wanted))
                assert [part for page in open_end for part in parts(page)] == [
                    f"part {3 * n}" for n in range(1, count + 1)
                ]
            for kind, expected in ((JOB_STARTED, 0), (ua.NodeId(ua.Int32(ObjectIds.BaseEventType)), 19)):
                found = await whole(opened.client, details(at(-1), at(100), 0, where(of_type(kind))))
                assert sum(map(len, found)) == expected


async def test_pages_end_where_the_server_says() -> None:
    async with told(*answered_at(*(number * 0.01 for number in range(450)))) as opened:
        pages = await whole(opened.client, details(at(-1), at(100)))
        assert [len(page) for page in pages] == [200, 200, 50]
        assert [part for page in pages for part in parts(page)] == [f"part {number}" for number in range(1, 451)]


async def test_reads_that_are_wrong() -> None:
    async with told(*answered_at(1)) as opened:

        async def one(wanted: Any, node: ua.NodeId = VISION) -> str:
            return status((await history_read(opened.client, wanted, item(node)))[0])

        good = details(at(-1), at(100))
        assert await one(good, node_id("s1.status.verdict")) == "BadHistoryOperationUnsupported"
        assert await one(good, node_id("s1")) == "BadHistoryOperationUnsupported"
        assert await one(good, node_id("nobody")) == "BadNodeIdUnknown"
        assert await one(raw(at(-1), at(100))) == "BadHistoryOperationUnsupported"
        nothing = ua.EventFilter([], ua.ContentFilter())
        assert await one(details(at(-1), at(100), 0, nothing)) == "BadEventFilterInvalid"
        bitwise = ua.ContentFilterElement(ua.FilterOperator.BitwiseAnd, [])
        assert await one(details(at(-1), at(100), 0, where(bitwise))) == "BadFilterOperatorUnsupported"
        second = ua.ReadEventDetails2(0, at(-1), at(100), kept_events(), False)
        assert await one(second) == "Good"
        assert (
            await one(ua.ReadEventDetails2(0, at(-1), at(100), kept_events(), True)) == "BadHistoryOperationUnsupported"
        )
        for wrong in (details(at(1)), details(OPEN, at(1)), details(count=3)):
            with pytest.raises(ua.uaerrors.BadHistoryOperationInvalid):
                await one(wrong)
        with pytest.raises(ua.uaerrors.BadTooManyOperations):
            await history_read(opened.client, good, *[item()] * (service.MOST_EVENT_NODES + 1))


async def test_objects_say_that_their_events_have_a_history() -> None:
    async with told() as opened:
        for node in (SERVER, VISION):
            place = opened.client.get_node(node)
            notifier = (await place.read_attribute(AttributeIds.EventNotifier)).Value
            assert notifier is not None
            assert notifier.Value == 5
            kept = await (await place.get_child("0:HistoricalEventFilter")).read_value()
            assert [one.BrowsePath[-1].Name for one in kept.SelectClauses][:2] == ["EventId", "EventType"]
        kinds = opened.client.get_node(ObjectIds.DefaultHEConfiguration_EventTypes)
        assert [one.nodeid for one in await kinds.get_children()] == [RESULT_READY]
        told_so = opened.client.get_node(ObjectIds.HistoryServerCapabilities_AccessHistoryEventsCapability)
        assert await told_so.read_value() is True


async def test_without_the_companion_model_there_are_no_events() -> None:
    async with past(*answered_at(1)) as opened:
        (result,) = await history_read(opened.client, details(at(-1), at(100)), item(SERVER))
        assert status(result) == "BadHistoryOperationUnsupported"
        notifier = (await opened.client.get_node(SERVER).read_attribute(AttributeIds.EventNotifier)).Value
        assert notifier is not None
        assert notifier.Value == 1

"""Events over the wire: every field, at the Server object and at the vision system, as filters want them."""

import math
from collections.abc import Sequence
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError

from gateway.core import events as ev
from gateway.core.result import Detection, Judgement, Origin, Reason, Verdict, no_decision
from gateway.plc.opcua.machine_vision import data_types as types
from gateway.plc.opcua.machine_vision.data_types import model_id
from tests.opcua.desk import NOK, Bench, DeskStation, bench, until, view
from tests.opcua.machine_vision.sight import (
    BASE,
    SERVER,
    Told,
    element,
    event_filter,
    literal,
    model_field,
    of_type,
    operand,
    told,
    vision_id,
)

RESULT_FIELDS = (
    "ResultId", "IsPartial", "IsSimulated", "ResultState", "MeasId", "PartId", "ExternalRecipeId", "InternalRecipeId",
    "ProductId", "ExternalConfigurationId", "InternalConfigurationId", "JobId", "CreationTime", "ProcessingTimes",
    "ResultContent",
)  # fmt: skip
RESULT_PATHS = (*BASE, *map(model_field, RESULT_FIELDS))
JOB = model_field("JobId")
RESULT_READY = model_id(1024)
Operator = ua.FilterOperator


def _content(event: dict[str, Any]) -> list[Any]:
    return [one.Value for one in event[model_field("ResultContent")]]


@pytest.mark.parametrize("at", [SERVER, vision_id()], ids=["Server", "VisionSystem"])
async def test_a_result_arrives_with_every_field_filled(desk: Bench, client: Client, at: ua.NodeId) -> None:
    async with told(client, RESULT_PATHS, of_type(RESULT_READY), at=at) as events:
        desk.station.trigger("part ä", Origin("job", "job 1", "meas 2", "prod 3"))
        desk.station.answer(NOK)
        (event,) = await events.wait(1)
    assert {path for path, value in event.items() if value is None} == set()
    assert len(event["EventId"]) == 16
    assert (event["SourceNode"], event["SourceName"]) == (vision_id(), "station1 vision")
    assert event["Severity"] == 250
    assert "part ä" in event["Message"].Text
    assert event["Time"] == event[model_field("CreationTime")]
    assert (event[JOB].Id, event[model_field("MeasId")].Id, event[model_field("PartId")].Id) == (
        "job 1",
        "meas 2",
        "part ä",
    )
    assert event[model_field("ProductId")].Id == "prod 3"
    recipe, internal = event[model_field("ExternalRecipeId")], event[model_field("InternalRecipeId")]
    assert (type(recipe), recipe.Id) == (types.RecipeIdExternalDataType, "bottle")
    assert (type(internal), internal.Id, internal.Description.Text) == (types.RecipeIdInternalDataType, "1", "bottle")
    configuration = event[model_field("InternalConfigurationId")]
    assert (configuration.Id, configuration.HashAlgorithm, len(configuration.Hash)) == ("station1", "SHA-256", 32)
    assert [event[model_field(name)] for name in ("IsPartial", "IsSimulated", "ResultState")] == [False, False, 1]
    times = event[model_field("ProcessingTimes")]
    assert times.StartTime <= times.EndTime
    assert times.ProcessingDuration == 4.0


async def test_the_content_has_the_verdict_first_then_the_detections_then_the_values(
    desk: Bench, client: Client
) -> None:
    async with told(client, RESULT_PATHS, of_type(RESULT_READY)) as events:
        desk.station.run(NOK)
        (event,) = await events.wait(1)
    content = event[model_field("ResultContent")]
    kinds = [one.VariantType.name for one in content]
    assert kinds == ["UInt16", "String", "UInt16", "String", "Double", "UInt32", "String", "String", "Int64"]
    verdict, word, reason, text, score, count, detections, names, gap = _content(event)
    assert (verdict, word, reason, text, score, count) == (2, "NOK", 0, "", 0.75, 2)
    assert detections.startswith('[{"label": "Scratch", "class": 1, "confidence": 0.987, "x": 10')
    assert "Fleck ä" in detections
    assert (names, gap) == (["gap"], 123)


@pytest.mark.parametrize(
    ("judgement", "state", "start"),
    [
        (Judgement(Verdict.OK, score=0.5), 1, [1, "OK", 0, "", 0.5]),
        (no_decision(Reason.TIMEOUT), 4, [3, "NO DECISION", 8, "no answer within the inspection's time"]),
        (no_decision(Reason.CANCELLED, "why"), 3, [3, "NO DECISION", 12, "why"]),
    ],
)
async def test_the_state_of_a_result_tells_how_far_the_evaluation_got(
    desk: Bench, client: Client, judgement: Judgement, state: int, start: list[Any]
) -> None:
    async with told(client, RESULT_PATHS, of_type(RESULT_READY)) as events:
        desk.station.run(judgement)
        (event,) = await events.wait(1)
    assert event[model_field("ResultState")] == state
    assert _content(event)[: len(start)] == start
    assert math.isnan(_content(event)[4]) == (judgement.score is None)


async def test_what_pekat_says_can_be_sent_whatever_it_is(desk: Bench, client: Client) -> None:
    """Half a surrogate pair, numbers that no integer holds: JSON knows no bounds."""
    odd = Judgement(
        Verdict.NOK,
        detections=(Detection("\ud800", 1, 0.5, 1, 2, 3, 4),),
        user_values=(("a", "\udfff"), ("b", 10**30), ("c", 10**400), ("d", True), ("e", -1.5)),
    )
    async with told(client, RESULT_PATHS, of_type(RESULT_READY)) as events:
        desk.station.run(odd)
        (event,) = await events.wait(1)
    assert _content(event)[7:] == [["a", "b", "c", "d", "e"], "?", 1e30, math.inf, True, -1.5]


async def test_one_inspection_is_a_job_with_all_its_events_in_order(desk: Bench, client: Client) -> None:
    kinds = {
        model_id(n): name
        for n, name in ((1018, "changed"), (1013, "job"), (1025, "taken"), (1024, "result"), (1023, "ready"))
    }
    async with told(client, ("EventType", JOB)) as events:
        desk.station.run()
        await events.wait(6)
    seen = [(kinds[event["EventType"]], event[JOB].Id if event[JOB] else None) for event in events.events]
    job = seen[1][1]
    assert job
    assert seen == [("changed", None), ("job", job), ("taken", job), ("result", job), ("changed", None), ("ready", job)]


async def test_a_result_of_a_trigger_by_tags_is_a_job_named_as_its_result(desk: Bench, client: Client) -> None:
    async with told(client, (JOB, model_field("ResultId")), of_type(RESULT_READY)) as events:
        desk.station.run()
        (event,) = await events.wait(1)
    assert event[JOB].Id == event[model_field("ResultId")].Id


async def test_a_continuous_run_is_one_job_with_many_results(desk: Bench, client: Client) -> None:
    async with told(client, ("EventType", JOB)) as events:
        desk.station.run_continuously("p", Origin("continuous", "run 1"))
        for _ in range(3):
            desk.station.picture()
            desk.station.answer()
        desk.station.stop()
        await events.wait(10)
    assert [event[JOB].Id for event in events.of(1013)] == ["run 1"]
    assert [event[JOB].Id for event in events.of(1024)] == ["run 1"] * 3
    assert [event[JOB].Id for event in events.of(1023)] == ["run 1"]


async def test_a_prepared_recipe_is_told_of_where_a_method_asked_for_it(desk: Bench, client: Client) -> None:
    (system,) = desk.link.vision_systems
    fields = ("EventType", *map(model_field, ("ExternalId", "InternalId", "ProductId")))
    async with told(client, fields) as events:
        with system.caused_by("PrepareRecipe"):
            await desk.station.change_recipe(2)
        await desk.station.change_recipe(1)
        await events.wait(5)
    (event,) = events.of(1022)
    assert [event[path].Id for path in fields[1:]] == ["can", "2", "product 2"]


async def test_both_objects_tell_once_each(desk: Bench, client: Client) -> None:
    async with (
        told(client, ("EventId",), of_type(RESULT_READY)) as at_server,
        told(client, ("EventId",), of_type(RESULT_READY), at=vision_id()) as at_system,
    ):
        desk.station.run()
        desk.station.run()
        assert await at_server.wait(2) == await at_system.wait(2)


async def test_a_station_tells_only_of_itself() -> None:
    one, two = DeskStation("station1"), DeskStation("press 2")
    for station in (one, two):
        station.enable()
    async with bench(view(one), view(two)) as made:
        client = await made.connect()
        paths = ("SourceName",)
        async with (
            told(client, paths, of_type(RESULT_READY)) as everywhere,
            told(client, paths, of_type(RESULT_READY), at=vision_id(station="press 2")) as second,
        ):
            one.run()
            two.run()
            await everywhere.wait(2)
            await second.wait(1)
    assert [event["SourceName"] for event in everywhere.events] == ["station1 vision", "press 2 vision"]
    assert [event["SourceName"] for event in second.events] == ["press 2 vision"]


ALL = [1018, 1013, 1025, 1024, 1018, 1023]
FIELD = operand("3:PartId")


@pytest.mark.parametrize(
    ("where", "kinds"),
    [
        ([of_type(ua.NodeId(ua.Int32(ObjectIds.TransitionEventType)))], [1018, 1018]),
        ([of_type(ua.NodeId(ua.Int32(ObjectIds.BaseEventType)))], ALL),
        ([of_type(ua.NodeId(ua.Int32(ObjectIds.ConditionType)))], []),
        ([element(Operator.Not, ua.ElementOperand(1)), of_type(model_id(1018))], [1013, 1025, 1024, 1023]),
        ([element(Operator.Equals, operand("Severity"), literal(250, ua.VariantType.UInt16))], ALL),
        ([element(Operator.GreaterThan, operand("Severity"), literal(600, ua.VariantType.UInt16))], []),
        ([element(Operator.Between, operand("Severity"), literal(200), literal(300))], ALL),
        ([element(Operator.InList, operand("EventType"), *(literal(model_id(n)) for n in (1023, 1025)))], [1025, 1023]),
        ([element(Operator.Like, operand("Message"), literal("%Single%"))], [1018, 1018]),
        ([element(Operator.Like, operand("Message"), literal("[^r]eady _or%"))], []),
        ([element(Operator.Like, operand("Message"), literal("[r]eady _or%"))], [1023]),
        ([element(Operator.IsNull, FIELD)], [1018, 1013, 1025, 1018, 1023]),
        ([element(Operator.Not, ua.ElementOperand(1)), element(Operator.IsNull, FIELD)], [1024]),
        ([element(Operator.Equals, operand("3:Nothing"), literal(1))], []),
        ([element(Operator.Not, ua.ElementOperand(1)), element(Operator.Equals, operand("3:Nothing"), literal(1))], []),
        ([element(Operator.And, ua.ElementOperand(1), ua.ElementOperand(2)), of_type(model_id(1018)),
          element(Operator.Equals, operand("ToState/Number"), literal(7))], [1018]),
        ([element(Operator.Or, ua.ElementOperand(1), ua.ElementOperand(2)), of_type(model_id(1023)),
          of_type(model_id(1025))], [1025, 1023]),
        ([element(Operator.Equals, operand("Severity"), literal("text"))], []),
        ([element(Operator.Not, ua.ElementOperand(0))], []),
    ],
)  # fmt: skip
async def test_a_filter_lets_through_what_part_4_says(
    desk: Bench, client: Client, where: Sequence[ua.ContentFilterElement], kinds: list[int]
) -> None:
    """The control beside it is told of everything, so that what is missing was left out and is not only late."""
    async with told(client, ("EventType",), *where) as wanted, told(client, ("EventType",)) as control:
        desk.station.run()
        await control.wait(6)
        assert [event["EventType"].Identifier for event in await wanted.wait(len(kinds))] == kinds


async def test_fields_are_found_by_namespace_and_type(desk: Bench, client: Client) -> None:
    other = operand(JOB, model_id(1018))
    filter_ = event_filter([])
    filter_.SelectClauses = [operand(JOB), operand("JobId"), other, operand(JOB, RESULT_READY), operand("3:Nothing")]
    filter_.WhereClause.Elements = [of_type(RESULT_READY)]
    got: list[Any] = []

    class Handler:
        def event_notification(self, event: Any) -> None:
            got.append([one.Value for one in event.event_fields])

    subscription = await client.create_subscription(10, Handler())
    await subscription._subscribe(client.get_node(SERVER), AttributeIds.EventNotifier, filter_)
    async with told(client, ("EventType",)) as control:
        desk.station.run()
        await control.wait(6)
        await until(lambda: got)
    (fields,) = got
    assert [one is not None for one in fields] == [True, False, False, True, False]
    await subscription.delete()


def _unsupported() -> ua.EventFilter:
    return event_filter(("EventType",), element(Operator.InView, literal(model_id(1))))


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (event_filter(()), "BadEventFilterInvalid"),
        (_unsupported(), "BadFilterOperatorUnsupported"),
        (event_filter(("EventType",), element(Operator.Equals, operand("Severity"))), "BadFilterOperandCountMismatch"),
        (event_filter(("EventType",), element(Operator.Not, ua.ElementOperand(7))), "BadFilterOperandInvalid"),
        (None, "BadFilterNotAllowed"),
    ],
)
async def test_a_filter_that_is_none_is_refused(
    desk: Bench, client: Client, made: ua.EventFilter | None, status: str
) -> None:
    subscription = await client.create_subscription(10, None)
    with pytest.raises(UaError, match=status):
        await subscription._subscribe(client.get_node(SERVER), AttributeIds.EventNotifier, made)
    await subscription.delete()


async def test_nothing_is_made_while_nobody_listens(desk: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor for a client that watches tags alone."""
    made: list[object] = []
    monkeypatch.setattr(
        "gateway.plc.opcua.machine_vision.results_folder.result_data", lambda *given: made.append(given)
    )
    desk.station.run()
    desk.link.faces[0].flush()
    assert made == []


async def test_asyncuas_own_event_reader_understands_them(desk: Bench, client: Client) -> None:
    """Its filter lists each subtype, and asks for every field by its full path."""
    got: list[Any] = []

    class Handler:
        def event_notification(self, event: Any) -> None:
            got.append(event)

    subscription = await client.create_subscription(10, Handler())
    await subscription.subscribe_events(evtypes=client.get_node(RESULT_READY))
    async with told(client, ("EventType",)) as control:
        desk.station.post(ev.TriggerAsked(1, "p"))
        desk.station.answer()
        await control.wait(6)
        await until(lambda: got)
    assert got[0].PartId.Id == "p"
    await subscription.delete()


async def _modify(client: Client, subscription: Any, item: int, wanted: Any) -> str:
    request = ua.MonitoredItemModifyRequest()
    request.MonitoredItemId, request.RequestedParameters.Filter = item, wanted
    request.RequestedParameters.QueueSize = 100
    params = ua.ModifyMonitoredItemsParameters()
    params.SubscriptionId, params.ItemsToModify = subscription.subscription_id, [request]
    (result,) = await client.uaclient.modify_monitored_items(params)
    return str(result.StatusCode.name)


async def test_a_filter_can_be_changed_but_not_into_a_broken_one(desk: Bench, client: Client) -> None:
    events = Told(("EventType",))
    subscription = await client.create_subscription(10, events)
    item = await subscription._subscribe(
        client.get_node(SERVER), AttributeIds.EventNotifier, event_filter(("EventType",), of_type(RESULT_READY))
    )
    assert isinstance(item, int)
    assert await _modify(client, subscription, item, _unsupported()) == "BadFilterOperatorUnsupported"
    assert await _modify(client, subscription, item, event_filter(("EventType",), of_type(model_id(1023)))) == "Good"
    async with told(client, ("EventType",)) as control:
        desk.station.run()
        await control.wait(6)
        await events.wait(1)
    assert [event["EventType"] for event in events.events] == [model_id(1023)]
    await subscription.delete()

"""The Vision conditions over the wire: faults that stand, acknowledgement, confirmation, refresh, warnings."""

from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.uaerrors import UaError

from gateway.core import events as ev
from gateway.core.errors import Cause, ErrorCode, Fault
from gateway.core.result import Reason, no_decision
from gateway.plc.opcua.machine_vision.data_types import model_id
from tests.opcua.desk import Bench, DeskStation, bench, view
from tests.opcua.machine_vision.sight import (
    BASE,
    SERVER,
    Told,
    event_filter,
    model_field,
    of_type,
    told,
    values,
    vision_id,
)

CONDITION = ua.NodeId(ua.Int32(ObjectIds.ConditionType))
SOURCE_DOWN = Fault(ErrorCode.SOURCE_DOWN, Cause.SOURCE)
WARNING, ERROR, PERSISTENT = model_id(1034), model_id(1035), model_id(1036)
CODE, TEXT, RECIPE = map(model_field, ("ErrorCode", "ErrorString", "InternalRecipeId"))
STOP, BLOCK = map(model_field, ("StopReaction", "BlockReaction"))
STATES = ("Retain", "AckedState/Id", "ConfirmedState/Id", "EnabledState/Id", "AckedState", "Comment", "ClientUserId")
PATHS = ("", *BASE, "ConditionName", "BranchId", "Quality", "LastSeverity", *STATES, CODE, TEXT, STOP, BLOCK, RECIPE)
CONDITIONS = of_type(CONDITION)


async def _call(client: Client, path: str, *given: Any) -> str:
    """Call a method of a condition through its type's node, as Part 9 wants it; the status."""
    condition, _, name = path.rpartition(".")
    numbers = {
        "Acknowledge": ObjectIds.AcknowledgeableConditionType_Acknowledge,
        "Confirm": ObjectIds.AcknowledgeableConditionType_Confirm,
        "AddComment": ObjectIds.ConditionType_AddComment,
        "Enable": ObjectIds.ConditionType_Enable,
        "Disable": ObjectIds.ConditionType_Disable,
    }
    request = ua.CallMethodRequest()
    request.ObjectId, request.MethodId = vision_id(condition), ua.NodeId(ua.Int32(numbers[name]))
    request.InputArguments = [ua.Variant(*one) if isinstance(one, tuple) else ua.Variant(one) for one in given]
    (result,) = await client.uaclient.call([request])
    return str(result.StatusCode.name)


def _down(desk: Bench) -> None:
    desk.station.post(ev.PartFailed(SOURCE_DOWN))


def _up(desk: Bench) -> None:
    desk.station.post(ev.PartRecovered(SOURCE_DOWN))


async def test_a_standing_fault_is_a_condition_until_it_is_over_acknowledged_and_confirmed(
    desk: Bench, client: Client
) -> None:
    words = ua.LocalizedText("on my way", "en")
    async with told(client, PATHS, CONDITIONS) as events:
        _down(desk)
        (first,) = await events.wait(1)
        assert await _call(client, "SourceDown.Acknowledge", first["EventId"], words) == "Good"
        _up(desk)
        await events.wait(3)
        third = events.events[2]
        assert await _call(client, "SourceDown.Confirm", third["EventId"], ua.LocalizedText("plug")) == "Good"
        await events.wait(4)
    assert (first["EventType"], first[""], first["SourceNode"]) == (PERSISTENT, vision_id("SourceDown"), vision_id())
    assert (first[CODE], first[TEXT], first["Severity"]) == (20, "the image source is down", 850)
    assert (first["ConditionName"], first["BranchId"], first[RECIPE].Id) == ("SourceDown", ua.NodeId(), "1")
    assert [_states(event) for event in events.events] == [
        (True, False, False, True),
        (True, True, False, True),
        (True, True, False, False),
        (False, True, True, False),
    ]
    assert [event["Comment"].Text for event in events.events] == ["", "on my way", "on my way", "plug"]
    assert [event["ClientUserId"] for event in events.events] == ["", "pat", "pat", "pat"]
    assert [event["AckedState"].Text for event in events.events][:2] == ["Unacknowledged", "Acknowledged"]


def _states(event: dict[str, Any]) -> tuple[bool, bool, bool, bool]:
    return event["Retain"], event["AckedState/Id"], event["ConfirmedState/Id"], event[STOP]


async def test_acknowledging_needs_the_id_of_an_event_that_waits_for_it(desk: Bench, client: Client) -> None:
    async with told(client, PATHS, CONDITIONS) as events:
        _down(desk)
        (first,) = await events.wait(1)
        mine = first["EventId"]
        assert await _call(client, "SourceDown.Acknowledge", b"nobody's", ua.LocalizedText("")) == "BadEventIdUnknown"
        assert await _call(client, "InspectorDown.Acknowledge", mine, ua.LocalizedText("")) == "BadEventIdUnknown"
        assert await _call(client, "SourceDown.Acknowledge", mine, ua.LocalizedText("a")) == "Good"
        again = await _call(client, "SourceDown.Acknowledge", mine, ua.LocalizedText("b"))
        assert again == "BadConditionBranchAlreadyAcked"
        assert await _call(client, "SourceDown.AddComment", mine, ua.LocalizedText("c")) == "Good"
        assert await _call(client, "SourceDown.Acknowledge", mine) == "BadArgumentsMissing"
        assert await _call(client, "SourceDown.Acknowledge", 1, ua.LocalizedText("")) == "BadInvalidArgument"
    assert (await values(client, "SourceDown.Comment", "SourceDown.AckedState.Id")) == ["c", True]


async def test_a_fault_that_comes_again_has_to_be_acknowledged_again(desk: Bench, client: Client) -> None:
    async with told(client, PATHS, CONDITIONS) as events:
        _down(desk)
        (first,) = await events.wait(1)
        _up(desk)
        _down(desk)
        await events.wait(3)
        assert events.events[2]["AckedState/Id"] is False
        old = await _call(client, "SourceDown.Acknowledge", first["EventId"], ua.LocalizedText(""))
        assert old == "BadEventIdUnknown"


async def test_an_inspection_without_a_decision_is_an_error_condition_with_what_is_known_of_it(
    desk: Bench, client: Client
) -> None:
    part, result = model_field("PartId"), model_field("ResultId")
    async with told(client, (*PATHS, part, result), CONDITIONS) as events:
        desk.station.run(no_decision(Reason.NO_IMAGE))
        (event,) = await events.wait(1)
    assert (event["EventType"], event[CODE]) == (ERROR, 110)
    assert event[TEXT] == "no decision: no image came from the source in time"
    assert (event[part].Id, event[STOP]) == ("part", False)
    assert event[result].Id.endswith("-1")
    assert await values(client, "ErrorLatched.Retain", "ErrorLatched.ErrorCode") == [True, 110]


async def test_a_method_that_fails_warns(desk: Bench, client: Client) -> None:
    (system,) = desk.link.vision_systems
    async with told(client, PATHS, CONDITIONS) as events:
        system.warn(-107, "StartSingleJob: the result FIFO is full")
        (event,) = await events.wait(1)
        assert await _call(client, "MethodFailed.Acknowledge", event["EventId"], ua.LocalizedText("")) == "Good"
        await events.wait(2)
    assert (event["EventType"], event["Severity"], event[CODE]) == (WARNING, 500, 107)
    assert event["Message"].Text == "StartSingleJob: the result FIFO is full"
    assert [one["Retain"] for one in events.events] == [True, False]


async def _refresh(client: Client, subscription: Any, item: Any = None) -> str:
    request = ua.CallMethodRequest()
    number = ObjectIds.ConditionType_ConditionRefresh if item is None else ObjectIds.ConditionType_ConditionRefresh2
    request.ObjectId, request.MethodId = CONDITION, ua.NodeId(ua.Int32(number))
    request.InputArguments = [ua.Variant(one, ua.VariantType.UInt32) for one in (subscription, item) if one is not None]
    (result,) = await client.uaclient.call([request])
    return str(result.StatusCode.name)


async def test_who_comes_later_is_told_by_a_refresh(desk: Bench, client: Client) -> None:
    desk.station.run(no_decision(Reason.NO_IMAGE))
    _down(desk)
    events = Told(PATHS)
    subscription = await client.create_subscription(10, events)
    async with told(client, PATHS, CONDITIONS) as others:
        item = await subscription._subscribe(
            client.get_node(SERVER), AttributeIds.EventNotifier, event_filter(PATHS, CONDITIONS)
        )
        assert await _refresh(client, subscription.subscription_id) == "Good"
        await events.wait(4)
        assert await _refresh(client, subscription.subscription_id, item) == "Good"
        await events.wait(8)
        assert await _refresh(client, subscription.subscription_id, 99_999) == "BadMonitoredItemIdInvalid"
        assert await _refresh(client, 99_999) == "BadSubscriptionIdInvalid"
        another = await desk.connect()
        assert await _refresh(another, subscription.subscription_id) == "BadSubscriptionIdInvalid"
    start, end = (ua.NodeId(ua.Int32(n)) for n in (ObjectIds.RefreshStartEventType, ObjectIds.RefreshEndEventType))
    kinds = [event["EventType"] for event in events.events]
    assert kinds == [start, PERSISTENT, ERROR, end] * 2
    assert events.events[1]["EventId"] == events.events[5]["EventId"]
    assert others.events == []
    await subscription.delete()


async def test_a_refresh_reaches_who_listens_at_the_vision_system(desk: Bench, client: Client) -> None:
    _down(desk)
    events = Told(("EventType",))
    subscription = await client.create_subscription(10, events)
    wanted = event_filter(("EventType",), CONDITIONS)
    await subscription._subscribe(client.get_node(vision_id()), AttributeIds.EventNotifier, wanted)
    assert await _refresh(client, subscription.subscription_id) == "Good"
    await events.wait(3)
    assert events.events[1]["EventType"] == PERSISTENT
    await subscription.delete()


async def test_a_disabled_condition_says_that_and_then_nothing(desk: Bench, client: Client) -> None:
    async with told(client, PATHS, CONDITIONS) as events:
        assert await _call(client, "SourceDown.Disable") == "Good"
        assert await _call(client, "SourceDown.Disable") == "BadConditionAlreadyDisabled"
        desk.station.run(no_decision(Reason.NO_IMAGE))
        _down(desk)
        await events.wait(2)
        assert [(one["ConditionName"], one["EnabledState/Id"], one["Retain"]) for one in events.events] == [
            ("SourceDown", False, False),
            ("ErrorLatched", True, True),
        ]
        assert await _call(client, "SourceDown.Enable") == "Good"
        assert await _call(client, "SourceDown.Enable") == "BadConditionAlreadyEnabled"
        await events.wait(3)
        assert (events.events[2]["ConditionName"], events.events[2]["Retain"]) == ("SourceDown", True)


async def test_one_call_acknowledges_and_confirms_everything(desk: Bench, client: Client) -> None:
    desk.station.run(no_decision(Reason.NO_IMAGE))
    _down(desk)
    machine, method = vision_id("VisionStateMachine"), vision_id("VisionStateMachine.ConfirmAll")
    async with told(client, PATHS, CONDITIONS) as events:
        await client.get_node(machine).call_method(method, ua.Variant(ua.LocalizedText("all seen")))
        await events.wait(2)
    assert [(one["ConditionName"], one["AckedState/Id"]) for one in events.events] == [
        ("SourceDown", True),
        ("ErrorLatched", True),
    ]
    assert await values(client, "SourceDown.ConfirmedState.Id", "SourceDown.Comment") == [True, "all seen"]


async def test_a_viewer_may_not_acknowledge(desk: Bench, client: Client) -> None:
    anonymous = await desk.connect(None)
    async with told(anonymous, PATHS, CONDITIONS) as events:
        _down(desk)
        (first,) = await events.wait(1)
        assert await _call(anonymous, "SourceDown.Acknowledge", first["EventId"], ua.LocalizedText("")) == (
            "BadUserAccessDenied"
        )
        assert (await _refresh(anonymous, 99_999)) == "BadSubscriptionIdInvalid"


async def test_what_stands_already_when_the_server_comes_up_is_shown() -> None:

    station = DeskStation()
    station.post(ev.PartFailed(SOURCE_DOWN))
    async with bench(view(station)) as made:
        client = await made.connect()
        assert await values(client, "SourceDown.Retain", "SourceDown.ErrorString") == [True, "the image source is down"]


async def test_conditions_can_be_browsed_from_their_source(desk: Bench, client: Client) -> None:
    root = client.get_node(vision_id())
    found = await root.get_referenced_nodes(ObjectIds.HasCondition)
    assert {(await one.read_browse_name()).Name for one in found} == {
        "SourceDown", "InspectorDown", "WatchdogTripped", "ErrorLatched", "ArchiveDown", "JournalDown", "MethodFailed",
    }  # fmt: skip
    kinds = {await one.read_type_definition() for one in found}
    assert kinds == {WARNING, ERROR, PERSISTENT}
    server = client.get_node(ua.NodeId(ua.Int32(ObjectIds.Server)))
    assert vision_id() in [one.nodeid for one in await server.get_referenced_nodes(ObjectIds.HasNotifier)]


@pytest.mark.parametrize("name", ["Acknowledge", "Confirm", "AddComment", "Enable"])
async def test_the_instances_own_method_node_works_as_well(desk: Bench, client: Client, name: str) -> None:
    given = [] if name == "Enable" else [b"x", ua.LocalizedText("")]
    status = "BadConditionAlreadyEnabled" if name == "Enable" else "BadEventIdUnknown"
    with pytest.raises(UaError, match=status):
        await client.get_node(vision_id("SourceDown")).call_method(vision_id(f"SourceDown.{name}"), *given)


@pytest.mark.parametrize(
    ("fault", "name", "text"),
    [
        (Fault(ErrorCode.ARCHIVE_DOWN, Cause.ARCHIVE), "ArchiveDown", "the archive cannot keep its images"),
        (Fault(ErrorCode.JOURNAL_DOWN, Cause.JOURNAL), "JournalDown", "the journal cannot keep results"),
    ],
)
async def test_an_archive_or_a_journal_that_is_down_has_a_condition_of_its_own(
    desk: Bench, client: Client, fault: Fault, name: str, text: str
) -> None:
    """Beside another error that is latched: neither hides the other."""
    async with told(client, PATHS, CONDITIONS) as events:
        desk.station.run(no_decision(Reason.NO_IMAGE))
        desk.station.post(ev.PartFailed(fault))
        _, second = await events.wait(2)
        assert (second["EventType"], second[CODE], second[STOP]) == (ERROR, fault.code, False)
        assert second[TEXT] == text
        assert await values(client, "ErrorLatched.ErrorCode", f"{name}.ErrorCode") == [110, fault.code]
        desk.station.post(ev.PartRecovered(fault))
        *_, third = await events.wait(3)
        assert (third["ConditionName"], third["Retain"]) == (name, True)
        assert await values(client, "ErrorLatched.Retain") == [True]

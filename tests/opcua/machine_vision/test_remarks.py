"""Information and diagnostics, and the level that clients set."""

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds

from gateway.core import events as ev
from gateway.core.errors import OfflineReason
from gateway.plc.opcua.machine_vision.data_types import model_id
from tests.opcua.desk import Bench, bit, u16
from tests.opcua.machine_vision.sight import of_type, told, values, vision_id

LEVEL = "DiagnosticLevel"
WORDS = ("Message", "Severity")


async def _set(client: Client, value: ua.Variant) -> str:
    write = ua.WriteValue(vision_id(LEVEL), AttributeIds.Value, None, ua.DataValue(value))
    (status,) = await client.uaclient.write(ua.WriteParameters([write]))
    return str(status.name)


async def test_operators_are_told_what_changed(desk: Bench, client: Client) -> None:
    async with told(client, WORDS, of_type(model_id(1038))) as events:
        await desk.station.change_recipe(2)
        desk.station.simulate(True)
        desk.station.simulate(False)
        desk.station.post(ev.WentOffline(OfflineReason.OPERATOR))
        await events.wait(4)
    assert [event["Message"].Text for event in events.events] == [
        "recipe 2 is in force",
        "simulation mode is on",
        "simulation mode is off",
        "taken offline by an operator",
    ]
    assert {event["Severity"] for event in events.events} == {250}


async def test_diagnostics_come_as_far_as_they_are_wanted(desk: Bench, client: Client) -> None:
    async with told(client, WORDS, of_type(model_id(1037))) as events:
        desk.station.post(ev.TriggerAsked(1, "a"))
        desk.station.post(ev.TriggerAsked(2, "b"))  # refused, and nobody asked for diagnostics
        desk.station.answer()
        assert await _set(client, u16(1)) == "Good"
        assert await values(client, LEVEL) == [1]
        desk.station.post(ev.TriggerAsked(3, "c"))
        desk.station.post(ev.TriggerAsked(4, "d"))
        desk.station.answer()
        assert await _set(client, u16(2)) == "Good"
        desk.station.post(ev.TriggerAsked(5, "e"))
        await events.wait(2)
    assert [event["Message"].Text for event in events.events] == [
        "refused: exposing",
        "step: TriggerAsked, acquiring, 1 in flight",
    ]
    assert {event["Severity"] for event in events.events} == {100}


async def test_the_level_is_written_as_it_ought_to_be(desk: Bench, client: Client) -> None:
    anonymous = await desk.connect(None)
    assert await _set(client, bit(True)) == "BadTypeMismatch"
    assert await _set(client, ua.Variant([1], ua.VariantType.UInt16)) == "BadTypeMismatch"
    assert await _set(anonymous, u16(1)) == "BadUserAccessDenied"
    assert await values(client, LEVEL) == [0]
    for one, level in ((client, 3), (anonymous, 1)):
        told_level = await one.get_node(vision_id(LEVEL)).read_attribute(AttributeIds.UserAccessLevel)
        assert told_level.Value is not None
        assert told_level.Value.Value == level

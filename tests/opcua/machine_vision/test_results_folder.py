"""The folder of results, and the last image: over the wire, as they are read and subscribed to."""

from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.core import events as ev
from gateway.plc.opcua.machine_vision import data_types as types
from gateway.plc.opcua.machine_vision.data_types import model_id
from tests.opcua.desk import NOK, OK, Bench, DeskStation, bench, until, view
from tests.opcua.machine_vision.sight import values, vision_id

FOLDER = "ResultManagement.Results"
IMAGE = "ResultManagement.LastImage"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


async def test_results_stand_in_the_folder_and_give_way_to_newer_ones() -> None:
    station = DeskStation()
    station.enable()
    async with bench(view(station), machine_vision_results=3) as made:
        client = await made.connect()
        folder = client.get_node(vision_id(FOLDER))
        assert await folder.read_type_definition() == model_id(1016)
        places = await folder.get_children()
        assert [await one.read_type_definition() for one in places] == [model_id(2002)] * 3
        paths = [f"{FOLDER}.Result{number:02}" for number in (1, 2, 3)]
        assert await values(client, *paths) == ["BadNoData"] * 3
        for number in range(4):
            station.post(ev.TriggerAsked(1, f"part {number}"))
            station.answer(NOK)
        results = await values(client, *paths)
        assert [one.PartId.Id for one in results] == ["part 3", "part 1", "part 2"]


async def test_a_result_can_be_read_as_a_whole_and_in_parts(desk: Bench, client: Client) -> None:
    desk.station.run(NOK)
    names = (
        "ResultId",
        "PartId",
        "ResultState",
        "IsPartial",
        "IsSimulated",
        "HasTransferableDataOnFile",
        "CreationTime",
    )
    whole, *parts = await values(client, f"{FOLDER}.Result01", *(f"{FOLDER}.Result01.{name}" for name in names))
    assert isinstance(whole, types.ResultDataType)
    assert parts == [getattr(whole, name) for name in names]
    assert (whole.PartId.Id, whole.ResultContent[1].Value) == ("part", "NOK")  # type: ignore[union-attr,index]
    (content,) = await values(client, f"{FOLDER}.Result01.ResultContent")
    assert [one.Value for one in content][:2] == [2, "NOK"]


async def test_no_folder_of_results_where_none_are_to_be_kept() -> None:
    station = DeskStation()
    station.enable()
    async with bench(view(station), machine_vision_results=0) as made:
        client = await made.connect()
        station.run()
        assert await client.get_node(vision_id(FOLDER)).get_children() == []


async def test_a_subscription_to_a_place_is_told_of_each_result(desk: Bench, client: Client) -> None:
    seen: list[Any] = []

    class Handler:
        def datachange_notification(self, node: object, value: Any, data: object) -> None:
            seen.append(value)

        def event_notification(self, event: object) -> None:
            raise AssertionError("no event was subscribed to")

    subscription = await client.create_subscription(10, Handler())
    await subscription.subscribe_data_change(client.get_node(vision_id(f"{FOLDER}.Result01")))
    desk.station.run(OK)
    await until(lambda: len(seen) == 2)
    assert seen[0] is None
    assert seen[1].ResultContent[0].Value == 1
    await subscription.delete()


async def test_the_last_image_is_an_image_variable_where_a_recipe_wants_one() -> None:
    station = DeskStation()
    station.enable()
    station.drawings = {1: PNG}
    async with bench(view(station)) as made:
        client = await made.connect()
        node = client.get_node(vision_id(IMAGE))
        assert await node.read_data_type() == ua.NodeId(ua.Int32(ObjectIds.ImagePNG))
        assert await values(client, IMAGE) == ["BadNoData"]
        station.run()
        station.run()  # nothing was drawn for this one: the last image stands
        image, of, first = await values(client, IMAGE, f"{IMAGE}.ResultId", f"{FOLDER}.Result01.ResultId")
        assert (image, of) == (PNG, first)
        value = await node.read_data_value()
        assert value.SourceTimestamp == (await values(client, f"{FOLDER}.Result01.CreationTime"))[0]


async def test_there_is_no_image_variable_where_nothing_is_drawn(desk: Bench, client: Client) -> None:
    assert await values(client, IMAGE) == ["BadNodeIdUnknown"]


async def test_nothing_of_it_can_be_written(desk: Bench, client: Client) -> None:
    desk.station.run()
    for path in (f"{FOLDER}.Result01", f"{FOLDER}.Result01.PartId", "SystemState", "VisionStateMachine.CurrentState"):
        write = ua.WriteValue(vision_id(path), AttributeIds.Value, None, ua.DataValue(ua.Variant(1)))
        (status,) = await client.uaclient.write(ua.WriteParameters([write]))
        assert status.name == "BadNotWritable", path

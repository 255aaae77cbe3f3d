"""A station with several views over OPC UA: their tags, the method's answer, the companion model, faults by view."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.core import events as ev
from gateway.core.errors import Cause, ErrorCode, Fault
from gateway.core.result import Reason, Verdict, no_decision
from gateway.core.tags import VIEW_TAGS
from gateway.plc.opcua.about.service_level import HEALTHY
from gateway.plc.opcua.machine_vision.data_types import model_id
from tests.opcua.desk import NOK, TIMEOUT_S, Bench, DeskStation, bench, read, tag_id, until, view
from tests.opcua.machine_vision.sight import model_field, of_type, told
from tests.opcua.machine_vision.test_conditions import CONDITIONS, PATHS, STOP, TEXT
from tests.opcua.test_inspect import arguments, call

NAMES = ("top", "side")
SOURCES = [Fault(ErrorCode.SOURCE_DOWN, Cause.SOURCE, number) for number in (1, 2)]


def answer(desk: Bench) -> None:
    """Top is NOK with two detections, side got no image."""
    inspection = desk.station.state.flight[0]
    desk.station.post(ev.ViewAnswered(inspection.id, 1, NOK))
    desk.station.post(ev.ViewAnswered(inspection.id, 2, no_decision(Reason.NO_IMAGE)))


@pytest.fixture
async def desk() -> AsyncIterator[Bench]:
    stations = DeskStation("station1", views=NAMES), DeskStation("station2")  # type: ignore[arg-type]  # names
    async with bench(*(view(station) for station in stations)) as made:
        yield made


@pytest.fixture
async def client(desk: Bench) -> Client:
    return await desk.connect()


async def test_only_a_station_with_several_views_has_their_tags(desk: Bench, client: Client) -> None:
    desk.station.enable()
    calling = asyncio.create_task(call(client, arguments("A1")))
    await until(lambda: desk.station.started)
    answer(desk)
    result = await calling
    names = (
        "verdict",
        "views_result_seq",
        "view_count",
        "views[1].verdict",
        "views[2].reason",
        "views[1].defect_class",
    )
    assert await read(client, *(f"status.{name}" for name in names)) == [2, 1, 2, 2, Reason.NO_IMAGE, 1]
    folders = [await client.get_node(tag_id("status", station)).get_children() for station in ("station1", "station2")]
    tags = [{str(node.nodeid.Identifier).split(".status.")[-1] for node in nodes} for nodes in folders]
    assert tags[0] - tags[1] == {tag.name for tag in VIEW_TAGS}
    described = await client.get_node(tag_id("status.views[2].reason")).read_attribute(AttributeIds.Description)
    assert described.Value is not None
    assert "(side)" in described.Value.Value.Text
    assert [one["view"] for one in json.loads(result.OutputArguments[3].Value)] == [1, 1]


async def test_the_last_element_of_a_result_says_what_each_view_said(desk: Bench, client: Client) -> None:
    desk.station.enable()
    content = model_field("ResultContent")
    async with told(client, ("EventType", content), of_type(model_id(1024))) as events:
        desk.station.post(ev.TriggerAsked(1, "part"))
        answer(desk)
        (event,) = await events.wait(1)
    whole = event[content]
    values: list[Any] = [one.Value for one in whole]
    said: list[Mapping[str, Any]] = json.loads(values[-1])
    assert [(one["name"], one["verdict"], one["reason"]) for one in said] == [
        ("top", Verdict.NOK, 0),
        ("side", Verdict.NO_DECISION, Reason.NO_IMAGE),
    ]
    assert len(values) == 8 + len(values[7]) + 1, "the places before are those of a result with one view"


async def test_a_fault_names_its_view_and_stands_until_that_view_is_well(desk: Bench, client: Client) -> None:
    async with told(client, PATHS, CONDITIONS) as events:
        for fault in SOURCES:
            desk.station.post(ev.PartFailed(fault))
        desk.station.post(ev.PartRecovered(SOURCES[0]))
        await events.wait(3)
        assert await service_level(client) < HEALTHY, "one of the views is still ill"
        desk.station.post(ev.PartRecovered(SOURCES[1]))
        await events.wait(4)
    texts = [(event[TEXT], event[STOP]) for event in events.events]
    top, side = "the image source is down (view top)", "the image source is down (view side)"
    assert texts == [(top, True), (top, False), (side, True), (side, False)]
    async with asyncio.timeout(TIMEOUT_S):
        while await service_level(client) < HEALTHY:
            await asyncio.sleep(0.01)


async def service_level(client: Client) -> int:
    found = await client.get_node(ua.NodeId(ua.Int32(ObjectIds.Server_ServiceLevel))).read_value()
    return int(found)

"""Every call is checked before its method runs, also those that asyncua answers itself: object, method, arguments."""

import asyncio

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.plc.opcua.nodes import node_id, standard_id
from tests.opcua.desk import Bench, bit, tag_id, text, u16, u32, until

SERVER = standard_id(ObjectIds.Server)
GET_MONITORED_ITEMS = standard_id(ObjectIds.Server_GetMonitoredItems)


async def call(client: Client, owner: ua.NodeId, method: ua.NodeId, *given: ua.Variant) -> ua.CallMethodResult:
    request = ua.CallMethodRequest()
    request.ObjectId, request.MethodId, request.InputArguments = owner, method, list(given)
    result: ua.CallMethodResult = (await client.uaclient.call([request]))[0]
    return result


async def test_an_object_that_is_not_there(desk: Bench, client: Client) -> None:
    result = await call(client, node_id("nothing"), tag_id("Inspect"), text(""), u16(0), u32(0))
    assert result.StatusCode.name == "BadNodeIdUnknown"


@pytest.mark.parametrize("method", [node_id("nothing"), node_id("station1.status.verdict"), GET_MONITORED_ITEMS])
async def test_a_method_that_the_object_has_not(method: ua.NodeId, desk: Bench, client: Client) -> None:
    """No node at all, a node that is no method, a method of another object."""
    result = await call(client, node_id("station1"), method, text(""), u16(0), u32(0))
    assert (result.StatusCode.name, desk.station.started) == ("BadMethodInvalid", [])


@pytest.mark.parametrize(
    ("given", "status", "each"),
    [
        ([], "BadArgumentsMissing", []),
        ([u32(1), u32(1)], "BadTooManyArguments", []),
        ([text("1")], "BadInvalidArgument", ["BadTypeMismatch"]),
        ([ua.Variant(None, ua.VariantType.Null)], "BadInvalidArgument", ["BadTypeMismatch"]),
    ],
)
async def test_the_arguments_of_the_librarys_own_methods(
    given: list[ua.Variant], status: str, each: list[str], desk: Bench, client: Client
) -> None:
    """asyncua looks at neither their number nor their types."""
    result = await call(client, SERVER, GET_MONITORED_ITEMS, *given)
    assert result.StatusCode.name == status
    assert [one.name for one in result.InputArgumentResults[: len(each)]] == each


async def test_a_method_may_be_called_through_the_type(desk: Bench, client: Client) -> None:
    """Part 4, 5.11.2.2: the method of ServerType on the Server object is the Server object's own."""
    of_the_type = standard_id(ObjectIds.ServerType_GetMonitoredItems)
    assert (await call(client, SERVER, of_the_type, bit(True))).StatusCode.name == "BadInvalidArgument"
    for method in (GET_MONITORED_ITEMS, of_the_type):
        assert (await call(client, SERVER, method, u32(4711))).StatusCode.name == "BadSubscriptionIdInvalid"


async def test_a_method_that_is_not_executable(desk: Bench, client: Client) -> None:
    aspace = desk.link._server.iserver.aspace  # type: ignore[union-attr]  # it serves
    aspace[tag_id("Inspect")].attributes[AttributeIds.Executable].value = ua.DataValue(ua.Variant(False))
    result = await call(client, node_id("station1"), tag_id("Inspect"), text(""), u16(0), u32(0))
    assert (result.StatusCode.name, desk.station.started) == ("BadNotExecutable", [])


async def test_a_null_string_is_an_empty_one(desk: Bench, client: Client) -> None:
    """Part 6, 5.2.2.4: many clients send nothing for it."""
    for nothing in (text(None), ua.Variant(None, ua.VariantType.Null)):
        calling = asyncio.create_task(call(client, node_id("station1"), tag_id("Inspect"), nothing, u16(0), u32(0)))
        await until(lambda: any(one.open for one in desk.station.state.flight))
        desk.station.answer()
        assert (await calling).StatusCode.is_good()
    assert [start.part_id for start in desk.station.started] == ["", ""]

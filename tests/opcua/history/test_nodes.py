"""What the address space says of the history."""

from typing import Any

from asyncua import ua
from asyncua.common.node import Node
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.plc.opcua.continuation_points import MOST_POINTS
from gateway.plc.opcua.history_read.service import MOST_NODES
from tests.opcua.desk import DeskStation, bench, tag_id, view
from tests.opcua.history.past import at, history_read, node, past, raw, status

ALL: dict[str, Any] = {"start": at(-1), "end": at(100)}


async def attribute(place: Node, number: AttributeIds) -> Any:
    value = (await place.read_attribute(number)).Value
    assert value is not None
    return value.Value


async def test_nodes_say_that_they_have_a_history() -> None:
    async with past() as opened:
        client = opened.client
        for name, readable in (("verdict", True), ("count_ok", True), ("heartbeat", False), ("error_code", False)):
            place = client.get_node(tag_id(f"status.{name}", "s1"))
            levels = [await attribute(place, one) for one in (AttributeIds.AccessLevel, AttributeIds.UserAccessLevel)]
            assert levels == [5, 5] if readable else [1, 1]
            assert await attribute(place, AttributeIds.Historizing) is readable
            found = await place.get_references(ObjectIds.HasHistoricalConfiguration, ua.BrowseDirection.Forward)
            assert [one.BrowseName.Name for one in found] == (["HA Configuration"] if readable else [])
        assert await client.get_node(ObjectIds.HAConfiguration_Stepped).read_value() is True
        names = ("TreatUncertainAsBad", "PercentDataBad", "PercentDataGood", "UseSlopedExtrapolation")
        aggregate = [getattr(ObjectIds, f"HAConfiguration_AggregateConfiguration_{name}") for name in names]
        assert [await client.get_node(one).read_value() for one in aggregate] == [True, 100, 100, False]


async def test_the_server_tells_what_it_can() -> None:
    async with past() as opened:
        capabilities = opened.client.get_node(ObjectIds.HistoryServerCapabilities)
        told: dict[str | None, Any] = {
            (await one.read_browse_name()).Name: await one.read_value() for one in await capabilities.get_properties()
        }
        assert told.pop("AccessHistoryDataCapability") is True
        assert told.pop("ServerTimestampSupported") is True
        assert told.pop("MaxReturnDataValues") == 1000
        events = told.pop("AccessHistoryEventsCapability"), told.pop("MaxReturnEventValues")
        assert events in {(True, 200), (False, 0)}
        assert set(told.values()) == {False}
        limit = ObjectIds.Server_ServerCapabilities_OperationLimits_MaxNodesPerHistoryReadData
        assert await opened.client.get_node(limit).read_value() == MOST_NODES
        most = ObjectIds.Server_ServerCapabilities_MaxHistoryContinuationPoints
        assert await opened.client.get_node(most).read_value() == MOST_POINTS


async def test_without_a_store_nothing_has_a_history() -> None:
    async with bench(view(DeskStation("s1", user_tags=()))) as opened:
        client = await opened.connect()
        (result,) = await history_read(client, raw(**ALL), node())
        assert status(result) == "BadHistoryOperationUnsupported"
        place = client.get_node(tag_id("status.verdict", "s1"))
        assert await attribute(place, AttributeIds.AccessLevel) == 1
        told = client.get_node(ObjectIds.HistoryServerCapabilities_AccessHistoryDataCapability)
        assert await told.read_value() is False

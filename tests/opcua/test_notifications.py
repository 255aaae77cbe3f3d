"""What subscribers get is what asyncua would send, byte by byte; each of them gets all of it."""

import asyncio
from typing import Any

from asyncua import ua
from asyncua.common.node import Node
from asyncua.common.subscription import DataChangeNotif
from asyncua.ua.ua_binary import struct_to_binary
from asyncua.ua.uaprotocol_auto import DataChangeNotification, EventNotificationList, StatusChangeNotification
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.plc.opcua.traffic.notifications import packed
from gateway.plc.opcua.traffic.shown import Shown
from tests.opcua.desk import NOK, Bench, tag_id, until
from tests.opcua.test_read_path import VARIANTS

VALUES = VARIANTS.map(ua.DataValue) | VARIANTS.map(Shown)
ITEMS = st.builds(ua.MonitoredItemNotification, st.integers(0, 2**32 - 1), VALUES)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(ITEMS, max_size=20), max_size=3), st.integers(1, 2**32 - 1))
def test_data_changes_byte_by_byte(notifications: list[list[ua.MonitoredItemNotification]], number: int) -> None:
    response = ua.PublishResponse()
    response.Parameters.SubscriptionId = ua.IntegerId(number)
    message = response.Parameters.NotificationMessage
    message.NotificationData = [DataChangeNotification(MonitoredItems=items) for items in notifications]
    expected = struct_to_binary(response)
    message.NotificationData = [packed(one) for one in message.NotificationData]
    assert struct_to_binary(response) == expected


def test_events_and_changes_of_status_stay_as_they_are() -> None:
    for one in (EventNotificationList(), StatusChangeNotification()):
        assert packed(one) is one


class _Collector:
    def __init__(self) -> None:
        self.values: dict[str, list[Any]] = {}

    def datachange_notification(self, node: Node, value: Any, data: DataChangeNotif) -> None:
        self.values.setdefault(str(node.nodeid.Identifier), []).append(value)


async def test_each_of_many_subscribers_is_told_all_and_in_order(desk: Bench) -> None:
    collectors = [_Collector() for _ in range(6)]
    for collector in collectors:
        client = await desk.connect()
        subscription = await client.create_subscription(10, collector)
        nodes = [
            client.get_node(tag_id(path)) for path in ("status.result_seq", "status.verdict", "status.result_part_id")
        ]
        await subscription.subscribe_data_change(nodes)
    for _ in range(4):
        desk.station.run(NOK)
        await asyncio.sleep(0.015)
    await until(lambda: all(c.values["station1.status.result_seq"][-1] == 4 for c in collectors))
    for collector in collectors:
        assert collector.values["station1.status.result_seq"] == [0, 1, 2, 3, 4]
        assert collector.values["station1.status.verdict"] == [0, 2]

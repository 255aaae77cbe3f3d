"""Clients that subscribe to a result's tags: `python -m benchmarks.opcua_subscribers GATEWAY COMMANDS COUNT MS`.

Told a `result_seq`, they answer when each was notified of it, in perf_counter nanoseconds of this machine.
"""

import selectors
import sys
import threading
import time
from contextlib import ExitStack

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.ua_binary import struct_from_binary

from benchmarks.opcua_tags import DETECTIONS, RESULT_TAGS, status_node
from benchmarks.opcua_wire import BODY, WAIT_S, WireClient
from benchmarks.plc import PlcError
from benchmarks.remote import obey

RESULT_SEQ_HANDLE = 0x5EC0_5E9A
"""The client handle of `result_seq`: four bytes that no other part of a notification holds."""
_MARK = RESULT_SEQ_HANDLE.to_bytes(4, "little")
IN_FLIGHT = 3
"""Publish requests that wait at the server, as usual with clients that must not miss a publishing."""


class Subscriber:
    """One client, one subscription, all tags in it."""

    def __init__(self, client: WireClient, period_ms: float) -> None:
        self.client = client
        self._subscribe(period_ms)
        self._publish = client.encoded(ua.PublishRequest())
        for _ in range(IN_FLIGHT):
            client.send(self._publish)

    def received(self, at: int) -> list[tuple[int, int]]:
        """Take what came: (result_seq, `at`) for each notification of a result. A new request follows each answer."""
        self.client.receive()
        found: list[tuple[int, int]] = []
        while (message := self.client.taken()) is not None:
            self.client.send(self._publish)
            place = message.find(_MARK, BODY)
            if place >= 0:
                item = struct_from_binary(ua.MonitoredItemNotification, Buffer(message[place:]))
                found.append((item.Value.Value.Value, at))
        return found

    def _subscribe(self, period_ms: float) -> None:
        create = ua.CreateSubscriptionRequest()
        create.Parameters.RequestedPublishingInterval = period_ms
        create.Parameters.RequestedLifetimeCount = 10_000
        create.Parameters.RequestedMaxKeepAliveCount = 1_000
        create.Parameters.PublishingEnabled = True
        made = self.client.ask(create, ua.CreateSubscriptionResponse).Parameters
        if made.RevisedPublishingInterval != period_ms:
            raise PlcError(f"asked for publishing every {period_ms} ms, got {made.RevisedPublishingInterval} ms")
        items = ua.CreateMonitoredItemsRequest()
        items.Parameters.SubscriptionId = made.SubscriptionId
        items.Parameters.ItemsToCreate = [
            monitored(tag, RESULT_SEQ_HANDLE if tag == "result_seq" else number)
            for number, tag in enumerate((*RESULT_TAGS, *DETECTIONS, "result_seq"))
        ]
        results = self.client.ask(items, ua.CreateMonitoredItemsResponse).Results
        if not all(result.StatusCode.is_good() for result in results):
            raise PlcError("a tag cannot be subscribed to")


def monitored(tag: str, handle: int) -> ua.MonitoredItemCreateRequest:
    """A status tag's value, every change of it."""
    item = ua.MonitoredItemCreateRequest()
    item.ItemToMonitor = ua.ReadValueId(status_node(tag), AttributeIds.Value)
    item.MonitoringMode = ua.MonitoringMode.Reporting
    item.RequestedParameters.ClientHandle = handle
    item.RequestedParameters.SamplingInterval = 0.0
    item.RequestedParameters.QueueSize = 10
    item.RequestedParameters.DiscardOldest = True
    return item


class Crowd:
    """All subscribers, followed in a thread."""

    def __init__(self, subscribers: list[Subscriber]) -> None:
        self._count = len(subscribers)
        self._arrivals: dict[int, list[int]] = {}
        self._news = threading.Condition()
        self._selector = selectors.DefaultSelector()
        for subscriber in subscribers:
            self._selector.register(subscriber.client.socket, selectors.EVENT_READ, subscriber)
        threading.Thread(target=self._follow, name="subscribers", daemon=True).start()

    def arrivals(self, command: str) -> list[int]:
        """When each client was notified of this result. Raises PlcError where one never is."""
        result = int(command)
        with self._news:
            if not self._news.wait_for(lambda: len(self._arrivals.get(result, ())) >= self._count, WAIT_S):
                raise PlcError(
                    f"result {result} reached {len(self._arrivals.get(result, ()))} of {self._count} clients"
                )
            return self._arrivals.pop(result)

    def _follow(self) -> None:
        while True:
            ready = self._selector.select()
            at = time.perf_counter_ns()
            found = [one for key, _ in ready for one in key.data.received(at)]
            if found:
                with self._news:
                    for result, arrived in found:
                        self._arrivals.setdefault(result, []).append(arrived)
                    self._news.notify_all()


def main() -> None:
    """Connect and subscribe, then do as told."""
    gateway, commands, count, period_ms = (int(given) for given in sys.argv[1:5])
    with ExitStack() as stack:
        clients = [stack.enter_context(WireClient(gateway)) for _ in range(count)]
        crowd = Crowd([Subscriber(client, period_ms) for client in clients])
        obey(commands, crowd.arrivals)


if __name__ == "__main__":
    main()

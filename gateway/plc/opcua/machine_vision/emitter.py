"""Hands events to the clients that subscribed to them: in one go, without waiting, and nothing is made for nobody."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from asyncua import ua
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.monitored_item_service import MonitoredItemData
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.face import finish_now
from gateway.plc.opcua.machine_vision.event_filter import TypeTree, passes, select
from gateway.plc.opcua.machine_vision.events import REFRESH_END, REFRESH_START, SERVER, Source, VisionEvent, utc_now


@dataclass(frozen=True, slots=True)
class Listener:
    """One monitored item for events."""

    subscription: InternalSubscription
    notifier: ua.NodeId
    number: int
    item: MonitoredItemData


class Emitter:
    """The events of one server. asyncua's own way makes a coroutine and a deep copy for each subscription there is."""

    def __init__(self, server: InternalServer) -> None:
        self._subscriptions = server.subscription_service.subscriptions
        self.types = TypeTree(server.aspace)

    def wanted(self, notifier: ua.NodeId) -> bool:
        """Does anybody listen at this object, or at the Server object?"""
        return any(True for _ in self._listeners((SERVER, notifier)))

    def emit(self, notifier: ua.NodeId, make: Callable[[], VisionEvent]) -> None:
        """Tell who listens at this object or at the Server object. `make` is only called where somebody does."""
        event: VisionEvent | None = None
        for listener in tuple(self._listeners((SERVER, notifier))):
            event = event or make()
            self._tell(listener, event)

    # ---- condition refresh ---------------------------------------------------------------------------------

    def refresh_status(self, session: ua.NodeId, subscription: int, item: int | None) -> int:
        """Whether this session may have its subscription (or one item of it) told the conditions again."""
        found = self._subscriptions.get(subscription)
        if found is None or found.session_id != session:
            return StatusCodes.BadSubscriptionIdInvalid
        known = {listener.number for listener in self._of_subscription(subscription)}
        return StatusCodes.Good if item is None or item in known else StatusCodes.BadMonitoredItemIdInvalid

    def refresh(self, subscription: int, item: int | None, retained: Iterable[VisionEvent]) -> None:
        """These events again, between the two that mark a refresh."""
        source, now = Source(SERVER, "Server", SERVER), utc_now()
        start, end = (VisionEvent(kind, source, 1, "", now) for kind in (REFRESH_START, REFRESH_END))
        for listener in tuple(self._of_subscription(subscription)):
            if item in (None, listener.number):
                for event in (start, *(one for one in retained if listener.notifier in one.notifiers), end):
                    self._tell(listener, event, always=event in (start, end))

    def _of_subscription(self, number: int) -> Iterator[Listener]:
        subscription = self._subscriptions[number]
        for notifier, numbers in _events_of(subscription).items():
            yield from (_listener(subscription, notifier, one) for one in numbers)

    # ---- listeners -----------------------------------------------------------------------------------------

    def _listeners(self, notifiers: Iterable[ua.NodeId]) -> Iterator[Listener]:
        for subscription in self._subscriptions.values():
            for notifier in notifiers:
                for number in _events_of(subscription).get(notifier, ()):
                    yield _listener(subscription, notifier, number)

    def _tell(self, listener: Listener, event: VisionEvent, *, always: bool = False) -> None:
        """`always`: whatever the filter says; a refresh has to be seen to begin and to end."""
        item = listener.item
        if item.mode is ua.MonitoringMode.Disabled or not isinstance(item.filter, ua.EventFilter):
            return
        if not always and not passes(event, item.filter.WhereClause, self.types):
            return
        told = ua.EventFieldList()
        told.ClientHandle = item.client_handle
        told.EventFields = select(event, item.filter.SelectClauses, self.types)
        finish_now(listener.subscription.enqueue_event(listener.number, told, item.queue_size))


def _events_of(subscription: InternalSubscription) -> Mapping[ua.NodeId, Sequence[int]]:
    """The monitored items for events, by the object that they listen at."""
    found: Mapping[ua.NodeId, Sequence[int]] = subscription.monitored_item_srv._monitored_events  # noqa: SLF001 - asyncua has no other way
    return found


def _listener(subscription: InternalSubscription, notifier: ua.NodeId, number: int) -> Listener:
    item = subscription.monitored_item_srv._monitored_items[number]  # noqa: SLF001 - asyncua has no other way
    return Listener(subscription, notifier, number, item)

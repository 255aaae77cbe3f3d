"""Server.GetMonitoredItems: what a client subscribed to, where it lost its own notes (OPC 10000-5, 9.1)."""

from typing import Any

from asyncua import ua
from asyncua.server.subscription_service import SubscriptionService
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.arguments import Signature, ended
from gateway.plc.opcua.methods import Caller, Function, Method, MethodTable
from gateway.plc.opcua.nodes import standard_id
from gateway.plc.opcua.security.shares import items_of


def add(methods: MethodTable, subscriptions: SubscriptionService) -> None:
    """Give the Server object its method."""
    owner, node = standard_id(ObjectIds.Server), standard_id(ObjectIds.Server_GetMonitoredItems)
    methods.add(owner, node, Method(_function(subscriptions)))


def _function(subscriptions: SubscriptionService) -> Function:
    async def get_monitored_items(caller: Caller, signature: Signature, values: list[Any]) -> ua.CallMethodResult:
        subscription = subscriptions.subscriptions.get(values[0])
        if subscription is None:
            return ended(StatusCodes.BadSubscriptionIdInvalid)
        if subscription.session_id != caller.session_id:
            return ended(StatusCodes.BadUserAccessDenied)
        items = {number: item.client_handle or 0 for number, item in items_of(subscription).items()}
        return signature.answer(([*items], [*items.values()]))

    return get_monitored_items

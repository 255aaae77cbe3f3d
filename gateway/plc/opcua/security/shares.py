"""How much of the server one client may have, so that whatever it does leaves the others theirs.

asyncua counts subscriptions of all clients together, their items not at all, and lets a subscription whose session was
closed live for 15 000 of its intervals, which a client may choose as long as it likes.
"""

import math
from collections.abc import Mapping

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.internal_subscription import InternalSubscription
from asyncua.server.monitored_item_service import MonitoredItemData
from asyncua.server.subscription_service import SubscriptionService
from asyncua.ua.status_codes import StatusCodes

SUBSCRIPTIONS_OF_ONE = 25
"""Of one session. A SCADA system has one for each of its scan rates."""

ITEMS_OF_ONE = 20_000
"""Monitored items of one session: all tags of 16 stations are some thousands."""

ITEMS_OF_ALL = 40_000
"""Monitored items of all sessions: each costs some two kilobytes."""

SLOWEST_PUBLISHING_MS = 60_000.0
"""The longest publishing interval given."""

LONGEST_LIFE_MS = 600_000.0
"""A subscription that nobody asks for its notifications ends after so long, whoever made it."""


def moderate(params: ua.CreateSubscriptionParameters, fastest_ms: float) -> None:
    """Cut what a client asks for to what it may have: its interval, and how long the subscription waits for it."""
    asked = params.RequestedPublishingInterval
    interval = min(asked, SLOWEST_PUBLISHING_MS) if asked > fastest_ms else fastest_ms  # a NaN becomes the fastest too
    longest = max(3, math.floor(LONGEST_LIFE_MS / interval))
    life = min(params.RequestedLifetimeCount or longest, longest)
    keep_alive = min(params.RequestedMaxKeepAliveCount or life, max(1, life // 3))
    params.RequestedPublishingInterval = ua.Double(interval)
    params.RequestedLifetimeCount, params.RequestedMaxKeepAliveCount = ua.UInt32(life), ua.UInt32(keep_alive)


def check_subscriptions(service: SubscriptionService, session: ua.NodeId, more: int = 1) -> None:
    """Raises ServiceError where a session has no room for more subscriptions."""
    if sum(one.session_id == session for one in service.subscriptions.values()) + more > SUBSCRIPTIONS_OF_ONE:
        raise ServiceError(StatusCodes.BadTooManySubscriptions)


def room_for_items(service: SubscriptionService, session: ua.NodeId) -> int:
    """How many monitored items a session may still make."""
    own = others = 0
    for one in service.subscriptions.values():
        if one.session_id == session:
            own += len(items_of(one))
        else:
            others += len(items_of(one))
    return min(ITEMS_OF_ONE, ITEMS_OF_ALL - others) - own


def items_of(subscription: InternalSubscription) -> Mapping[int, MonitoredItemData]:
    """The monitored items of a subscription, by the server's handles."""
    return subscription.monitored_item_srv._monitored_items  # noqa: SLF001 - they are known nowhere else

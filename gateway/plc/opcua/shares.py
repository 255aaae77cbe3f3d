"""How much of the server one client may have, so that whatever it does leaves the others theirs.

asyncua counts subscriptions of all clients together, their items not at all, and lets a subscription whose session was
closed live for 15 000 of its intervals, which a client may choose as long as it likes.
"""

import math

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.subscription_service import SubscriptionService
from asyncua.ua.status_codes import StatusCodes

SUBSCRIPTIONS_OF_ONE = 25
"""Of one session. A SCADA system has one for each of its scan rates."""

ITEMS_OF_ONE = 20_000
"""Monitored items of one session: all tags of 16 stations are some thousands."""

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
    own = [one for one in service.subscriptions.values() if one.session_id == session]
    return ITEMS_OF_ONE - sum(len(one.monitored_item_srv._monitored_items) for one in own)  # noqa: SLF001 - not counted elsewhere

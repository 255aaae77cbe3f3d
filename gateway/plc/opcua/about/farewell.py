"""The end of the server, as clients see it: told while they are still connected (OPC 10000-5, 12.10)."""

import asyncio
import math

from asyncua.server.internal_server import InternalServer

from gateway.plc.opcua.about.server_object import ServerObject

LONGEST_S = 1.0
"""How long the end waits for clients to be told of it; who wants to hear less often finds the connection closed."""

SLACK_S = 0.05
"""For the notification to leave, after it fell due."""

REASON = "The gateway was stopped."


async def say_farewell(server: InternalServer, about: ServerObject) -> None:
    """ServerStatus becomes Shutdown; returns when subscribed clients were told, after LONGEST_S at most."""
    intervals = [one.data.RevisedPublishingInterval for one in server.subscription_service.subscriptions.values()]
    wait_s = min(max(intervals) / 1000 + SLACK_S, LONGEST_S) if intervals else 0.0
    about.announce_end(math.ceil(wait_s), REASON)
    await asyncio.sleep(wait_s)

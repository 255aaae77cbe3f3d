"""How many monitored items are made without holding up the event loop: some at a time.

A SCADA system that comes back asks for its thousand items in one request, which takes asyncua fifty milliseconds.
"""

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import Primitives, struct_from_binary, struct_to_binary

from gateway.plc.opcua.session import ClientSession
from gateway.plc.opcua.traffic.turnstile import Turnstile

AT_ONCE = 10
"""Items between two looks at everything else: about a quarter of a millisecond."""

_ITEMS = 8
"""Where they begin in CreateMonitoredItemsParameters: after SubscriptionId and TimestampsToReturn."""
_NONE = struct_to_binary(ua.CreateMonitoredItemsParameters())[_ITEMS:]


async def create_items(
    session: ClientSession, parameters: bytes, turnstile: Turnstile
) -> ua.CreateMonitoredItemsResponse:
    """The answer to these encoded parameters. Raises what asyncua raises; nothing is made of what it cannot decode."""
    asked = struct_from_binary(ua.CreateMonitoredItemsParameters, Buffer(parameters[:_ITEMS] + _NONE))
    items = await _decoded(Buffer(parameters[_ITEMS:]), turnstile)
    response = ua.CreateMonitoredItemsResponse()
    for start in range(0, len(items), AT_ONCE):
        await turnstile.turn()
        some = items[start : start + AT_ONCE]
        part = ua.CreateMonitoredItemsParameters(asked.SubscriptionId, asked.TimestampsToReturn, some)
        response.Results += await session.create_monitored_items(part)
    return response


async def _decoded(buffer: Buffer, turnstile: Turnstile) -> list[ua.MonitoredItemCreateRequest]:
    items: list[ua.MonitoredItemCreateRequest] = []
    for number in range(Primitives.Int32.unpack(buffer)):
        if number and number % AT_ONCE == 0:
            await turnstile.turn()
        items.append(struct_from_binary(ua.MonitoredItemCreateRequest, buffer))
    return items

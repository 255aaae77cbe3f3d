"""A client in another process, maybe on another host: asks for the endpoints, and goes where it is told to.

`python -m tests.opcua.discovery.visitor URL` writes one line of JSON.
"""

import asyncio
import json
import sys
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.object_ids import ObjectIds

TIMEOUT_S = 5.0


async def visit(url: str) -> dict[str, Any]:
    """What the server says of itself by that URL, and its service level read by each URL that it tells."""
    endpoints = await Client(url, timeout=TIMEOUT_S).connect_and_get_server_endpoints()
    servers = await Client(url, timeout=TIMEOUT_S).connect_and_find_servers()
    told = list(dict.fromkeys(one.EndpointUrl for one in endpoints))
    return {
        "urls": told,
        "servers": [[one.ApplicationUri, one.DiscoveryUrls] for one in servers],
        "levels": [await _service_level(one) for one in told],
    }


async def _service_level(url: str) -> int:
    async with Client(url, timeout=TIMEOUT_S) as client:
        level: int = await client.get_node(ua.NodeId(ua.Int32(ObjectIds.Server_ServiceLevel))).read_value()
        return level


if __name__ == "__main__":
    print(json.dumps(asyncio.run(visit(sys.argv[1]))))

"""Looks for one OPC UA server by multicast DNS, as any client with DNS-SD does.

`python -m tests.opcua.discovery.browser ADDRESS NAME` writes what it found on that card under a name that begins so,
or null after two seconds; with a third word, whatever it is, also whether it was taken back within ten.
"""

import asyncio
import json
import sys
from typing import Any

from zeroconf import IPVersion, ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

SERVICE = "_opcua-tcp._tcp.local."
LOOKING_S = 2.0


GONE_S = 10.0
"""Without a farewell a service is believed to be there for two minutes (RFC 6762, 10)."""


async def look(address: str, name: str, *, until_gone: bool) -> None:
    service = AsyncZeroconf(interfaces=[address], ip_version=IPVersion.V4Only)
    there: asyncio.Queue[str] = asyncio.Queue()
    gone = asyncio.Event()

    def changed(zeroconf: object, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        if state_change is ServiceStateChange.Added:
            there.put_nowait(name)
        elif state_change is ServiceStateChange.Removed:
            gone.set()

    browser = AsyncServiceBrowser(service.zeroconf, SERVICE, handlers=[changed])
    try:
        _write(await _found(service, there, name))
        if until_gone:
            _write(await _happens(gone))
    finally:
        await browser.async_cancel()
        await service.async_close()


async def _found(service: AsyncZeroconf, there: asyncio.Queue[str], name: str) -> dict[str, Any] | None:
    try:
        async with asyncio.timeout(LOOKING_S):
            while not (full := await there.get()).startswith(name):
                pass
            return await _asked(service, full)
    except TimeoutError:
        return None


async def _happens(event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(GONE_S):
            return await event.wait()
    except TimeoutError:
        return False


def _write(what: object) -> None:
    print(json.dumps(what), flush=True)


async def _asked(service: AsyncZeroconf, full: str) -> dict[str, Any]:
    info = AsyncServiceInfo(SERVICE, full)
    assert await info.async_request(service.zeroconf, LOOKING_S * 1000)
    texts = {key.decode(): value.decode() for key, value in info.properties.items() if value is not None}
    return {"port": info.port, "addresses": info.parsed_addresses(), "texts": texts, "server": info.server}


if __name__ == "__main__":
    asyncio.run(look(sys.argv[1], sys.argv[2], until_gone=len(sys.argv) > 3))

"""Asks a discovery server whom it knows: `python -m tests.opcua.discovery.finder URL` writes URIs and URLs as JSON."""

import asyncio
import json
import sys

from asyncua.client.client import Client

if __name__ == "__main__":
    found = asyncio.run(Client(sys.argv[1], timeout=5.0).connect_and_find_servers())
    print(json.dumps([[one.ApplicationUri, one.DiscoveryUrls] for one in found]))

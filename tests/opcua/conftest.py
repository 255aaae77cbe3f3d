from collections.abc import AsyncIterator

import pytest
from asyncua.client.client import Client

from tests.opcua.desk import Bench, DeskStation, bench, view


@pytest.fixture
async def desk() -> AsyncIterator[Bench]:
    """One station, enabled, whose control tags belong to OPC UA."""
    station = DeskStation()
    station.enable()
    async with bench(view(station)) as made:
        yield made


@pytest.fixture
async def client(desk: Bench) -> Client:
    return await desk.connect()

"""A desk with one station and a client; certificates made once; servers that start quickly."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from asyncua.client.client import Client

from tests.opcua import desk as desk_parts
from tests.opcua.desk import Bench, DeskStation, bench, view
from tests.opcua.quick_start import made_nodes, quick_start, real_start, standard_nodes

__all__ = ["made_nodes", "quick_start", "real_start", "standard_nodes"]


@pytest.fixture(scope="session")
def certificates_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first link of the session makes its certificate here, and the others use it."""
    folder = tmp_path_factory.mktemp("certificates")
    (folder / "pat").write_text(f"{desk_parts.PASSWORD}\n", encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def certificates(certificates_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(desk_parts, "CERTIFICATES", certificates_folder)
    return certificates_folder


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

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.server.address_space import AttributeValue, NodeData
from asyncua.server.internal_server import InternalServer
from asyncua.server.server import Server
from asyncua.server.standard_address_space import standard_address_space

from gateway.plc.opcua.machine_vision import model
from gateway.plc.opcua.machine_vision.data_types import NAMESPACE, NAMESPACE_URI, register_data_types
from gateway.plc.opcua.machine_vision.nodeset import load_nodeset
from gateway.plc.opcua.server import no_garbage_collection
from tests.opcua import desk as desk_parts
from tests.opcua.desk import Bench, DeskStation, bench, view

Nodes = dict[ua.NodeId, NodeData]


@pytest.fixture(scope="session")
def standard_nodes() -> Nodes:
    """OPC UA's own 6174 nodes, made once: they take half a second each time."""
    server = InternalServer()
    with no_garbage_collection():
        fill: Callable[[object], None] = standard_address_space.fill_address_space
        fill(server.node_mgt_service)
    server.method_service.stop()
    return server.aspace._nodes


@pytest.fixture(scope="session")
def model_nodes() -> Nodes:
    """What the first server that loads the companion model keeps for the others: it takes them seconds each time."""
    return {}


@pytest.fixture
def real_start() -> None:
    """For a test that wants the server to start as it does at the customer's."""


@pytest.fixture(autouse=True)
def quick_start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every server of a test gets a copy of those nodes, and of the companion model's."""
    if "real_start" in request.fixturenames:
        return
    standard: Nodes = request.getfixturevalue("standard_nodes")

    async def load(server: InternalServer, shelf_file: Path | None = None) -> None:
        server.aspace._nodes = {node_id: _copy(node) for node_id, node in standard.items()}

    kept: Nodes = request.getfixturevalue("model_nodes")

    async def load_model(server: Server) -> None:
        nodes = server.iserver.aspace._nodes
        if not kept:
            await load_nodeset(server)
            kept.update({node_id: _copy(node) for node_id, node in nodes.items() if _concerns_the_model(node)})
            return
        register_data_types()
        assert await server.register_namespace(NAMESPACE_URI) == NAMESPACE
        for node_id, node in kept.items():
            if node_id.NamespaceIndex == NAMESPACE:
                nodes[node_id] = _copy(node)
            else:
                nodes[node_id].references += [one for one in node.references if _is_of_the_model(one.NodeId)]

    monkeypatch.setattr(InternalServer, "load_standard_address_space", load)
    monkeypatch.setattr(model, "load_nodeset", load_model)


def _is_of_the_model(node_id: ua.NodeId) -> bool:
    return node_id.NamespaceIndex == NAMESPACE


def _concerns_the_model(node: NodeData) -> bool:
    """A node of the model, or one of OPC UA's own that the model refers to and that now refers back."""
    return _is_of_the_model(node.nodeid) or any(_is_of_the_model(one.NodeId) for one in node.references)


def _copy(node: NodeData) -> NodeData:
    """Values and references are shared: servers replace them, they do not change them."""
    copied = NodeData(node.nodeid)
    copied.references = list(node.references)
    for attribute, value in node.attributes.items():
        if value.value is not None:
            copied.attributes[attribute] = AttributeValue(value.value)
    return copied


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

"""Servers of tests start from nodes that were made once: OPC UA's own take half a second, the companion model's two.

What is made is the same, and tests/opcua/test_serving.py as well as every gateway in a process of its own starts as at
the customer's.
"""

import gc
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import pytest
from asyncua import ua
from asyncua.server.address_space import AttributeValue, NodeData
from asyncua.server.internal_server import InternalServer
from asyncua.server.server import Server
from asyncua.server.standard_address_space import standard_address_space

from gateway.plc.opcua.machine_vision import model
from gateway.plc.opcua.machine_vision.data_types import NAMESPACE, NAMESPACE_URI, register_data_types
from gateway.plc.opcua.machine_vision.nodeset import load_nodeset
from gateway.plc.opcua.server import no_garbage_collection

Nodes = dict[ua.NodeId, NodeData]


class MadeNodes:
    """Made by the first server that needs them."""

    def __init__(self) -> None:
        self._model: Nodes = {}

    @cached_property
    def standard(self) -> Nodes:
        """OPC UA's own 6174 nodes."""
        server = InternalServer()
        with no_garbage_collection():
            fill: Callable[[object], None] = standard_address_space.fill_address_space
            fill(server.node_mgt_service)
        server.method_service.stop()
        gc.freeze()
        return server.aspace._nodes

    async def load_standard(self, server: InternalServer, shelf_file: Path | None = None) -> None:
        """Instead of asyncua's."""
        server.aspace._nodes = {node_id: _copy(node) for node_id, node in self.standard.items()}

    async def load_model(self, server: Server) -> None:
        """Instead of the gateway's `load_nodeset`, but for the first time."""
        nodes = server.iserver.aspace._nodes
        if not self._model:
            await load_nodeset(server)
            self._model = {node_id: _copy(node) for node_id, node in nodes.items() if _concerns_the_model(node)}
            return
        register_data_types()
        assert await server.register_namespace(NAMESPACE_URI) == NAMESPACE
        for node_id, node in self._model.items():
            if node_id.NamespaceIndex == NAMESPACE:
                nodes[node_id] = _copy(node)
            else:
                nodes[node_id].references += [one for one in node.references if _is_of_the_model(one.NodeId)]


@pytest.fixture(scope="session")
def made_nodes() -> MadeNodes:
    """Of this test process."""
    return MadeNodes()


@pytest.fixture(scope="session")
def standard_nodes(made_nodes: MadeNodes) -> Nodes:
    """OPC UA's own nodes; not to be changed."""
    return made_nodes.standard


@pytest.fixture
def real_start() -> None:
    """For a test that wants the server to start as it does at the customer's."""


@pytest.fixture(autouse=True)
def quick_start(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, made_nodes: MadeNodes) -> None:
    """Every server of a test gets a copy of those nodes."""
    if "real_start" in request.fixturenames:
        return

    async def load(server: InternalServer, shelf_file: Path | None = None) -> None:
        await made_nodes.load_standard(server, shelf_file)

    monkeypatch.setattr(InternalServer, "load_standard_address_space", load)
    monkeypatch.setattr(model, "load_nodeset", made_nodes.load_model)


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

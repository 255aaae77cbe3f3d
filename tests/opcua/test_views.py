"""Browsing that remembers gives what asyncua gives, for each pair of reference types, also for a new one."""

import copy
from collections.abc import Mapping

import pytest
from asyncua import ua
from asyncua.server.address_space import AddressSpace, NodeData, NodeManagementService, ViewService
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.plc.opcua.nodes import standard_id
from gateway.plc.opcua.views import Views
from tests.opcua.desk import Bench, tag_id


@pytest.fixture
def aspace(standard_nodes: Mapping[ua.NodeId, NodeData]) -> AddressSpace:
    space = AddressSpace()
    space._nodes = {node_id: copy.copy(node) for node_id, node in standard_nodes.items()}
    for node in space._nodes.values():
        node.references = list(node.references)
    return space


def reference_types(aspace: AddressSpace) -> list[ua.NodeId]:
    nodes = [node for node in aspace.keys() if is_reference_type(aspace, node)]  # noqa: SIM118 - it is no mapping
    assert len(nodes) >= 80
    return nodes


def is_reference_type(aspace: AddressSpace, node: ua.NodeId) -> bool:
    value = aspace.read_attribute_value(node, AttributeIds.NodeClass).Value
    return value is not None and value.Value == ua.NodeClass.ReferenceType


def test_each_pair_of_reference_types(aspace: AddressSpace) -> None:
    ours, theirs = Views(aspace), ViewService(aspace)
    kinds = [*reference_types(aspace), ua.NodeId(), standard_id(ObjectIds.BaseObjectType), tag_id("nowhere")]
    for wanted in kinds:
        for found in kinds[::3]:
            for subtypes in (True, False):
                expected = theirs._suitable_reftype(wanted, found, subtypes)
                assert ours._suitable_reftype(wanted, found, subtypes) == expected, (wanted, found, subtypes)
    assert tag_id("nowhere") not in ours._below, "what a client makes up is not remembered"


def test_a_reference_type_that_is_added_later_is_known(aspace: AddressSpace) -> None:
    views, here = Views(aspace), tag_id("Drives")
    hierarchical = standard_id(ObjectIds.HierarchicalReferences)
    assert not views._suitable_reftype(hierarchical, here, True)
    item = ua.AddNodesItem(
        ParentNodeId=standard_id(ObjectIds.Organizes),
        ReferenceTypeId=standard_id(ObjectIds.HasSubtype),
        RequestedNewNodeId=here,
        BrowseName=ua.QualifiedName("Drives", 2),
        NodeClass=ua.NodeClass.ReferenceType,
        NodeAttributes=ua.ReferenceTypeAttributes(),
    )
    (added,) = NodeManagementService(aspace).add_nodes([item])
    assert added.StatusCode.is_good()
    assert views._suitable_reftype(hierarchical, here, True)
    assert not views._suitable_reftype(hierarchical, here, False)


async def test_clients_browse_by_it(desk: Bench) -> None:
    client = await desk.connect()
    server = desk.link._server
    assert server is not None
    assert isinstance(server.iserver.view_service, Views)
    children = await client.get_node(tag_id("status")).get_children()
    assert tag_id("status.verdict") in [child.nodeid for child in children]
    forward = await client.get_node(tag_id("status.verdict")).get_references(standard_id(ObjectIds.HasProperty))
    assert {one.BrowseName.Name for one in forward} == {"EnumValues", "ValueAsText"}

"""ServerRedundancy: which gateways stand in for each other (OPC 10000-5, 6.3.7 and 6.3.9).

Warm: the others run, but their PLC does not use them, and their ServiceLevel says so. How the peers are, they tell
themselves: RedundantServerArray would need a gateway that watches the others, and is optional.
"""

from collections.abc import Sequence
from copy import copy

from asyncua import ua
from asyncua.server.server import Server
from asyncua.ua.object_ids import ObjectIds

from gateway.plc.opcua.nodes import standard_id

_OBJECT = standard_id(ObjectIds.Server_ServerRedundancy)
_TYPE = standard_id(ObjectIds.HasTypeDefinition)


async def show_redundancy(server: Server, own_uri: str, peers: Sequence[str]) -> None:
    """Fill the object, before the server listens. Without peers there is no redundancy."""
    support = ua.RedundancySupport.Warm if peers else ua.RedundancySupport.None_
    kind = server.get_node(standard_id(ObjectIds.Server_ServerRedundancy_RedundancySupport))
    await kind.write_value(ua.Variant(support, ua.VariantType.Int32))
    if not peers:
        return
    _become(server, standard_id(ObjectIds.NonTransparentRedundancyType))
    uris = ua.Variant([ua.String(uri) for uri in (own_uri, *peers)], ua.VariantType.String)
    array = standard_id(ObjectIds.Server_ServerRedundancy_ServerUriArray)
    await server.get_node(_OBJECT).add_property(array, ua.QualifiedName("ServerUriArray", 0), uris)


def _become(server: Server, new_type: ua.NodeId) -> None:
    """Make the object one of another type."""
    node = server.iserver.aspace[_OBJECT]
    for place, reference in enumerate(node.references):
        if reference.IsForward and reference.ReferenceTypeId == _TYPE:
            changed = copy(reference)
            changed.NodeId = new_type
            changed.BrowseName = ua.QualifiedName("NonTransparentRedundancyType", 0)
            changed.DisplayName = ua.LocalizedText("NonTransparentRedundancyType")
            node.references[place] = changed

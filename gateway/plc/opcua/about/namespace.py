"""What the server tells of its own namespace: the NamespaceMetadata object (OPC 10000-5, 6.3.13)."""

from datetime import datetime

from asyncua import ua
from asyncua.server.server import Server
from asyncua.ua.object_ids import ObjectIds

from gateway.plc.opcua.nodes import NAMESPACE, NAMESPACE_URI, node_id, standard_id

ROOT = ("gateway", "namespace")
"""Where its node ids begin; `gateway` is no station's name."""


async def describe_namespace(server: Server, version: str, published: datetime) -> None:
    """Add the object, before the server listens. All nodes of the namespace have string ids, and are here."""
    folder = server.get_node(standard_id(ObjectIds.Server_Namespaces))
    kind = standard_id(ObjectIds.NamespaceMetadataType)
    name = ua.QualifiedName(NAMESPACE_URI, NAMESPACE)
    await folder.add_object(node_id(*ROOT), name, objecttype=kind, instantiate_optional=False)
    values = {
        "NamespaceUri": ua.Variant(NAMESPACE_URI, ua.VariantType.String),
        "NamespaceVersion": ua.Variant(version, ua.VariantType.String),
        "NamespacePublicationDate": ua.Variant(published, ua.VariantType.DateTime),
        "IsNamespaceSubset": ua.Variant(False, ua.VariantType.Boolean),
        "StaticNodeIdTypes": ua.Variant([int(ua.IdType.String)], ua.VariantType.Int32),
        "StaticNumericNodeIdRange": ua.Variant([], ua.VariantType.String, is_array=True),
        "StaticStringNodeIdPattern": ua.Variant("", ua.VariantType.String),
    }
    for name_of, value in values.items():
        await server.get_node(node_id(*ROOT, name_of)).write_value(value)

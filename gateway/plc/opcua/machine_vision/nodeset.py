"""The nodeset of OPC 40100-1: brought into a server's address space, and mended where clients would trip over it.

The file is the OPC Foundation's own, version 1.0.0, unchanged and with its licence in its head, gzipped.
"""

import gzip
from collections.abc import Iterator
from importlib.resources import files

from asyncua import ua
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds

from gateway.core.errors import LinkError
from gateway.plc.opcua.machine_vision.data_types import (
    ENCODINGS,
    NAMESPACE,
    NAMESPACE_URI,
    BinaryIdBaseDataType,
    model_id,
    register_data_types,
)

NODESET = "Opc.Ua.MachineVision.NodeSet2.xml.gz"


async def load_nodeset(server: Server) -> None:
    """Add the types of the specification. The server must not be listening yet.

    Raises LinkError where another namespace has taken their index.
    """
    register_data_types()
    if await server.register_namespace(NAMESPACE_URI) != NAMESPACE:
        raise LinkError(f"{NAMESPACE_URI} has to be namespace {NAMESPACE} of this server")
    packed = files(__package__).joinpath(NODESET).read_bytes()
    await server.import_xml(xmlstring=gzip.decompress(packed).decode())
    _define_ids(server)


def _define_ids(server: Server) -> None:
    """Say what the ids without fields of their own are made of.

    The nodeset has no definition for them, and a client that goes by definitions would take them for empty.
    """
    base = server.iserver.aspace[BinaryIdBaseDataType.data_type].attributes[AttributeIds.DataTypeDefinition].value
    if base is None or base.Value is None:
        raise LinkError("the nodeset does not define BinaryIdBaseDataType")
    for data_type, encoding in _without_definition():
        definition = ua.StructureDefinition(
            DefaultEncodingId=model_id(encoding),
            BaseDataType=BinaryIdBaseDataType.data_type,
            StructureType=ua.StructureType.StructureWithOptionalFields,
            Fields=base.Value.Value.Fields,
        )
        place = server.iserver.aspace[data_type].attributes[AttributeIds.DataTypeDefinition]
        place.value = ua.DataValue(ua.Variant(definition, ua.VariantType.ExtensionObject))


def _without_definition() -> Iterator[tuple[ua.NodeId, int]]:
    for structure, encoding in ENCODINGS.items():
        if issubclass(structure, BinaryIdBaseDataType) and structure is not BinaryIdBaseDataType:
            yield structure.data_type, encoding

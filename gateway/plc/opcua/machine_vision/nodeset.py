"""The nodeset of OPC 40100-1: brought into a server's address space, and mended where clients would trip over it.

The file is the OPC Foundation's own, version 1.0.0, unchanged and with its licence in its head, gzipped.
"""

import gzip
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

from asyncua import ua
from asyncua.common.xmlimporter import XmlImporter
from asyncua.server.address_space import AddressSpace
from asyncua.server.server import Server
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.core.errors import LinkError
from gateway.plc.opcua.machine_vision.data_types import (
    ENCODINGS,
    NAMESPACE,
    NAMESPACE_URI,
    BinaryIdBaseDataType,
    model_id,
    register_data_types,
)
from gateway.plc.opcua.nodes import standard_id

_ONE_WAY = frozenset(map(standard_id, (ObjectIds.HasTypeDefinition, ObjectIds.HasModellingRule)))

NODESET = "Opc.Ua.MachineVision.NodeSet2.xml.gz"


async def load_nodeset(server: Server) -> None:
    """Add the types of the specification. The server must not be listening yet.

    Raises LinkError where another namespace has taken their index.
    """
    register_data_types()
    if await server.register_namespace(NAMESPACE_URI) != NAMESPACE:
        raise LinkError(f"{NAMESPACE_URI} has to be namespace {NAMESPACE} of this server")
    packed = files(__package__).joinpath(NODESET).read_bytes()
    importer: Any = _Importer(server)
    await importer.import_xml(xmlstring=gzip.decompress(packed).decode())
    _define_ids(server)


class _Importer(XmlImporter):
    """asyncua's importer, which spends half its time browsing what it has just added, to turn references round."""

    async def _add_missing_reverse_references(self, new_nodes: Any) -> set[Any]:  # ids, whatever asyncua declares
        """Each reference is known at both ends, but for those to types and rules: they would have thousands."""
        this: Any = self
        aspace: AddressSpace = this.session.iserver.aspace
        missing = [
            _turned_round(node, reference)
            for node in new_nodes
            for reference in aspace[node].references
            if reference.ReferenceTypeId not in _ONE_WAY and not _knows(aspace, reference, node)
        ]
        await this._add_references(missing)  # noqa: SLF001 - its own, only untyped
        return set()


def _knows(aspace: AddressSpace, reference: ua.ReferenceDescription, source: ua.NodeId) -> bool:
    """Whether the target of a reference from `source` has it too. A target that is not there has nothing to know."""
    target = aspace.get(reference.NodeId)
    return target is None or any(
        back.NodeId == source and back.ReferenceTypeId == reference.ReferenceTypeId for back in target.references
    )


def _turned_round(source: ua.NodeId, reference: ua.ReferenceDescription) -> ua.AddReferencesItem:
    made = ua.AddReferencesItem()
    made.SourceNodeId, made.TargetNodeId = reference.NodeId, source
    made.ReferenceTypeId, made.IsForward = reference.ReferenceTypeId, not reference.IsForward
    return made


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

"""A station's nodes in the address space: one object, two folders, one typed variable for each tag, one method.

Node ids are strings and stay the same for ever: `STATION.status.TAG`, `STATION.control.TAG`, `STATION.Inspect`.
Enumerated tags are MultiStateValueDiscrete (EnumValues, ValueAsText), tags with a unit are AnalogUnit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from asyncua import ua
from asyncua.server.address_space import AttributeValue
from asyncua.server.internal_server import InternalServer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.core.errors import LinkError
from gateway.core.tags import Direction, Tag, TagType, TagValue

NAMESPACE_URI = "urn:pekat-plc-gateway"
NAMESPACE = 2

VARIANT_TYPES: Mapping[TagType, ua.VariantType] = {
    TagType.BIT: ua.VariantType.Boolean,
    TagType.UINT16: ua.VariantType.UInt16,
    TagType.INT16: ua.VariantType.Int16,
    TagType.UINT32: ua.VariantType.UInt32,
    TagType.INT32: ua.VariantType.Int32,
    TagType.FLOAT32: ua.VariantType.Float,
    TagType.STRING: ua.VariantType.String,
}

_READABLE = ua.AccessLevel.CurrentRead.mask
_WRITABLE = _READABLE | ua.AccessLevel.CurrentWrite.mask | ua.AccessLevel.TimestampWrite.mask

UNECE_URI = "http://www.opcfoundation.org/UA/units/un/cefact"
UNECE_CODES: Mapping[str, str] = {
    "ms": "C26", "s": "SEC", "us": "B98", "µs": "B98", "px": "E37", "m": "MTR", "cm": "CMT", "mm": "MMT",
    "um": "4H", "µm": "4H", "mm2": "MMK", "mm²": "MMK", "deg": "DD", "°": "DD", "%": "P1", "g": "GRM", "kg": "KGM",
}  # fmt: skip
"""UNECE common codes of the units that measurements in images come in; OPC UA Part 8 makes the unit id of them."""


def node_id(*parts: str) -> ua.NodeId:
    """`ns=2;s=` and the parts with dots between them."""
    return ua.NodeId(ua.String(".".join(parts)), ua.Int16(NAMESPACE))


def standard_id(number: int) -> ua.NodeId:
    """A node of OPC UA's own namespace."""
    return ua.NodeId(ua.Int32(number))


def engineering_unit(unit: str) -> ua.EUInformation:
    """A unit as OPC UA Part 8 wants it; one that UNECE has no code for gets the id -1 and its name."""
    code = UNECE_CODES.get(unit)
    number = int.from_bytes(code.encode("ascii"), "big") if code else -1
    return ua.EUInformation(
        UNECE_URI if code else NAMESPACE_URI, number, ua.LocalizedText(unit), ua.LocalizedText(unit)
    )


@dataclass(frozen=True, slots=True)
class TagNode:
    """Where a tag's value lives; `text` is the place of its meaning in words, for enumerated tags."""

    tag: Tag
    node_id: ua.NodeId
    place: AttributeValue
    text: AttributeValue | None


class NodeWriter:
    """Adds nodes to a server's address space, before it listens. Raises LinkError where a node cannot be added."""

    def __init__(self, server: InternalServer) -> None:
        self._server = server

    def station(self, name: str, *, writable: bool) -> None:
        """The station's object and its folders `status` and `control`."""
        self._object((name,), ObjectIds.ObjectsFolder, name, ObjectIds.BaseObjectType, f"Station {name}")
        whose = "written by the PLC" if writable else "as the PLC wrote them over another link; read only here"
        for folder, text in (("status", "Tags written by the gateway"), ("control", f"Tags {whose}")):
            self._object((name, folder), node_id(name), folder, ObjectIds.FolderType, text)

    def tag(self, station: str, tag: Tag, *, writable: bool) -> TagNode:
        """The variable of one tag, with its unit or its meanings."""
        folder = "control" if tag.direction is Direction.CONTROL else "status"
        here = node_id(station, folder, tag.name)
        attributes = self._variable_attributes(tag, tag.default, writable=writable)
        kind = ObjectIds.BaseDataVariableType
        if tag.texts:
            kind = ObjectIds.MultiStateValueDiscreteType
        elif tag.unit:
            kind = ObjectIds.AnalogUnitType
        self._add(here, node_id(station, folder), tag.name, attributes, ObjectIds.HasComponent, kind)
        text = self._meanings(here, tag) if tag.texts else None
        if tag.unit:
            self.standard_property(here, "EngineeringUnits", engineering_unit(tag.unit), ObjectIds.EUInformation)
        return TagNode(tag, here, self._place(here), text)

    def method(
        self,
        station: str,
        name: str,
        text: str,
        arguments: tuple[list[ua.Argument], list[ua.Argument]],
        *,
        usable: bool,
    ) -> ua.NodeId:
        """A method of the station's object. `usable` False: nobody on this link may call it."""
        here = node_id(station, name)
        attributes = ua.MethodAttributes(
            DisplayName=ua.LocalizedText(name),
            Description=ua.LocalizedText(text),
            Executable=True,
            UserExecutable=usable,
        )
        item = _item(here, node_id(station), name, attributes, ObjectIds.HasComponent, ua.NodeClass.Method)
        self._commit(item)
        for label, given in zip(("InputArguments", "OutputArguments"), arguments, strict=True):
            if given:  # else there is no such property (OPC UA Part 3, 5.7.2)
                self.standard_property(here, label, given, ObjectIds.Argument)
        return here

    # ---- kinds of nodes ------------------------------------------------------------------------------------

    def _object(self, parts: tuple[str, ...], parent: ua.NodeId | int, name: str, kind: int, text: str) -> None:
        attributes = ua.ObjectAttributes(DisplayName=ua.LocalizedText(name), Description=ua.LocalizedText(text))
        above = parent if isinstance(parent, ua.NodeId) else standard_id(parent)
        item = _item(node_id(*parts), above, name, attributes, ObjectIds.Organizes, ua.NodeClass.Object)
        item.TypeDefinition = standard_id(kind)
        self._commit(item)

    def _variable_attributes(self, tag: Tag, value: TagValue, *, writable: bool) -> ua.VariableAttributes:
        kind = VARIANT_TYPES[tag.type]
        return _variable(
            tag.name,
            ua.Variant(value, kind),
            standard_id(kind.value),
            text=tag.description,
            access=_WRITABLE if writable and tag.direction is Direction.CONTROL else _READABLE,
        )

    def _meanings(self, owner: ua.NodeId, tag: Tag) -> AttributeValue:
        values = [
            ua.EnumValueType(number, ua.LocalizedText(text), ua.LocalizedText(text)) for number, text in tag.texts
        ]
        self.standard_property(owner, "EnumValues", values, ObjectIds.EnumValueType)
        return self.standard_property(owner, "ValueAsText", ua.LocalizedText(""), ObjectIds.LocalizedText)

    def standard_property(
        self, owner: ua.NodeId, name: str, value: object, data_type: int, *, path: str = ""
    ) -> AttributeValue:
        """A property that OPC UA defines: its browse name stands in OPC UA's own namespace.

        Its id is the owner's with the name, or `path` with the name.
        """
        here = node_id(path or str(owner.Identifier), name)
        attributes = _variable(name, ua.Variant(value), standard_id(data_type))
        item = _item(here, owner, name, attributes, ObjectIds.HasProperty, ua.NodeClass.Variable)
        item.BrowseName = ua.QualifiedName(name, 0)
        item.TypeDefinition = standard_id(ObjectIds.PropertyType)
        self._commit(item)
        return self._place(here)

    def _add(
        self, here: ua.NodeId, above: ua.NodeId, name: str, attributes: ua.VariableAttributes, reference: int, kind: int
    ) -> None:
        item = _item(here, above, name, attributes, reference, ua.NodeClass.Variable)
        item.TypeDefinition = standard_id(kind)
        self._commit(item)

    def _commit(self, item: ua.AddNodesItem) -> None:
        (result,) = self._server.node_mgt_service.add_nodes([item])
        if not result.StatusCode.is_good():
            raise LinkError(f"OPC UA node {item.RequestedNewNodeId} cannot be added: {result.StatusCode.name}")

    def _place(self, here: ua.NodeId) -> AttributeValue:
        return self._server.aspace[here].attributes[AttributeIds.Value]


def _item(
    here: ua.NodeId, above: ua.NodeId, name: str, attributes: object, reference: int, node_class: ua.NodeClass
) -> ua.AddNodesItem:
    item = ua.AddNodesItem()
    item.RequestedNewNodeId = here
    item.BrowseName = ua.QualifiedName(name, NAMESPACE)
    item.ParentNodeId = above
    item.ReferenceTypeId = standard_id(reference)
    item.NodeClass = node_class
    item.NodeAttributes = attributes
    return item


def _variable(
    name: str, value: ua.Variant, data_type: ua.NodeId, *, text: str = "", access: int = _READABLE
) -> ua.VariableAttributes:
    attributes = ua.VariableAttributes()
    attributes.DisplayName = ua.LocalizedText(name)
    attributes.Description = ua.LocalizedText(text)
    attributes.Value = value
    attributes.DataType = data_type
    attributes.ValueRank = ua.ValueRank.OneDimension if value.is_array else ua.ValueRank.Scalar
    if value.is_array:
        attributes.ArrayDimensions = [0]
    attributes.AccessLevel = attributes.UserAccessLevel = access
    return attributes

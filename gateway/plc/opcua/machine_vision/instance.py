"""Objects made from their types: the mandatory children, and those optional ones that are asked for by name.

asyncua makes either all optional children or none of them; a node that does nothing would be a lie to the client.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.server.internal_server import InternalServer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.core.errors import LinkError
from gateway.plc.opcua.nodes import NAMESPACE, standard_id

_CHILD = frozenset(map(standard_id, (ObjectIds.HasComponent, ObjectIds.HasProperty, ObjectIds.HasOrderedComponent)))
_SUBTYPE = standard_id(ObjectIds.HasSubtype)
_TYPE = standard_id(ObjectIds.HasTypeDefinition)
_RULE = standard_id(ObjectIds.HasModellingRule)
_MANDATORY = standard_id(ObjectIds.ModellingRule_Mandatory)
_OPTIONAL = standard_id(ObjectIds.ModellingRule_Optional)
_COPIED: Mapping[ua.NodeClass, tuple[AttributeIds, ...]] = {
    ua.NodeClass.Object: (AttributeIds.EventNotifier,),
    ua.NodeClass.Variable: (
        AttributeIds.Value,
        AttributeIds.DataType,
        AttributeIds.ValueRank,
        AttributeIds.ArrayDimensions,
        AttributeIds.AccessLevel,
        AttributeIds.UserAccessLevel,
    ),
    ua.NodeClass.Method: (AttributeIds.Executable, AttributeIds.UserExecutable),
}


@dataclass(frozen=True, slots=True)
class Declared:
    """A child as a type declares it. `sources` are the nodes that declare its own children, the nearest first."""

    reference: ua.ReferenceDescription
    mandatory: bool
    sources: tuple[ua.NodeId, ...]


class Instances:
    """Makes instances in one address space, before or while the server listens. Ids are the paths, with dots between.

    Raises LinkError where a node cannot be added.
    """

    def __init__(self, server: InternalServer) -> None:
        self._server = server
        self._aspace: AddressSpace = server.aspace
        self._declared: dict[ua.NodeId, dict[str, Declared]] = {}

    def make(
        self,
        kind: ua.NodeId,
        parent: ua.NodeId,
        name: ua.QualifiedName,
        here: str,
        wanted: Container[str] = (),
        *,
        reference: int = ObjectIds.HasComponent,
    ) -> ua.NodeId:
        """An instance of `kind` below `parent`, with the id `ns=2;s=` and `here`.

        `wanted` names the optional children, as paths of browse names from the instance on: `A.B` needs `A` as well.
        """
        node_class = self._value(kind, AttributeIds.NodeClass)
        is_object = node_class == ua.NodeClass.ObjectType
        made = _id(here)
        self._add(
            kind,
            made,
            parent,
            name,
            ua.NodeClass.Object if is_object else ua.NodeClass.Variable,
            standard_id(reference),
            kind,
        )
        self._make_children((kind,), made, here, "", wanted)
        return made

    def refer(self, source: ua.NodeId, reference: int, target: ua.NodeId) -> None:
        """A further reference between two nodes, both ways."""
        for a, b, forward in ((source, target, True), (target, source, False)):
            item = ua.AddReferencesItem()
            item.SourceNodeId, item.TargetNodeId = a, b
            item.ReferenceTypeId, item.IsForward = standard_id(reference), forward
            (status,) = self._server.node_mgt_service.add_references([item])
            if not status.is_good():
                raise LinkError(f"OPC UA reference from {a} to {b} cannot be added: {status.name}")

    # ---- children ------------------------------------------------------------------------------------------

    def _make_children(
        self, sources: tuple[ua.NodeId, ...], owner: ua.NodeId, here: str, path: str, wanted: Container[str]
    ) -> None:
        for name, child in self._children_of(sources).items():
            below = f"{path}{name}"
            if not child.mandatory and below not in wanted:
                continue
            given = child.reference
            made = _id(f"{here}.{name}")
            self._add(
                given.NodeId,
                made,
                owner,
                given.BrowseName,
                given.NodeClass,
                given.ReferenceTypeId,
                given.TypeDefinition,
            )
            self._make_children(child.sources, made, f"{here}.{name}", f"{below}.", wanted)

    def _children_of(self, sources: tuple[ua.NodeId, ...]) -> Mapping[str, Declared]:
        """What the nodes declare together, each with the types that it comes from."""
        found: dict[str, Declared] = {}
        for source in sources:
            for name, child in self._declared_by(source).items():
                nearer = found.get(name)
                if nearer is None:
                    found[name] = child
                else:
                    together = (*nearer.sources, *(one for one in child.sources if one not in nearer.sources))
                    found[name] = Declared(nearer.reference, nearer.mandatory or child.mandatory, together)
        return found

    def _declared_by(self, source: ua.NodeId) -> Mapping[str, Declared]:
        """The children that this one node declares, or this type with those above it."""
        if source not in self._declared:
            found: dict[str, Declared] = {}
            for level in self._levels(source):
                for reference in self._references(level):
                    declared = self._declaration(reference)
                    if declared is not None and reference.BrowseName.Name not in found:
                        found[reference.BrowseName.Name] = declared
            self._declared[source] = found
        return self._declared[source]

    def _declaration(self, reference: ua.ReferenceDescription) -> Declared | None:
        if not reference.IsForward or reference.ReferenceTypeId not in _CHILD:
            return None
        rule = next((one.NodeId for one in self._references(reference.NodeId) if one.ReferenceTypeId == _RULE), None)
        is_argument = reference.BrowseName.Name in ("InputArguments", "OutputArguments")
        if rule not in (_MANDATORY, _OPTIONAL) and not is_argument:
            return None
        kind = next(
            (
                one.NodeId
                for one in self._references(reference.NodeId)
                if one.ReferenceTypeId == _TYPE and one.IsForward
            ),
            None,
        )
        sources = (reference.NodeId,) if kind is None else (reference.NodeId, kind)
        return Declared(reference, rule != _OPTIONAL, sources)

    def _levels(self, source: ua.NodeId) -> Iterator[ua.NodeId]:
        """The node itself; of a type also those above it."""
        level: ua.NodeId | None = source
        while level is not None:
            yield level
            level = next(
                (
                    one.NodeId
                    for one in self._references(level)
                    if one.ReferenceTypeId == _SUBTYPE and not one.IsForward
                ),
                None,
            )

    # ---- single nodes --------------------------------------------------------------------------------------

    def _add(
        self,
        source: ua.NodeId,
        here: ua.NodeId,
        parent: ua.NodeId,
        name: ua.QualifiedName,
        node_class: ua.NodeClass,
        reference: ua.NodeId,
        kind: ua.NodeId,
    ) -> None:
        item = ua.AddNodesItem()
        item.RequestedNewNodeId, item.ParentNodeId, item.ReferenceTypeId = here, parent, reference
        item.BrowseName, item.NodeClass = name, node_class
        if node_class is not ua.NodeClass.Method:
            item.TypeDefinition = kind
        item.NodeAttributes = self._attributes(source, name, node_class)
        (result,) = self._server.node_mgt_service.add_nodes([item])
        if not result.StatusCode.is_good():
            raise LinkError(f"OPC UA node {here} cannot be added: {result.StatusCode.name}")

    def _attributes(self, source: ua.NodeId, name: ua.QualifiedName, node_class: ua.NodeClass) -> object:
        makers = {
            ua.NodeClass.Object: ua.ObjectAttributes,
            ua.NodeClass.Variable: ua.VariableAttributes,
            ua.NodeClass.Method: ua.MethodAttributes,
        }
        made = makers[node_class]()
        made.DisplayName = ua.LocalizedText(name.Name)
        made.Description = self._value(source, AttributeIds.Description) or ua.LocalizedText("")
        for attribute in _COPIED[node_class]:
            stored = self._aspace.read_attribute_value(source, attribute)
            if stored.Value is not None and (attribute is AttributeIds.Value or stored.Value.Value is not None):
                setattr(made, attribute.name, stored.Value if attribute is AttributeIds.Value else stored.Value.Value)
        return made

    def _value(self, node: ua.NodeId, attribute: AttributeIds) -> object:
        stored = self._aspace.read_attribute_value(node, attribute).Value
        return None if stored is None else stored.Value

    def _references(self, node: ua.NodeId) -> list[ua.ReferenceDescription]:
        return self._aspace[node].references


def _id(path: str) -> ua.NodeId:
    return ua.NodeId(ua.String(path), ua.Int16(NAMESPACE))

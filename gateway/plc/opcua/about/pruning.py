"""Taking nodes out of the address space that asyncua brings along and nothing stands behind."""

from collections.abc import Iterable

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.object_ids import ObjectIds

from gateway.plc.opcua.nodes import standard_id

_OWNED_BY = frozenset(
    standard_id(one) for one in (ObjectIds.HasComponent, ObjectIds.HasProperty, ObjectIds.HasOrderedComponent)
)


def remove(aspace: AddressSpace, roots: Iterable[ua.NodeId]) -> None:
    """Take these nodes out, with all that they own, and every reference to them. What is not there is no fault."""
    gone = _with_owned(aspace, roots)
    for node in gone:
        del aspace[node]
    for node in tuple(aspace.keys()):
        kept = [reference for reference in aspace[node].references if reference.NodeId not in gone]
        if len(kept) < len(aspace[node].references):
            aspace[node].references = kept


def _with_owned(aspace: AddressSpace, roots: Iterable[ua.NodeId]) -> set[ua.NodeId]:
    found: set[ua.NodeId] = set()
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        if node in found or node not in aspace:
            continue
        found.add(node)
        owned = (one for one in aspace[node].references if one.IsForward and one.ReferenceTypeId in _OWNED_BY)
        waiting += [one.NodeId for one in owned]
    return found

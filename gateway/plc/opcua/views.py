"""Browsing that remembers which reference types descend from which.

asyncua walks the whole tree of reference types again for each reference that it looks at: a client that browsed a
folder of 100 tags held up the event loop for tens of milliseconds, and a third of the companion model's import went
into it.
"""

from asyncua import ua
from asyncua.server.address_space import AddressSpace, ViewService
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.requests import bad

_ANY = ua.NodeId()


class Views(ViewService):
    """What is remembered holds until nodes are added: only then can there be other types."""

    def __init__(self, aspace: AddressSpace) -> None:
        super().__init__(aspace)
        self._below: dict[ua.NodeId, frozenset[ua.NodeId]] = {}
        self._nodes = 0

    def _browse(self, desc: ua.BrowseDescription) -> ua.BrowseResult:
        """asyncua says of a node that is not there that its id is no id, and finds nothing by an unknown reference."""
        if desc.NodeId not in self._aspace:
            return ua.BrowseResult(StatusCode=bad(StatusCodes.BadNodeIdUnknown))
        if desc.ReferenceTypeId != _ANY and desc.ReferenceTypeId not in self._aspace:
            return ua.BrowseResult(StatusCode=bad(StatusCodes.BadReferenceTypeIdInvalid))
        return super()._browse(desc)

    def _suitable_reftype(self, ref1: ua.NodeId, ref2: ua.NodeId, subtypes: bool) -> bool:
        """Whether `ref2` is what was asked for by `ref1`; any is, where nothing was asked for."""
        if ref1 in (ref2, _ANY):
            return True
        return subtypes and ref2 in self._descendants(ref1)

    def _descendants(self, kind: ua.NodeId) -> frozenset[ua.NodeId]:
        nodes = len(self._aspace.keys())
        if nodes != self._nodes:
            self._below.clear()
            self._nodes = nodes
        known = self._below.get(kind)
        if known is None:
            known = frozenset(self._get_sub_ref(kind))
            if known:  # not what clients make up
                self._below[kind] = known
        return known

"""Which function answers a method call, and what is checked before: object, method, rights, arguments, in this order.

A client may call through the MethodId of the instance or through that of the same method on the object's type (OPC UA
Part 4, 5.11.2.2). The methods that asyncua brings along pass the same checks.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.arguments import Signature, SignatureReader, ended
from gateway.plc.opcua.nodes import standard_id
from gateway.plc.opcua.security.rights import Role, least_role_to_call

log = logging.getLogger(__name__)

_COMPONENT = frozenset({standard_id(ObjectIds.HasComponent), standard_id(ObjectIds.HasOrderedComponent)})
_TYPE = standard_id(ObjectIds.HasTypeDefinition)
_SUBTYPE = standard_id(ObjectIds.HasSubtype)


class SessionEnd:
    """A session as methods see it: it stands for the session, and tells of its end."""

    def __init__(self) -> None:
        self._callbacks: dict[object, Callable[[], None]] = {}

    def tell(self, whom: object, callback: Callable[[], None]) -> None:
        """Call back when the session is over; one callback for each `whom`."""
        self._callbacks[whom] = callback

    def over(self) -> None:
        callbacks, self._callbacks = self._callbacks, {}
        for callback in callbacks.values():
            callback()


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and in which session. `name` is empty for somebody without one."""

    role: Role
    session: SessionEnd
    name: str = ""
    session_id: ua.NodeId = field(default_factory=ua.NodeId)
    client: str = ""
    """As ports.StationPort.write has it."""


Function = Callable[[Caller, Signature, list[Any]], Awaitable[ua.CallMethodResult]]
"""Gets the values of arguments that have passed the signature; answers with `Signature.answer`, or with a status."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method of one object. `usable` False: another link owns what it would control."""

    function: Function
    usable: bool = True


Others = Callable[[ua.CallMethodRequest], Awaitable[ua.CallMethodResult]]
"""asyncua's own way to call a method."""


class MethodTable:
    """The methods of a server. Each is added once, before the server listens."""

    def __init__(self, aspace: AddressSpace) -> None:
        self._aspace = aspace
        self._reader = SignatureReader(aspace)
        self._methods: dict[tuple[ua.NodeId, str], Method] = {}
        self._by_node: dict[ua.NodeId, Method] = {}
        self._signatures: dict[ua.NodeId, Signature] = {}

    def add(self, owner: ua.NodeId, node: ua.NodeId, method: Method) -> None:
        """`node` is the method's node under its object `owner`."""
        name = self._name(node)
        self._methods[owner, name] = method
        self._by_node[node] = method

    def right(self, node: ua.NodeId, role: Role) -> int:
        """Whether somebody with this role may call this method, of an instance or of a type."""
        method = self._by_node.get(node)
        may = (method is None or method.usable) and role >= least_role_to_call(self._name(node))
        return StatusCodes.Good if may else StatusCodes.BadUserAccessDenied

    async def call(self, caller: Caller, request: ua.CallMethodRequest, others: Others) -> ua.CallMethodResult:
        """Check a call and make it."""
        code = self._node_status(request)
        if code != StatusCodes.Good:
            return ended(code)
        method = self._methods.get((request.ObjectId, self._name(request.MethodId)))
        if self.right(request.MethodId, caller.role) != StatusCodes.Good or not (method is None or method.usable):
            return ended(StatusCodes.BadUserAccessDenied)
        request.InputArguments = list(request.InputArguments or ())
        signature = self._signature(request.MethodId)
        refused = signature.refusal(request.InputArguments)
        if refused is not None:
            return refused
        if method is None:
            return await others(request)
        return await _made(method, caller, signature, request)

    def _node_status(self, request: ua.CallMethodRequest) -> int:
        if request.ObjectId not in self._aspace:
            return StatusCodes.BadNodeIdUnknown
        if request.MethodId not in self._aspace or request.MethodId not in self._methods_of(request.ObjectId):
            return StatusCodes.BadMethodInvalid
        executable = self._aspace.read_attribute_value(request.MethodId, AttributeIds.Executable).Value
        return StatusCodes.Good if executable is not None and executable.Value else StatusCodes.BadNotExecutable

    def _methods_of(self, owner: ua.NodeId) -> Iterator[ua.NodeId]:
        """The components of an object, and of its type and the types above it. Those that are methods are methods."""
        level: ua.NodeId | None = owner
        link = _TYPE
        while level is not None and level in self._aspace:
            above = None
            for reference in self._aspace[level].references:
                if reference.IsForward and reference.ReferenceTypeId in _COMPONENT:
                    if reference.NodeClass == ua.NodeClass.Method:
                        yield reference.NodeId
                elif reference.ReferenceTypeId == link and reference.IsForward == (link == _TYPE):
                    above = reference.NodeId
            level, link = above, _SUBTYPE

    def _signature(self, node: ua.NodeId) -> Signature:
        """Read once: the nodes stay as they are while the server runs."""
        if node not in self._signatures:
            self._signatures[node] = self._reader.read(node)
        return self._signatures[node]

    def _name(self, node: ua.NodeId) -> str:
        shown = self._aspace.read_attribute_value(node, AttributeIds.BrowseName).Value
        return "" if shown is None or shown.Value is None else str(shown.Value.Name)


async def _made(
    method: Method, caller: Caller, signature: Signature, request: ua.CallMethodRequest
) -> ua.CallMethodResult:
    try:
        return await method.function(caller, signature, signature.values(request.InputArguments))
    except Exception:  # whatever it is, it is a fault of ours: the client is told so, the log has the rest
        log.exception("the method %s of %s failed", request.MethodId, request.ObjectId)
        return ended(StatusCodes.BadUnexpectedError)


def methods_below(aspace: AddressSpace, root: ua.NodeId) -> Mapping[str, tuple[ua.NodeId, ua.NodeId]]:
    """Each method under an object and the objects in it: its name, and the ids of its owner and of its own node."""
    found: dict[str, tuple[ua.NodeId, ua.NodeId]] = {}
    waiting = [root]
    while waiting:
        owner = waiting.pop()
        for reference in aspace[owner].references:
            if not reference.IsForward or reference.ReferenceTypeId not in _COMPONENT:
                continue
            if reference.NodeClass == ua.NodeClass.Method:
                found[reference.BrowseName.Name] = (owner, reference.NodeId)
            elif reference.NodeClass == ua.NodeClass.Object:
                waiting.append(reference.NodeId)
    return found

"""A SCADA client that looks at a vision system of OPC 40100-1 from outside: what there is of it, and what it does.

It goes by nodes and events alone; the structures of the specification have to be known to asyncua.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Container
from dataclasses import dataclass, field
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

MODEL = "http://opcfoundation.org/UA/MachineVision"
TIMEOUT_S = 60.0
_CHILDREN = (ObjectIds.HasComponent, ObjectIds.HasProperty)
_ARGUMENTS = ("InputArguments", "OutputArguments")
_VISION_SYSTEM_TYPE = 1003


@dataclass(frozen=True, slots=True)
class Declared:
    """A node that the type declares: what it is, and whether each vision system must have it."""

    kind: str
    mandatory: bool


@dataclass(slots=True)
class Survey:
    """What was found. Paths are browse names with dots between, from the vision system on."""

    declared: dict[str, Declared] = field(default_factory=dict)
    present: set[str] = field(default_factory=set)
    events: set[int] = field(default_factory=set)
    """Numbers of the event types of the specification that were seen."""


class _Listener:
    def __init__(self, space: int) -> None:
        self._space = space
        self.kinds: set[int] = set()

    def event_notification(self, event: Any) -> None:
        kind = event.EventType
        if kind.NamespaceIndex == self._space:
            self.kinds.add(int(kind.Identifier))


async def survey(url: str, station: str, user: str, password: str, fail: Callable[[], None]) -> Survey:
    """Browse a station's vision system, make it work, and see it fail: `fail` has its source go down and come back.

    Raises TimeoutError where it does not do what it ought to.
    """
    client = Client(url, timeout=TIMEOUT_S)
    client.set_user(user)
    client.set_password(password)
    async with client, asyncio.timeout(TIMEOUT_S):
        space = await client.get_namespace_index(MODEL)
        found = Survey()
        root = client.get_node(ua.NodeId(ua.String(f"{station}.vision"), ua.Int16(2)))
        await _declarations(client.get_node(ua.NodeId(ua.Int32(_VISION_SYSTEM_TYPE), ua.Int16(space))), "", found)
        found.present = {path async for path in _paths(root, "", found.declared)}
        listener = _Listener(space)
        subscription = await client.create_subscription(10, listener)
        await subscription.subscribe_events(evtypes=ObjectIds.BaseEventType)
        await _work(client, station, listener, fail)
        await subscription.delete()
        found.events = listener.kinds
        return found


# ---- nodes ----------------------------------------------------------------------------------------------------


async def _children(node: Node) -> list[ua.ReferenceDescription]:
    found = [one for kind in _CHILDREN for one in await node.get_children_descriptions(kind)]
    return [one for one in found if one.BrowseName.Name not in _ARGUMENTS]


async def _declarations(node: Node, path: str, found: Survey) -> None:
    for child in await _children(node):
        here = f"{path}{child.BrowseName.Name}"
        inside = Node(node.session, child.NodeId)
        rules = await inside.get_referenced_nodes(ObjectIds.HasModellingRule)
        mandatory = any(rule.nodeid.Identifier == ObjectIds.ModellingRule_Mandatory for rule in rules)
        if rules:
            found.declared[here] = Declared(child.NodeClass.name, mandatory)
            await _declarations(inside, f"{here}.", found)


async def _paths(node: Node, path: str, declared: Container[str]) -> AsyncIterator[str]:
    """What there is below a node, as deep as the type declares it."""
    for child in await _children(node):
        here = f"{path}{child.BrowseName.Name}"
        yield here
        if here in declared or path.endswith("Results."):
            async for below in _paths(Node(node.session, child.NodeId), f"{here}.", declared):
                yield below


# ---- work -----------------------------------------------------------------------------------------------------

_MACHINE = "VisionStateMachine.AutomaticModeStateMachine"
_UNTIL_READY = {1018, 1022, 1013, 1025, 1024, 1023, 1038, 1037}
_FAILURES = {1019, 1020, 1034, 1035, 1036}


async def _work(client: Client, station: str, listener: _Listener, fail: Callable[[], None]) -> None:
    """A job, an acknowledgement of nothing, a call out of turn, and a failure."""
    await _call(client, station, _MACHINE, "Stop", ua.Variant(0, ua.VariantType.Int32), "nothing runs")
    await _call(client, station, "VisionStateMachine", "SelectModeAutomatic")
    await _write(client, f"{station}.vision.DiagnosticLevel", 2)
    recipe = _structure("RecipeIdExternalDataType", Id="second")
    await _call(client, station, "RecipeManagement", "PrepareRecipe", recipe, _structure("RecipeIdInternalDataType"))
    ids = [_structure(name, Id="survey") for name in ("MeasIdDataType", "PartIdDataType")]
    nothing = ua.Variant([], ua.VariantType.Variant, None, True)
    await _call(client, station, _MACHINE, "StartSingleJob", *ids, recipe, _structure("ProductIdDataType"), nothing)
    await _until(lambda: listener.kinds >= _UNTIL_READY)
    await _write(client, f"{station}.control.result_ack_seq", 1)
    await _write(client, f"{station}.control.result_ack_seq", 4711)
    fail()
    await _until(lambda: listener.kinds >= _FAILURES)


def _structure(name: str, **fields: str) -> ua.Variant:
    return ua.Variant(getattr(ua, name)(**fields), ua.VariantType.ExtensionObject)


async def _call(client: Client, station: str, owner: str, method: str, *given: Any) -> None:
    here = ua.NodeId(ua.String(f"{station}.vision.{owner}"), ua.Int16(2))
    await client.get_node(here).call_method(ua.NodeId(ua.String(f"{here.Identifier!s}.{method}"), ua.Int16(2)), *given)


async def _write(client: Client, path: str, value: int) -> None:
    data = ua.DataValue(ua.Variant(value, ua.VariantType.UInt16))
    item = ua.WriteValue(ua.NodeId(ua.String(path), ua.Int16(2)), AttributeIds.Value, None, data)
    for status in await client.uaclient.write(ua.WriteParameters([item])):
        status.check()


async def _until(true: Callable[[], bool]) -> None:
    """The caller's time-out bounds it."""
    while not true():  # noqa: ASYNC110 - what changes is the state of a library's client
        await asyncio.sleep(0.01)

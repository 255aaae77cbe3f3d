"""The conditions of one station in the address space: their variables, their methods, and their events."""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.arguments import Signature, ended
from gateway.plc.opcua.face import put
from gateway.plc.opcua.machine_vision import events as ev
from gateway.plc.opcua.machine_vision.conditions import ALL_KINDS, Condition, ConditionKind
from gateway.plc.opcua.machine_vision.emitter import Emitter
from gateway.plc.opcua.machine_vision.events import Source, VisionEvent, base_path
from gateway.plc.opcua.machine_vision.instance import Instances
from gateway.plc.opcua.machine_vision.values import sendable, utc
from gateway.plc.opcua.methods import Caller, Function, Method, MethodTable
from gateway.plc.opcua.nodes import node_id, standard_id

_ALWAYS = (
    "ErrorCode", "ErrorString", "ExternalRecipeId", "InternalRecipeId", "ExternalConfigurationId",
    "InternalConfigurationId", "ProductId", "MeasId", "PartId", "JobId", "ResultId",
)  # fmt: skip
_CONFIRMED = ("ConfirmedState", "Confirm")
_BASE = ("EventId", "EventType", "SourceNode", "SourceName", "Time", "ReceiveTime", "Message", "Severity")
_TYPE = standard_id(ObjectIds.ConditionType)

Change = Callable[[Condition, list[Any], str, datetime], int]


class ConditionNodes:
    """All conditions of a vision system. Whoever changes one says so with `show`."""

    def __init__(
        self, aspace: AddressSpace, instances: Instances, methods: MethodTable, emitter: Emitter, source: Source
    ) -> None:
        self._aspace, self._emitter, self._source = aspace, emitter, source
        self._last: dict[str, VisionEvent] = {}
        self.conditions: Mapping[ConditionKind, Condition] = {
            kind: self._make(kind, instances, methods) for kind in ALL_KINDS
        }
        for condition in self.conditions.values():
            self._put(condition, condition.event())

    def _make(self, kind: ConditionKind, instances: Instances, methods: MethodTable) -> Condition:
        here = f"{self._source.node.Identifier!s}.{kind.name}"
        wanted = {*_ALWAYS, *(_CONFIRMED if kind.confirmed else ())}
        made = instances.make(kind.type, self._source.node, ua.QualifiedName(kind.name, 2), here, wanted)
        instances.refer(self._source.node, ObjectIds.HasCondition, made)
        condition = Condition(kind, made, self._source, text=kind.name)
        for name, change in _METHODS.items():
            if name != "Confirm" or kind.confirmed:
                method = Method(self._method(condition, change))
                methods.add(made, node_id(here, name), method)
        return condition

    def _method(self, condition: Condition, change: Change) -> Function:
        async def call(caller: Caller, _: Signature, given: list[Any]) -> ua.CallMethodResult:
            code = change(condition, given, caller.name, ev.utc_now())
            if code == StatusCodes.Good:
                self.show(condition)
            return ended(code)

        return call

    def show(self, condition: Condition) -> None:
        """Put the condition into its nodes and tell those who listen. A disabled one tells only that it is."""
        event = condition.event()
        self._put(condition, event)
        was_disabled = self._is_disabled(condition)
        self._last[condition.kind.name] = event
        if condition.enabled or not was_disabled:
            self._emitter.emit(self._source.notifier, lambda: event)

    def retained(self) -> Iterable[VisionEvent]:
        """The last event of each condition that is still of interest."""
        for condition in self.conditions.values():
            if condition.retained and condition.kind.name in self._last:
                yield self._last[condition.kind.name]

    def _is_disabled(self, condition: Condition) -> bool:
        last = self._last.get(condition.kind.name)
        told = last.value(base_path("EnabledState", "Id")) if last is not None else None
        return told is not None and not told.Value

    def _put(self, condition: Condition, event: VisionEvent) -> None:
        fields = {**event.fields, **{base_path(name): event.value(base_path(name)) for name in _BASE}}
        moment, now = utc(event.at), ua.DateTime.now(event.at.tzinfo)
        for path, value in fields.items():
            node = self._aspace.get(node_id(str(condition.node.Identifier), *(name for _, name in path)))
            if node is not None and value is not None:
                put(node.attributes[AttributeIds.Value], value, moment, now)


def _words(given: Any) -> str | None:
    """A comment; None where the client gave none, which leaves the last one as it is."""
    return sendable(given.Text) if isinstance(given, ua.LocalizedText) and given.Text is not None else None


_METHODS: Mapping[str, Change] = {
    "Acknowledge": lambda one, given, user, at: one.acknowledge(given[0], _words(given[1]), user, at),
    "Confirm": lambda one, given, user, at: one.confirm(given[0], _words(given[1]), user, at),
    "AddComment": lambda one, given, user, at: one.add_comment(given[0], _words(given[1]), user, at),
    "Enable": lambda one, _, user, at: one.enable(True, at),
    "Disable": lambda one, _, user, at: one.enable(False, at),
}


def add_refresh(methods: MethodTable, emitter: Emitter, stations: Callable[[], Iterable[ConditionNodes]]) -> None:
    """ConditionRefresh and ConditionRefresh2: a client that comes later learns how the conditions stand."""

    def refreshing(wants_item: bool) -> Function:
        async def refresh(caller: Caller, _: Signature, given: list[Any]) -> ua.CallMethodResult:
            item = given[1] if wants_item else None
            code = emitter.refresh_status(caller.session_id, given[0], item)
            if code == StatusCodes.Good:
                retained = [event for one in stations() for event in one.retained()]
                emitter.refresh(given[0], item, retained)
            return ended(code)

        return refresh

    for number, wants_item in (
        (ObjectIds.ConditionType_ConditionRefresh, False),
        (ObjectIds.ConditionType_ConditionRefresh2, True),
    ):
        methods.add(_TYPE, standard_id(number), Method(refreshing(wants_item)))

"""What a client's EventFilter wants of an event: which ones, and which of their fields.

asyncua's own evaluation takes only exactly equal types for OfType, forgets namespaces in browse paths, knows no Like,
and raises for a field that an event does not have. Here it is as OPC UA Part 4, 7.7 and 7.22 have it: a field that is
not there is null, and null in a comparison makes neither true nor false.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.machine_vision.events import Path, VisionEvent
from gateway.plc.opcua.nodes import standard_id

_SUBTYPE = standard_id(ObjectIds.HasSubtype)
_ANY_EVENT = standard_id(ObjectIds.BaseEventType)
_CONDITION = standard_id(ObjectIds.ConditionType)
_NULL = ua.Variant()
_DEEPEST = 32
"""Elements that refer to each other; a filter that goes deeper goes in circles."""

Operator = ua.FilterOperator
_COMPARISONS: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.Equals: operator.eq,
    Operator.GreaterThan: operator.gt,
    Operator.LessThan: operator.lt,
    Operator.GreaterThanOrEqual: operator.ge,
    Operator.LessThanOrEqual: operator.le,
}
_OPERANDS: Mapping[Operator, int] = {
    **dict.fromkeys(_COMPARISONS, 2),
    Operator.IsNull: 1,
    Operator.Like: 2,
    Operator.Not: 1,
    Operator.Between: 3,
    Operator.InList: 2,
    Operator.And: 2,
    Operator.Or: 2,
    Operator.OfType: 1,
}
"""The operators that there are, and the least number of operands of each."""


class TypeTree:
    """Which types are subtypes of which. Read once each: types do not change while a server runs."""

    def __init__(self, aspace: AddressSpace) -> None:
        self._aspace = aspace
        self._above: dict[ua.NodeId, frozenset[ua.NodeId]] = {}

    def is_a(self, kind: ua.NodeId, wanted: ua.NodeId) -> bool:
        """`kind` is `wanted`, or a subtype of it."""
        if kind not in self._above:
            self._above[kind] = frozenset(self._line(kind))
        return wanted in self._above[kind]

    def _line(self, kind: ua.NodeId) -> list[ua.NodeId]:
        line: list[ua.NodeId] = [kind]
        while True:
            node = self._aspace.get(line[-1])
            references = node.references if node is not None else []
            above = [one.NodeId for one in references if one.ReferenceTypeId == _SUBTYPE and not one.IsForward]
            if not above:
                return line
            line.append(above[0])


def filter_status(wanted: ua.EventFilter) -> int:
    """Whether a monitored item may have this filter; Good, or why not."""
    if not wanted.SelectClauses:
        return StatusCodes.BadEventFilterInvalid
    elements = wanted.WhereClause.Elements or ()
    for element in elements:
        if element.FilterOperator not in _OPERANDS:
            return StatusCodes.BadFilterOperatorUnsupported
        operands = element.FilterOperands or ()
        if len(operands) < _OPERANDS[element.FilterOperator]:
            return StatusCodes.BadFilterOperandCountMismatch
        for operand in operands:
            if isinstance(operand, ua.ElementOperand) and operand.Index >= len(elements):
                return StatusCodes.BadFilterOperandInvalid
            if not isinstance(operand, ua.ElementOperand | ua.LiteralOperand | ua.SimpleAttributeOperand):
                return StatusCodes.BadFilterOperandInvalid
    return StatusCodes.Good


def select(event: VisionEvent, clauses: Sequence[ua.SimpleAttributeOperand], types: TypeTree) -> list[ua.Variant]:
    """The fields that a client asked for, in its order; null for those that this event does not have."""
    return [_field(event, clause, types) for clause in clauses]


def passes(event: VisionEvent, where: ua.ContentFilter, types: TypeTree) -> bool:
    """Whether the client wants this event."""
    elements = where.Elements or ()
    return not elements or _Evaluation(event, elements, types).element(0, 0) is True


def _field(event: VisionEvent, operand: ua.SimpleAttributeOperand, types: TypeTree) -> ua.Variant:
    kind = operand.TypeDefinitionId
    path: Path = tuple((int(one.NamespaceIndex), str(one.Name)) for one in operand.BrowsePath or ())
    if not path:
        is_condition = operand.AttributeId == AttributeIds.NodeId and event.condition is not None
        return ua.Variant(event.condition, ua.VariantType.NodeId) if is_condition else _NULL
    if kind not in (_ANY_EVENT, _CONDITION) and not kind.is_null() and not types.is_a(event.kind, kind):
        return _NULL
    if operand.AttributeId != AttributeIds.Value:
        return _NULL
    found = event.value(path)
    return found if found is not None else _NULL


class _Evaluation:
    """One filter and one event. A value of None is OPC UA's null, which is neither true nor false."""

    def __init__(self, event: VisionEvent, elements: Sequence[ua.ContentFilterElement], types: TypeTree) -> None:
        self._event, self._elements, self._types = event, elements, types

    def element(self, index: int, depth: int) -> bool | None:
        if depth > _DEEPEST:
            return None
        element = self._elements[index]
        values = [self._operand(one, depth + 1) for one in element.FilterOperands]
        match element.FilterOperator:
            case Operator.IsNull:
                return values[0] is None
            case Operator.Not:
                return None if values[0] is None else not values[0]
            case Operator.And:
                return _and(values[0], values[1])
            case Operator.Or:
                denied = _and(_not(values[0]), _not(values[1]))
                return _not(denied)
            case Operator.OfType:
                return isinstance(values[0], ua.NodeId) and self._types.is_a(self._event.kind, values[0])
            case Operator.InList:
                return any(_compared(operator.eq, values[0], one) for one in values[1:])
            case Operator.Between:
                return _and(_compared(operator.ge, values[0], values[1]), _compared(operator.le, values[0], values[2]))
            case Operator.Like:
                return _like(values[0], values[1])
        return _compared(_COMPARISONS[element.FilterOperator], values[0], values[1])

    def _operand(self, operand: Any, depth: int) -> Any:
        if isinstance(operand, ua.ElementOperand):
            return self.element(operand.Index, depth)
        if isinstance(operand, ua.LiteralOperand):
            return None if operand.Value is None else _bare(operand.Value.Value)
        return _bare(_field(self._event, operand, self._types).Value)


def _bare(value: Any) -> Any:
    """A text without its language: literals come as plain strings."""
    return value.Text if isinstance(value, ua.LocalizedText) else value


def _not(value: Any) -> bool | None:
    return None if value is None else not value


def _and(left: Any, right: Any) -> bool | None:
    if left is False or right is False:
        return False
    return None if left is None or right is None else bool(left) and bool(right)


def _compared(compare: Callable[[Any, Any], bool], left: Any, right: Any) -> bool | None:
    """None for null; False for what cannot be compared with each other."""
    if left is None or right is None:
        return None
    try:
        return bool(compare(left, right))
    except TypeError:
        return False


def _like(value: Any, pattern: Any) -> bool | None:
    """OPC UA's wildcards: % any text, _ one character, [] and [^] a list, backslash takes the next one literally."""
    if value is None or pattern is None:
        return None
    if not isinstance(value, str) or not isinstance(pattern, str):
        return False
    return re.fullmatch(_expression(pattern), value, re.DOTALL) is not None


def _expression(pattern: str) -> str:
    parts, place = [], 0
    while place < len(pattern):
        one = pattern[place]
        place += 1
        if one == "\\" and place < len(pattern):
            parts.append(re.escape(pattern[place]))
            place += 1
        elif one == "[" and (end := pattern.find("]", place + 1)) > 0:
            inside = pattern[place:end]
            denied = inside.startswith("^")
            parts.append(f"[{'^' if denied else ''}{re.escape(inside[denied:]).replace(chr(92) + '-', '-')}]")
            place = end + 1
        else:
            parts.append({"%": ".*", "_": "."}.get(one, re.escape(one)))
    return "".join(parts)

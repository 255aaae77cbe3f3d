"""What a method's arguments must be, read from the method's own node, and the values that came for them.

asyncua calls any function with whatever arguments arrive. Here a call is held against the InputArguments that clients
read as well, so that there is no second list of signatures that could differ from the first one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, EnumType
from typing import Any

from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.nodes import standard_id

GOOD = StatusCodes.Good
_ANY = frozenset(ua.VariantType)
_INTEGERS = frozenset(
    {ua.VariantType.SByte, ua.VariantType.Int16, ua.VariantType.Int32, ua.VariantType.Int64}
)  # fmt: skip
_UNSIGNED = frozenset(
    {ua.VariantType.Byte, ua.VariantType.UInt16, ua.VariantType.UInt32, ua.VariantType.UInt64}
)  # fmt: skip
_ROOTS: Mapping[int, frozenset[ua.VariantType]] = {
    ObjectIds.BaseDataType: _ANY,
    ObjectIds.Number: _INTEGERS | _UNSIGNED | {ua.VariantType.Float, ua.VariantType.Double},
    ObjectIds.Integer: _INTEGERS,
    ObjectIds.UInteger: _UNSIGNED,
    ObjectIds.Enumeration: frozenset({ua.VariantType.Int32}),
    **{kind.value: frozenset({kind}) for kind in ua.VariantType if 0 < kind.value < ua.VariantType.DataValue.value},
}
"""How a data type of OPC UA itself comes over the wire; every other data type descends from one of them."""

_NULLABLE = frozenset(
    {
        ua.VariantType.String, ua.VariantType.ByteString, ua.VariantType.XmlElement, ua.VariantType.LocalizedText,
        ua.VariantType.ExtensionObject,
    }
)  # fmt: skip
"""Built-in types that have a null of their own; a Variant that is null altogether stands for it as well."""

_NOTHING: Mapping[ua.VariantType, Any] = {
    ua.VariantType.ExtensionObject: None,
    ua.VariantType.Boolean: False,
    ua.VariantType.String: "",
    ua.VariantType.LocalizedText: ua.LocalizedText(),
    ua.VariantType.DateTime: ua.DateTime(1601, 1, 1),
}
"""What stands for no value; for everything else it is 0. A DateTime has no null but its earliest moment."""

_STRUCTURES: Mapping[ua.NodeId, type] = {
    one.data_type: one for one in ua.extension_objects_by_typeid.values() if hasattr(one, "data_type")
}
_ENUMERATIONS: Mapping[ua.NodeId, type] = {
    standard_id(getattr(ObjectIds, name)): one
    for name, one in vars(ua).items()
    if isinstance(one, EnumType) and hasattr(ObjectIds, name)
}
"""What OPC UA's own data types are decoded into; asyncua finds only later ones by their data types."""

_NO_TYPE = ua.NodeId()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One declared argument."""

    name: str
    kinds: frozenset[ua.VariantType]
    rank: int
    structure: type | None = None
    """The class that a structure is decoded into; None where it is no structure, or any."""
    choices: frozenset[int] | None = None
    """The numbers of an enumeration."""

    def refusal(self, given: ua.Variant) -> int:
        """Why this is no value for it; Good where it is one."""
        if given.VariantType is ua.VariantType.Null and not given.is_array:
            return GOOD if self._takes_null() else StatusCodes.BadTypeMismatch
        if not self._fits(given) or given.VariantType not in self._wire_kinds(given):
            return StatusCodes.BadTypeMismatch
        return next((code for one in _each(given) if (code := self._refusal_of(one)) != GOOD), GOOD)

    def value(self, given: ua.Variant) -> Any:
        """The value for the function: an array is a list, a null structure is None, a null string is empty."""
        if given.is_array or self.rank >= ua.ValueRank.OneOrMoreDimensions:
            return list(given.Value or ())
        return _plain(given.Value, self.kinds)

    def nothing(self) -> Any:
        """The value of an output argument of a method that failed."""
        if self.rank >= ua.ValueRank.OneOrMoreDimensions:
            return []
        return next((value for kind, value in _NOTHING.items() if kind in self.kinds), 0)

    def _takes_null(self) -> bool:
        return self.rank >= ua.ValueRank.OneOrMoreDimensions or bool(self.kinds & _NULLABLE)

    def _fits(self, given: ua.Variant) -> bool:
        """Scalar or array as declared, and of not more dimensions."""
        dimensions = max(len(given.Dimensions or ()), 1) if given.is_array else 0
        if given.Dimensions and not given.is_array:
            return False
        match self.rank:
            case ua.ValueRank.Any:
                return True
            case ua.ValueRank.ScalarOrOneDimension:
                return dimensions <= 1
            case ua.ValueRank.Scalar:
                return dimensions == 0
            case ua.ValueRank.OneOrMoreDimensions:
                return dimensions >= 1
        return dimensions == self.rank

    def _wire_kinds(self, given: ua.Variant) -> frozenset[ua.VariantType]:
        """An array of anything may come as an array of Variants, or as one of any single type."""
        return self.kinds | {ua.VariantType.Variant} if given.is_array and self.kinds == _ANY else self.kinds

    def _refusal_of(self, one: Any) -> int:
        if self.structure is not None and not _is_null(one) and not isinstance(one, self.structure):
            return StatusCodes.BadTypeMismatch
        if self.choices is not None and one not in self.choices:
            return StatusCodes.BadOutOfRange
        return GOOD


@dataclass(frozen=True, slots=True)
class Signature:
    """A method's arguments, in and out."""

    inputs: tuple[Parameter, ...]
    outputs: tuple[Parameter, ...]

    def refusal(self, given: Sequence[ua.Variant]) -> ua.CallMethodResult | None:
        """The answer to arguments that are too few, too many or of a wrong kind; None for good ones."""
        if len(given) < len(self.inputs):
            return ended(StatusCodes.BadArgumentsMissing)
        if len(given) > len(self.inputs):
            return ended(StatusCodes.BadTooManyArguments)
        codes = [parameter.refusal(one) for parameter, one in zip(self.inputs, given, strict=True)]
        return invalid(codes) if any(code != GOOD for code in codes) else None

    def values(self, given: Sequence[ua.Variant]) -> list[Any]:
        """Good arguments as plain values."""
        return [parameter.value(one) for parameter, one in zip(self.inputs, given, strict=True)]

    def out_of_range(self, names: Iterable[str]) -> ua.CallMethodResult:
        """The answer to arguments of the right types whose values cannot be taken."""
        wrong = set(names)
        return invalid([StatusCodes.BadOutOfRange if one.name in wrong else GOOD for one in self.inputs])

    def answer(self, values: Sequence[Any]) -> ua.CallMethodResult:
        """A good answer with these output arguments."""
        result = ended(GOOD)
        result.OutputArguments = [_output(one, value) for one, value in zip(self.outputs, values, strict=True)]
        return result


class SignatureReader:
    """Reads signatures from the nodes of an address space."""

    def __init__(self, aspace: AddressSpace) -> None:
        self._aspace = aspace

    def read(self, method: ua.NodeId) -> Signature:
        """The signature of a method's node; one without arguments has none of the properties."""
        found = {"InputArguments": (), "OutputArguments": ()} | dict(self._properties(method))
        return Signature(*(tuple(map(self._parameter, found[name])) for name in ("InputArguments", "OutputArguments")))

    def _properties(self, method: ua.NodeId) -> Iterator[tuple[str, Sequence[ua.Argument]]]:
        for reference in self._aspace[method].references:
            if reference.IsForward and reference.ReferenceTypeId == standard_id(ObjectIds.HasProperty):
                value = self._aspace.read_attribute_value(reference.NodeId, AttributeIds.Value).Value
                yield reference.BrowseName.Name, tuple(value.Value or ()) if value is not None else ()

    def _parameter(self, argument: ua.Argument) -> Parameter:
        data_type = argument.DataType
        kinds = _ROOTS[self._root(data_type)]
        structure = None if self._is_abstract(data_type) else _class_of(data_type, _STRUCTURES)
        choices = _class_of(data_type, _ENUMERATIONS)
        numbers = frozenset(int(one.value) for one in choices) if choices and issubclass(choices, Enum) else None
        return Parameter(argument.Name, kinds, int(argument.ValueRank), structure, numbers)

    def _is_abstract(self, data_type: ua.NodeId) -> bool:
        """A value of such a type is one of a type below it; which of them there are is not looked up."""
        told = self._aspace.read_attribute_value(data_type, AttributeIds.IsAbstract).Value
        return told is not None and bool(told.Value)

    def _root(self, data_type: ua.NodeId) -> int:
        """Up the tree of data types to the first one of OPC UA's own that tells how it is encoded."""
        while data_type.NamespaceIndex or data_type.Identifier not in _ROOTS:
            data_type = next(
                one.NodeId
                for one in self._aspace[data_type].references
                if not one.IsForward and one.ReferenceTypeId == standard_id(ObjectIds.HasSubtype)
            )
        return int(data_type.Identifier)


def ended(code: int) -> ua.CallMethodResult:
    """An answer without output arguments."""
    result = ua.CallMethodResult()
    result.StatusCode = ua.StatusCode(ua.UInt32(code))
    return result


def invalid(codes: Iterable[int]) -> ua.CallMethodResult:
    """BadInvalidArgument, and the status of each argument."""
    result = ended(StatusCodes.BadInvalidArgument)
    result.InputArgumentResults = [ua.StatusCode(ua.UInt32(code)) for code in codes]
    return result


def _class_of(data_type: ua.NodeId, own: Mapping[ua.NodeId, type]) -> type | None:
    known = ua.uatypes.extension_objects_by_datatype if own is _STRUCTURES else ua.uatypes.enums_by_datatype
    return known.get(data_type) or own.get(data_type)


def _each(given: ua.Variant) -> Sequence[Any]:
    return (given.Value or ()) if given.is_array else (given.Value,)


def _is_null(value: Any) -> bool:
    """Nothing, or a structure that says it has no type."""
    return value is None or (type(value) is ua.ExtensionObject and value.TypeId == _NO_TYPE)


def _plain(value: Any, kinds: frozenset[ua.VariantType]) -> Any:
    if value is None and ua.VariantType.String in kinds and len(kinds) == 1:
        return ""
    return None if _is_null(value) else value


def _output(parameter: Parameter, value: Any) -> ua.Variant:
    """One output argument. An array of anything is an array of Variants, a scalar anything has its own Variant."""
    is_array = parameter.rank >= ua.ValueRank.OneOrMoreDimensions
    kind = ua.VariantType.Variant if len(parameter.kinds) > 1 else next(iter(parameter.kinds))
    if kind is ua.VariantType.Variant and not is_array:
        return value if isinstance(value, ua.Variant) else ua.Variant(value)
    return ua.Variant(value, kind, None, is_array)

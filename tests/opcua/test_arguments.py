"""Declared arguments against values: data types, ranks, nulls. Declarations come from nodes of OPC UA itself."""

from collections.abc import Callable
from typing import Any

import pytest
from asyncua import ua
from asyncua.server.address_space import AddressSpace
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.arguments import Parameter, SignatureReader
from gateway.plc.opcua.nodes import standard_id
from tests.opcua.quick_start import Nodes

GOOD, MISMATCH, RANGE = StatusCodes.Good, StatusCodes.BadTypeMismatch, StatusCodes.BadOutOfRange
_KINDS = ua.VariantType
Declare = Callable[..., Parameter]


@pytest.fixture
def declare(standard_nodes: Nodes) -> Declare:
    """The parameter that an Argument of this data type and rank declares."""
    aspace = AddressSpace()
    aspace._nodes = standard_nodes

    def make(data_type: int, rank: int = ua.ValueRank.Scalar) -> Parameter:
        argument = ua.Argument()
        argument.Name, argument.DataType, argument.ValueRank = "one", standard_id(data_type), rank
        return SignatureReader(aspace)._parameter(argument)

    return make


def variant(value: Any, kind: ua.VariantType, *, array: bool = False) -> ua.Variant:
    return ua.Variant(value, kind, None, array)


@pytest.mark.parametrize(
    ("data_type", "taken"),
    [
        (ObjectIds.Int32, {"Int32"}),
        (ObjectIds.UtcTime, {"DateTime"}),
        (ObjectIds.Duration, {"Double"}),
        (ObjectIds.LocaleId, {"String"}),
        (ObjectIds.IntegerId, {"UInt32"}),
        (ObjectIds.NodeClass, {"Int32"}),
        (ObjectIds.Argument, {"ExtensionObject"}),
        (ObjectIds.Structure, {"ExtensionObject"}),
        (ObjectIds.UInteger, {"Byte", "UInt16", "UInt32", "UInt64"}),
        (ObjectIds.Integer, {"SByte", "Int16", "Int32", "Int64"}),
        (ObjectIds.BaseDataType, {kind.name for kind in ua.VariantType}),
    ],
)
def test_a_data_type_is_encoded_as_the_one_it_descends_from(data_type: int, taken: set[str], declare: Declare) -> None:
    assert {kind.name for kind in declare(data_type).kinds} == taken


def test_numbers_are_of_any_width(declare: Declare) -> None:
    number = declare(ObjectIds.Number)
    for kind in (_KINDS.Byte, _KINDS.Int64, _KINDS.Float, _KINDS.Double):
        assert number.refusal(variant(1, kind)) == GOOD
    assert number.refusal(variant(True, _KINDS.Boolean)) == MISMATCH


@pytest.mark.parametrize(
    ("rank", "scalar", "array", "matrix"),
    [
        (ua.ValueRank.Scalar, GOOD, MISMATCH, MISMATCH),
        (ua.ValueRank.Any, GOOD, GOOD, GOOD),
        (ua.ValueRank.ScalarOrOneDimension, GOOD, GOOD, MISMATCH),
        (ua.ValueRank.OneOrMoreDimensions, MISMATCH, GOOD, GOOD),
        (ua.ValueRank.OneDimension, MISMATCH, GOOD, MISMATCH),
        (ua.ValueRank.TwoDimensions, MISMATCH, MISMATCH, GOOD),
    ],
)
def test_ranks(rank: int, scalar: int, array: int, matrix: int, declare: Declare) -> None:
    one = declare(ObjectIds.Int32, rank)
    assert one.refusal(variant(1, _KINDS.Int32)) == scalar
    assert one.refusal(variant([1, 2], _KINDS.Int32, array=True)) == array
    assert one.refusal(ua.Variant([[1, 2], [3, 4]], _KINDS.Int32)) == matrix


def test_nulls(declare: Declare) -> None:
    """Where a type has a null, a Variant that is null altogether will do; numbers have none."""
    null = ua.Variant()
    for data_type in (ObjectIds.String, ObjectIds.LocalizedText, ObjectIds.ByteString, ObjectIds.Argument):
        assert declare(data_type).refusal(null) == GOOD
    for data_type in (ObjectIds.Int32, ObjectIds.Boolean, ObjectIds.NodeClass, ObjectIds.DateTime):
        assert declare(data_type).refusal(null) == MISMATCH
    assert declare(ObjectIds.Int32, ua.ValueRank.OneDimension).refusal(null) == GOOD
    assert declare(ObjectIds.String).value(null) == ""
    assert declare(ObjectIds.Argument).value(ua.Variant(ua.ExtensionObject(), _KINDS.ExtensionObject)) is None
    assert declare(ObjectIds.Int32, ua.ValueRank.OneDimension).value(null) == []


def test_structures_and_enumerations(declare: Declare) -> None:
    argument, node_class = declare(ObjectIds.Argument), declare(ObjectIds.NodeClass)
    unknown = ua.ExtensionObject(ua.NodeId(ua.Int32(4711)), ua.ByteString(b""))
    assert argument.refusal(variant(ua.Argument(), _KINDS.ExtensionObject)) == GOOD
    assert argument.refusal(variant(ua.EUInformation(), _KINDS.ExtensionObject)) == MISMATCH
    assert argument.refusal(variant(unknown, _KINDS.ExtensionObject)) == MISMATCH
    assert node_class.refusal(variant(4, _KINDS.Int32)) == GOOD
    assert node_class.refusal(variant(3, _KINDS.Int32)) == RANGE
    assert node_class.refusal(variant(4, _KINDS.UInt32)) == MISMATCH


def test_an_array_is_as_good_as_its_worst_element(declare: Declare) -> None:
    several = declare(ObjectIds.Argument, ua.ValueRank.OneDimension)
    mixed = [ua.Argument(), ua.EUInformation()]
    assert several.refusal(variant(mixed[:1], _KINDS.ExtensionObject, array=True)) == GOOD
    assert several.refusal(variant(mixed, _KINDS.ExtensionObject, array=True)) == MISMATCH

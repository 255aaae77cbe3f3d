"""Values of every kind that can come over the wire, for property tests."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from asyncua import ua
from hypothesis import strategies as st

from gateway.plc.opcua.machine_vision import data_types as types

_KINDS = ua.VariantType
_WORDS = st.one_of(st.sampled_from(["", "bottle", "can", "1", "2", "product 1", "station1", " ", "\x00"]), st.text())
_LOCALIZED = st.builds(ua.LocalizedText, _WORDS)
_MAYBE_WORDS = st.none() | _WORDS.map(ua.String)


def _whole(bits: int, *, signed: bool) -> st.SearchStrategy[int]:
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    return st.sampled_from([0, 1, 2, low, high]) | st.integers(low, high)


_LIKELY = st.sampled_from(["", "", "bottle", "1", "product 1", "station1", "x", "²"]).map(ua.String)
_DESCRIBED = {"Id": _MAYBE_WORDS, "Description": st.none() | _LOCALIZED}
_BINARY = {
    **_DESCRIBED,
    "Version": _MAYBE_WORDS,
    "Hash": st.none() | st.binary(max_size=40).map(ua.ByteString),
    "HashAlgorithm": _MAYBE_WORDS,
}


def _ids(kind: type, fields: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Ids that mean something, or nothing, as often as ids of all sorts."""
    return st.builds(kind, Id=_LIKELY) | st.builds(kind, **fields)


STRUCTURES: dict[type, st.SearchStrategy[Any]] = {
    **{
        kind: _ids(kind, _DESCRIBED)
        for kind in (types.MeasIdDataType, types.PartIdDataType, types.ProductIdDataType)
    },
    **{kind: _ids(kind, {"Id": _MAYBE_WORDS}) for kind in (types.JobIdDataType, types.ResultIdDataType)},
    **{
        kind: _ids(kind, _BINARY)
        for kind in (
            types.RecipeIdExternalDataType, types.RecipeIdInternalDataType, types.ConfigurationIdDataType,
            types.BinaryIdBaseDataType,
        )
    },
    types.ResultDataType: st.builds(types.ResultDataType),
    types.ConfigurationDataType: st.builds(types.ConfigurationDataType),
    ua.Argument: st.builds(ua.Argument),
    ua.EUInformation: st.builds(ua.EUInformation),
}  # fmt: skip
"""Ours, those near them, and foreign ones."""

_UNKNOWN = st.builds(
    ua.ExtensionObject,
    TypeId=st.builds(ua.NodeId, st.integers(60_000, 60_010).map(ua.Int32), st.integers(0, 9).map(ua.Int16)),
    Body=st.binary(max_size=20),
)
_NULL = st.just(ua.ExtensionObject())

SCALARS: dict[ua.VariantType, st.SearchStrategy[Any]] = {
    _KINDS.Boolean: st.booleans(),
    _KINDS.SByte: _whole(8, signed=True),
    _KINDS.Byte: _whole(8, signed=False),
    _KINDS.Int16: _whole(16, signed=True),
    _KINDS.UInt16: _whole(16, signed=False),
    _KINDS.Int32: _whole(32, signed=True),
    _KINDS.UInt32: _whole(32, signed=False),
    _KINDS.Int64: _whole(64, signed=True),
    _KINDS.UInt64: _whole(64, signed=False),
    _KINDS.Float: st.floats(width=32),
    _KINDS.Double: st.floats(),
    _KINDS.String: st.none() | _WORDS,
    _KINDS.DateTime: st.just(datetime(2026, 1, 31, tzinfo=UTC)),
    _KINDS.Guid: st.just(UUID(int=7)),
    _KINDS.ByteString: st.none() | st.binary(max_size=20),
    _KINDS.NodeId: st.builds(ua.NodeId, st.integers(0, 100).map(ua.Int32)),
    _KINDS.StatusCode: st.builds(ua.StatusCode, st.sampled_from([ua.UInt32(0), ua.UInt32(0x80010000)])),
    _KINDS.QualifiedName: st.builds(ua.QualifiedName, _WORDS, st.integers(0, 3).map(ua.UInt16)),
    _KINDS.LocalizedText: _LOCALIZED,
    _KINDS.ExtensionObject: st.one_of(*STRUCTURES.values(), _UNKNOWN, _NULL, st.none()),
}


def scalar(kind: ua.VariantType) -> st.SearchStrategy[ua.Variant]:
    """One value of this type."""
    return SCALARS[kind].map(lambda value: ua.Variant(value, kind, None, False))


def array(kind: ua.VariantType) -> st.SearchStrategy[ua.Variant]:
    """Some of them; or no array at all of this type."""
    values = st.none() | st.lists(SCALARS[kind], max_size=3)
    return values.map(lambda value: ua.Variant(value, kind, None, True))


NOTHING = st.just(ua.Variant()) | _NULL.map(lambda value: ua.Variant(value, _KINDS.ExtensionObject))
"""No value: of no type at all, and of no structure."""

ANY_STRUCTURE = scalar(_KINDS.ExtensionObject)
ARRAYS = st.sampled_from(list(SCALARS)).flatmap(array)
LISTS = st.lists(st.sampled_from(list(SCALARS)).flatmap(scalar), max_size=3).map(
    lambda values: ua.Variant(values, _KINDS.Variant, None, True)
)
MATRICES = st.just(ua.Variant([[1, 2], [3, 4]], _KINDS.Int32, [ua.Int32(2), ua.Int32(2)], True))
ANYTHING = st.one_of(st.sampled_from(list(SCALARS)).flatmap(scalar), ARRAYS, LISTS, NOTHING, MATRICES)

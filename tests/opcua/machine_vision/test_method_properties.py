"""Whatever arguments come over the wire: wrong ones are told apart exactly and touch nothing, right ones never crash.

The oracle is a second reading of the specification, by hand, that shares nothing with the code under test.
"""

from collections.abc import Sequence

import pytest
from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.plc.opcua.machine_vision import data_types as types
from gateway.plc.opcua.methods import Caller, MethodTable, SessionEnd
from gateway.plc.opcua.security.rights import Role
from tests.opcua.desk import Bench, DeskStation
from tests.opcua.machine_vision.caller import METHODS, OWNERS, TYPE_METHODS, method_id, owner_of
from tests.opcua.machine_vision.variants import ANY_STRUCTURE, ANYTHING, ARRAYS, LISTS, NOTHING, STRUCTURES, scalar

_KINDS = ua.VariantType
INT, UINT, BOOL, TEXT, WORDS = _KINDS.Int32, _KINDS.UInt32, _KINDS.Boolean, _KINDS.String, _KINDS.LocalizedText
MEAS, PART, PRODUCT, JOB = types.MeasIdDataType, types.PartIdDataType, types.ProductIdDataType, types.JobIdDataType
EXTERNAL, INTERNAL = types.RecipeIdExternalDataType, types.RecipeIdInternalDataType
CONFIGURATION, RESULT = types.ConfigurationIdDataType, types.ResultIdDataType
ANY_LIST, TRI_STATE = "array of anything", "0, 1 or 2"
START = (MEAS, PART, EXTERNAL, PRODUCT, ANY_LIST)
PAGE = (UINT, UINT, INT)

DECLARED: dict[str, tuple[object, ...]] = {
    "SelectModeAutomatic": (), "Halt": (INT, TEXT), "Reset": (INT, TEXT), "ConfirmAll": (WORDS,),
    "StartSingleJob": START, "StartContinuous": START, "Stop": (INT, TEXT), "Abort": (INT, TEXT),
    "SimulationMode": (BOOL, INT, TEXT),
    "PrepareRecipe": (EXTERNAL, INTERNAL), "UnprepareRecipe": (EXTERNAL, INTERNAL),
    "PrepareProduct": (PRODUCT,), "UnprepareProduct": (PRODUCT,),
    "GetRecipeListFiltered": (EXTERNAL, PRODUCT, TRI_STATE, *PAGE), "ReleaseRecipeHandle": (UINT,),
    "ActivateConfiguration": (CONFIGURATION,), "GetConfigurationList": PAGE,
    "GetConfigurationById": (CONFIGURATION, INT), "ReleaseConfigurationHandle": (UINT,),
    "GetResultById": (RESULT, INT), "GetResultComponentsById": (RESULT, INT), "ReleaseResultHandle": (UINT,),
    "GetResultListFiltered": (
        INT, MEAS, PART, EXTERNAL, INTERNAL, CONFIGURATION, CONFIGURATION, PRODUCT, JOB, *PAGE,
    ),
}  # fmt: skip
OUTPUTS = {
    **dict.fromkeys(METHODS, 1), "ConfirmAll": 0, "StartSingleJob": 2, "StartContinuous": 2, "PrepareRecipe": 3,
    "UnprepareRecipe": 2, "PrepareProduct": 2, "UnprepareProduct": 2, "GetRecipeListFiltered": 5,
    "GetConfigurationList": 5, "GetConfigurationById": 3, "GetResultById": 3, "GetResultComponentsById": 17,
    "GetResultListFiltered": 5,
}  # fmt: skip

SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def fits(wanted: object, sent: ua.Variant) -> bool:
    """By the specification: is this a value for an argument of this kind? Out of range is another question."""
    null = sent.VariantType is _KINDS.Null and not sent.is_array
    if wanted == ANY_LIST:
        return null or (bool(sent.is_array) and len(sent.Dimensions or ()) < 2)
    if sent.is_array:
        return False
    if isinstance(wanted, type):
        value = sent.Value
        empty = value is None or (type(value) is ua.ExtensionObject and value.TypeId.Identifier == 0)
        return null or (sent.VariantType is _KINDS.ExtensionObject and (empty or type(value) is wanted))
    if wanted == TRI_STATE:
        return sent.VariantType is INT
    return sent.VariantType is wanted or (null and wanted in (TEXT, WORDS))


def right(wanted: object) -> st.SearchStrategy[ua.Variant]:
    """A value for an argument of this kind."""
    if wanted == ANY_LIST:
        return ARRAYS | LISTS | NOTHING
    if wanted == TRI_STATE:
        return st.integers(-1, 3).map(lambda value: ua.Variant(value, INT))
    if isinstance(wanted, type):
        return STRUCTURES[wanted].map(lambda value: ua.Variant(value, _KINDS.ExtensionObject)) | NOTHING
    assert isinstance(wanted, ua.VariantType)
    return scalar(wanted)


def arguments(method: str) -> st.SearchStrategy[list[ua.Variant]]:
    """Right ones; one of them, or all, replaced by anything; some left out, or too many."""
    declared = DECLARED[method]
    good = st.tuples(*map(right, declared)).map(list)
    spoilt = st.tuples(good, st.integers(0, max(len(declared) - 1, 0)), ANYTHING | ANY_STRUCTURE)
    mixed = st.tuples(*(right(one) | ANYTHING for one in declared)).map(list)
    cut = st.tuples(mixed, st.integers(0, 12)).map(lambda both: both[0][: both[1]])
    longer = st.tuples(mixed, st.lists(ANYTHING, max_size=2)).map(lambda both: both[0] + both[1])
    return st.one_of(good, spoilt.map(_spoilt), spoilt.map(_spoilt), mixed, cut, longer)


def _spoilt(parts: tuple[list[ua.Variant], int, ua.Variant]) -> list[ua.Variant]:
    good, place, other = parts
    return [*good[:place], other, *good[place + 1 :]]


def too_much(method: str, wanted: object, sent: ua.Variant) -> bool:
    """Is this a value of the right kind that nobody can take?"""
    if wanted == TRI_STATE:
        return sent.Value not in (0, 1, 2)
    if not method.startswith("Start"):
        return False
    if wanted == ANY_LIST:
        return bool(sent.Value)
    longest = {PART: 32, MEAS: 64, PRODUCT: 64}.get(wanted)  # type: ignore[call-overload]  # any object may be asked for
    return longest is not None and len((getattr(sent.Value, "Id", None) or "").strip().encode()) > longest


def over_the_wire(request: ua.CallMethodRequest) -> ua.CallMethodRequest:
    """As it arrives at a server."""
    arrived: ua.CallMethodRequest = struct_from_binary(ua.CallMethodRequest, Buffer(struct_to_binary(request)))
    return arrived


def call_at_once(table: MethodTable, request: ua.CallMethodRequest) -> ua.CallMethodResult:
    """No method has to wait here: recipe changes succeed at once, results are in memory."""

    async def others(_: ua.CallMethodRequest) -> ua.CallMethodResult:
        raise AssertionError("asyncua itself has no such method")

    calling = table.call(Caller(Role.ENGINEER, SessionEnd()), request, others)
    with pytest.raises(StopIteration) as ended:
        calling.send(None)
    result: ua.CallMethodResult = ended.value.value
    return result


def check_answer(method: str, arrived: Sequence[ua.Variant], result: ua.CallMethodResult) -> None:
    """The status that the specification asks for, and output arguments that can be sent."""
    declared, status = DECLARED[method], result.StatusCode.name
    struct_to_binary(result)
    if len(arrived) != len(declared):
        assert status == ("BadArgumentsMissing" if len(arrived) < len(declared) else "BadTooManyArguments")
        return
    wrong = [not fits(wanted, one) for wanted, one in zip(declared, arrived, strict=True)]
    told = [one.name for one in result.InputArgumentResults] or ["Good"] * len(declared)
    assert [one == "BadTypeMismatch" for one in told] == wrong
    if any(wrong):
        assert (status, result.OutputArguments) == ("BadInvalidArgument", [])
        return
    beyond = [too_much(method, wanted, one) for wanted, one in zip(declared, arrived, strict=True)]
    assert [one == "BadOutOfRange" for one in told] == beyond
    if any(beyond):
        assert (status, result.OutputArguments) == ("BadInvalidArgument", [])
        return
    assert status == "Good"
    assert len(result.OutputArguments) == OUTPUTS[method]
    if result.OutputArguments:
        error = result.OutputArguments[-1]
        assert (error.VariantType, error.Value <= 0) == (INT, True)


@pytest.mark.parametrize("owner", OWNERS)
async def test_arguments_of_every_kind(owner: str, desk: Bench) -> None:
    """One server for all methods of an object."""
    gate = desk.link._gate
    assert gate is not None
    for method in OWNERS[owner]:
        check_method(method, desk.station, gate.methods)


def check_method(method: str, station: DeskStation, table: MethodTable) -> None:
    @SLOW
    @given(sent=arguments(method), through_type=st.booleans())
    def check(sent: list[ua.Variant], through_type: bool) -> None:
        request = ua.CallMethodRequest()
        request.ObjectId = owner_of(method)
        request.MethodId = types.model_id(TYPE_METHODS[method]) if through_type else method_id(method)
        request.InputArguments = sent
        arrived, before = over_the_wire(request), station.state
        given_arguments = list(arrived.InputArguments or ())
        result = call_at_once(table, arrived)
        check_answer(method, given_arguments, result)
        if not result.StatusCode.is_good():
            assert station.state is before
        station.reset()
        station.enable()

    check()

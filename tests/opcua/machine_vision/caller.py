"""Calls of a vision system's methods, as they are: nothing of asyncua's client in between that checks or converts."""

from collections.abc import Mapping, Sequence
from typing import Any

from asyncua import ua
from asyncua.client.client import Client

from gateway.plc.opcua.machine_vision import data_types as types
from gateway.plc.opcua.nodes import node_id
from tests.opcua.desk import bit, text, u32

MACHINE = "VisionStateMachine"
AUTOMATIC = f"{MACHINE}.AutomaticModeStateMachine"
OWNERS = {
    MACHINE: ("SelectModeAutomatic", "Halt", "Reset", "ConfirmAll"),
    AUTOMATIC: ("StartSingleJob", "StartContinuous", "Stop", "Abort", "SimulationMode"),
    "RecipeManagement": (
        "PrepareRecipe", "UnprepareRecipe", "PrepareProduct", "UnprepareProduct", "GetRecipeListFiltered",
        "ReleaseRecipeHandle",
    ),
    "ConfigurationManagement": (
        "ActivateConfiguration", "GetConfigurationList", "GetConfigurationById", "ReleaseConfigurationHandle",
    ),
    "ResultManagement": (
        "GetResultById", "GetResultComponentsById", "GetResultListFiltered", "ReleaseResultHandle",
    ),
}  # fmt: skip
METHODS = {method: owner for owner, methods in OWNERS.items() for method in methods}

Outputs = list[Any]


def owner_of(method: str, station: str = "station1") -> ua.NodeId:
    """The object that has this method."""
    return node_id(station, "vision", METHODS[method])


def method_id(method: str, station: str = "station1") -> ua.NodeId:
    return node_id(station, "vision", METHODS[method], method)


async def raw(
    client: Client,
    method: str,
    given: Sequence[ua.Variant],
    *,
    on: ua.NodeId | None = None,
    by: ua.NodeId | None = None,
) -> ua.CallMethodResult:
    """One Call request; `on` another object than its own, `by` another MethodId."""
    request = ua.CallMethodRequest()
    request.ObjectId, request.MethodId = on or owner_of(method), by or method_id(method)
    request.InputArguments = list(given)
    result: ua.CallMethodResult = (await client.uaclient.call([request]))[0]
    return result


async def call(client: Client, method: str, *given: ua.Variant, station: str = "station1") -> Outputs:
    """The output arguments of a call whose status is good; the last one is `Error`. A null structure is None."""
    on, by = owner_of(method, station), method_id(method, station)
    result = await raw(client, method, given, on=on, by=by)
    assert result.StatusCode.is_good(), result
    return [None if isinstance(one.Value, ua.ExtensionObject) else one.Value for one in result.OutputArguments]


def structure(value: Any) -> ua.Variant:
    return ua.Variant(value, ua.VariantType.ExtensionObject)


def meas(name: str = "") -> ua.Variant:
    return structure(types.MeasIdDataType(Id=ua.String(name)))


def part(name: str = "") -> ua.Variant:
    return structure(types.PartIdDataType(Id=ua.String(name)))


def product(name: str = "") -> ua.Variant:
    return structure(types.ProductIdDataType(Id=ua.String(name)))


def external(name: str = "", **more: Any) -> ua.Variant:
    return structure(types.RecipeIdExternalDataType(Id=ua.String(name), **more))


def internal(name: str = "", **more: Any) -> ua.Variant:
    return structure(types.RecipeIdInternalDataType(Id=ua.String(name), **more))


def configuration(name: str = "", **more: Any) -> ua.Variant:
    return structure(types.ConfigurationIdDataType(Id=ua.String(name), **more))


def job(name: str = "") -> ua.Variant:
    return structure(types.JobIdDataType(Id=ua.String(name)))


def result_id(name: str = "") -> ua.Variant:
    return structure(types.ResultIdDataType(Id=ua.String(name)))


def i32(value: int) -> ua.Variant:
    return ua.Variant(value, ua.VariantType.Int32)


def anything(*values: Any) -> ua.Variant:
    """An array of BaseDataType."""
    return ua.Variant([ua.Variant(value) for value in values], ua.VariantType.Variant, is_array=True)


def start_arguments(
    part_id: str = "P-1",
    meas_id: str = "",
    recipe: str = "",
    product_id: str = "",
    parameters: ua.Variant | None = None,
) -> list[ua.Variant]:
    """What StartSingleJob and StartContinuous take."""
    return [meas(meas_id), part(part_id), external(recipe), product(product_id), parameters or anything()]


CAUSE = (i32(0), text(""))
_FILTERS = [
    i32(0), meas(), part(), external(), internal(), configuration(), configuration(), product(), job(), u32(0), u32(0),
    i32(0),
]  # fmt: skip
GOOD_ARGUMENTS: Mapping[str, Sequence[ua.Variant]] = {
    "SelectModeAutomatic": [],
    **dict.fromkeys(("Halt", "Reset", "Stop", "Abort"), CAUSE),
    "ConfirmAll": [ua.Variant(ua.LocalizedText("seen"), ua.VariantType.LocalizedText)],
    **dict.fromkeys(("StartSingleJob", "StartContinuous"), start_arguments()),
    "SimulationMode": [bit(False), *CAUSE],
    **dict.fromkeys(("PrepareRecipe", "UnprepareRecipe"), (external("bottle"), internal())),
    **dict.fromkeys(("PrepareProduct", "UnprepareProduct"), (product("product 1"),)),
    "GetRecipeListFiltered": [external(), product(), i32(2), u32(0), u32(0), i32(0)],
    **dict.fromkeys(("ReleaseRecipeHandle", "ReleaseConfigurationHandle", "ReleaseResultHandle"), (u32(1),)),
    "ActivateConfiguration": [configuration("station1")],
    "GetConfigurationList": [u32(0), u32(0), i32(0)],
    "GetConfigurationById": [configuration("station1"), i32(0)],
    **dict.fromkeys(("GetResultById", "GetResultComponentsById"), (result_id("none"), i32(0))),
    "GetResultListFiltered": _FILTERS,
}
"""Arguments of the right types for each method."""

TYPE_METHODS = {
    "SelectModeAutomatic": 7095, "Halt": 7094, "Reset": 7093, "ConfirmAll": 7066, "StartSingleJob": 7098,
    "StartContinuous": 7009, "Stop": 7096, "Abort": 7097, "SimulationMode": 7100, "PrepareRecipe": 7015,
    "UnprepareRecipe": 7055, "PrepareProduct": 7060, "UnprepareProduct": 7059, "GetRecipeListFiltered": 7014,
    "ReleaseRecipeHandle": 7056, "ActivateConfiguration": 7048, "GetConfigurationList": 7045,
    "GetConfigurationById": 7041, "ReleaseConfigurationHandle": 7046, "GetResultById": 7026,
    "GetResultComponentsById": 7007, "GetResultListFiltered": 7089, "ReleaseResultHandle": 7090,
}  # fmt: skip
"""The methods of the types, by their numbers in the nodeset."""

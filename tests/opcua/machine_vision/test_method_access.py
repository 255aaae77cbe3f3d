"""Who may call which method, through which ids, and with which arguments: every method, every role."""

from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds

from gateway.plc.opcua.machine_vision.data_types import model_id
from gateway.plc.opcua.nodes import node_id, standard_id
from gateway.plc.opcua.security.rights import Role, least_role_to_call
from tests.opcua.desk import PASSWORD, Bench, DeskStation, bench, text, view
from tests.opcua.machine_vision.caller import (
    CAUSE,
    GOOD_ARGUMENTS,
    METHODS,
    TYPE_METHODS,
    i32,
    method_id,
    owner_of,
    raw,
)

USERS = {"vera": Role.VIEWER, "olga": Role.OPERATOR, "emil": Role.ENGINEER}


@pytest.fixture
async def plant(tmp_path: Path) -> Any:
    """A station, and a user of each role; who has no name may read."""
    secret = tmp_path / "secret"
    secret.write_text(PASSWORD)
    users = [{"name": name, "role": role.name.lower(), "password_file": secret} for name, role in USERS.items()]
    station = DeskStation()
    station.enable()
    async with bench(view(station), users=users, anonymous="read") as made:
        yield made


async def test_the_table_is_of_every_method(desk: Bench, client: Client) -> None:
    """All methods that a vision system has, and no others; conditions have their own."""
    found: set[str] = set()
    waiting = [node_id("station1", "vision")]
    while waiting:
        for child in await client.get_node(waiting.pop()).get_references(
            ObjectIds.HasComponent, ua.BrowseDirection.Forward
        ):
            if child.NodeClass == ua.NodeClass.Method:
                found.add(child.BrowseName.Name)
            elif child.NodeClass == ua.NodeClass.Object and not child.BrowseName.Name.endswith(("Down", "ed")):
                waiting.append(child.NodeId)
    assert found == set(METHODS) == set(GOOD_ARGUMENTS) == set(TYPE_METHODS)


@pytest.mark.parametrize("name", [None, *USERS])
async def test_every_method_for_every_role(name: str | None, plant: Bench) -> None:
    """What the role does not allow is refused before anything happens, and shown as not executable for this user."""
    client = await plant.connect(name)
    role = Role.VIEWER if name is None else USERS[name]
    for method, given in GOOD_ARGUMENTS.items():
        may = role >= least_role_to_call(method)
        for by in (method_id(method), model_id(TYPE_METHODS[method])):
            before = plant.station.state
            result = await raw(client, method, given, by=by)
            assert result.StatusCode.is_good() is may, (method, result)
            if not may:
                assert result.StatusCode.name == "BadUserAccessDenied"
                assert (plant.station.state, result.OutputArguments) == (before, [])
            shown = await client.get_node(by).read_attribute(AttributeIds.UserExecutable)
            assert shown.Value is not None
            assert shown.Value.Value is may
        plant.station.reset()
        plant.station.enable()


async def test_who_may_not_call_learns_nothing_of_arguments_either(plant: Bench) -> None:
    client = await plant.connect("vera")
    for given in ([], [text("wrong")] * 9):
        assert (await raw(client, "Halt", given)).StatusCode.name == "BadUserAccessDenied"


async def test_a_viewer_may_look_an_operator_run_jobs_and_an_engineer_do_all(plant: Bench) -> None:
    """The sense of the table, written once more by hand."""
    look = {name for name in METHODS if name.startswith(("Get", "Release"))}
    run = {"StartSingleJob", "StartContinuous", "Stop", "Abort", "ConfirmAll"}
    allowed = {name: {m for m in METHODS if role >= least_role_to_call(m)} for name, role in USERS.items()}
    assert allowed == {"vera": look, "olga": look | run, "emil": set(METHODS)}


async def test_wrong_numbers_and_types_of_arguments(desk: Bench, client: Client) -> None:
    """Each argument by itself, and two at a time: the status of each tells which one it was."""
    before = desk.station.state
    for method, good in GOOD_ARGUMENTS.items():
        await _check_arguments(client, method, list(good))
    assert desk.station.state is before


async def _check_arguments(client: Client, method: str, good: list[ua.Variant]) -> None:
    too_many = await raw(client, method, [*good, i32(0)])
    assert too_many.StatusCode.name == "BadTooManyArguments", method
    if good:
        for missing in (good[:-1], []):
            assert (await raw(client, method, missing)).StatusCode.name == "BadArgumentsMissing"
    for places in chain(combinations(range(len(good)), 1), combinations(range(len(good)), 2)):
        given = [_wrong(one) if place in places else one for place, one in enumerate(good)]
        result = await raw(client, method, given)
        assert result.StatusCode.name == "BadInvalidArgument", (method, places)
        wrong = [place for place, one in enumerate(result.InputArgumentResults) if one.name == "BadTypeMismatch"]
        assert wrong == list(places)
        assert result.OutputArguments == []


def _wrong(good: ua.Variant) -> ua.Variant:
    """Of another type: an array for a scalar, a scalar for an array."""
    if good.is_array:
        return ua.Variant("one", ua.VariantType.String)
    return ua.Variant([good.Value], good.VariantType, is_array=True)


async def test_objects_and_methods_that_do_not_go_together(desk: Bench, client: Client) -> None:
    before = desk.station.state
    for method, given in GOOD_ARGUMENTS.items():
        other = next(one for one in METHODS if METHODS[one] != METHODS[method])
        for on, by, status in (
            (node_id("station1", "vision"), method_id(method), "BadMethodInvalid"),
            (owner_of(other), method_id(method), "BadMethodInvalid"),
            (owner_of(method), method_id(other), "BadMethodInvalid"),
            (model_id(1003), model_id(TYPE_METHODS[method]), "BadMethodInvalid"),
            (node_id("station2", "vision"), method_id(method), "BadNodeIdUnknown"),
            (standard_id(ObjectIds.Server), model_id(TYPE_METHODS[method]), "BadMethodInvalid"),
            (owner_of(method), node_id("nothing"), "BadMethodInvalid"),
            (ua.NodeId(), ua.NodeId(), "BadNodeIdUnknown"),
        ):
            result = await raw(client, method, given, on=on, by=by)
            assert result.StatusCode.name == status, (method, on, by)
    assert desk.station.state is before


async def test_a_type_is_no_vision_system(desk: Bench, client: Client) -> None:
    """Calling a method of a type on the type itself reaches no station."""
    result = await raw(client, "Halt", CAUSE, on=model_id(1017), by=model_id(TYPE_METHODS["Halt"]))
    assert not result.StatusCode.is_good()
    assert not desk.station.state.halted


async def test_stations_are_told_apart() -> None:
    stations = [DeskStation(name) for name in ("a", "b")]
    async with bench(*map(view, stations)) as made:
        client = await made.connect()
        await raw(client, "Halt", CAUSE, on=owner_of("Halt", "b"), by=model_id(TYPE_METHODS["Halt"]))
        assert [station.state.halted for station in stations] == [False, True]
        crossed = await raw(client, "Halt", CAUSE, on=owner_of("Halt", "a"), by=method_id("Halt", "b"))
        assert crossed.StatusCode.name == "BadMethodInvalid"
        assert not stations[0].state.halted

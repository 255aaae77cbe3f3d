"""Recipe and configuration management over the wire."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from asyncua import ua
from asyncua.client.client import Client

from gateway.core import actions as act
from gateway.core import events as ev
from gateway.core.errors import ErrorCode
from gateway.plc.opcua.machine_vision.error_codes import MethodError
from tests.opcua.desk import Bench, DeskStation, bench, read, u32, until, view
from tests.opcua.machine_vision.caller import (
    call,
    configuration,
    external,
    i32,
    internal,
    product,
    raw,
    start_arguments,
)

FALSE, TRUE, ANY = (i32(value) for value in range(3))


class SlowStation(DeskStation):
    """Its recipe changes end when the test says so."""

    def _perform(self, action: act.Action) -> None:
        if not isinstance(action, act.PrepareRecipe):
            super()._perform(action)

    def prepared(self, error: ErrorCode = ErrorCode.NONE) -> None:
        assert self.state.changing is not None
        self.post(ev.RecipePrepared(self.state.changing.id, error))


@pytest.fixture
async def slow() -> AsyncIterator[Bench]:
    station = SlowStation(recipe_timeout_ms=50)
    station.enable()
    async with bench(view(station)) as made:
        yield made


@pytest.mark.parametrize(
    ("ids", "number"),
    [
        ((external("can"), internal()), 2),
        ((external(), internal("2")), 2),
        ((external(" can "), internal()), 2),
        ((external("can"), internal("1")), 1),
    ],
)
async def test_a_recipe_is_prepared_by_either_id(
    ids: tuple[ua.Variant, ua.Variant], number: int, desk: Bench, client: Client
) -> None:
    """The internal id goes before the external one."""
    out, completed, error = await call(client, "PrepareRecipe", *ids)
    assert (out.Id, completed, error) == (str(number), True, 0)
    assert desk.station.state.recipe == number


@pytest.mark.parametrize(
    "ids",
    [
        (external(), internal()),
        (external("nothing"), internal()),
        (external(), internal("3")),
        (external(), internal("can")),
        (external("can", Version=ua.String("2")), internal()),
        (external("can", Hash=ua.ByteString(b"#")), internal()),
        (external("can"), internal("9")),
    ],
)
@pytest.mark.parametrize("method", ["PrepareRecipe", "UnprepareRecipe"])
async def test_a_recipe_that_is_not_there(
    method: str, ids: tuple[ua.Variant, ua.Variant], desk: Bench, client: Client
) -> None:
    """Ours have neither versions nor hashes: who asks for one means another recipe."""
    out, *_, error = await call(client, method, *ids)
    assert (out, error) == (None, MethodError.UNKNOWN_RECIPE)
    assert (desk.station.state.recipe, desk.station.state.unprepared) == (1, False)


async def test_preparing_waits_and_nobody_waits_for_it(slow: Bench) -> None:
    """Its own connection goes on reading meanwhile, and no job starts."""
    client = await slow.connect()
    calling = asyncio.create_task(call(client, "PrepareRecipe", external("can"), internal()))
    await until(lambda: slow.station.state.changing)
    assert await read(client, "status.ready") == [False]
    assert await call(client, "StartSingleJob", *start_arguments()) == [None, MethodError.RECIPE_CHANGE]
    assert await call(client, "StartSingleJob", *start_arguments(recipe="bottle")) == [
        None,
        MethodError.RECIPE_NOT_PREPARED,
    ]
    assert not calling.done()
    slow.station.prepared()  # type: ignore[attr-defined]  # a SlowStation
    assert (await calling)[1:] == [True, 0]


async def test_preparing_that_fails_or_never_ends_has_its_error(slow: Bench) -> None:
    client = await slow.connect()
    for outcome in (MethodError.RECIPE_FAILED, MethodError.RECIPE_TIMEOUT):
        calling = asyncio.create_task(call(client, "PrepareProduct", product("product 2")))
        await until(lambda: slow.station.state.changing)
        if outcome is MethodError.RECIPE_FAILED:
            slow.station.prepared(ErrorCode.RECIPE_FAILED)  # type: ignore[attr-defined]  # a SlowStation
        else:
            await asyncio.sleep(0.06)  # real time has to pass: the core's clock is the machine's
            slow.station.post(ev.Tick())
        assert await calling == [None, outcome]
        assert slow.station.state.recipe == 1


async def test_a_client_that_leaves_while_it_waits_leaves_nothing_behind(slow: Bench) -> None:
    leaving = await slow.connect()
    calling = asyncio.create_task(call(leaving, "PrepareRecipe", external("can"), internal()))
    await until(lambda: slow.station.state.changing)
    calling.cancel()
    slow.clients.remove(leaving)
    await leaving.disconnect()
    await asyncio.wait([calling])
    slow.station.prepared()  # type: ignore[attr-defined]  # a SlowStation
    assert slow.station.state.recipe == 2


async def test_nothing_is_prepared_or_unprepared_while_a_job_runs(desk: Bench, client: Client) -> None:
    await call(client, "StartSingleJob", *start_arguments())
    assert await call(client, "PrepareRecipe", external("can"), internal()) == [None, False, MethodError.RECIPE_BUSY]
    assert await call(client, "PrepareProduct", product("product 2")) == [None, MethodError.RECIPE_BUSY]
    assert await call(client, "UnprepareRecipe", external("bottle"), internal()) == [None, MethodError.RECIPE_BUSY]
    assert await call(client, "UnprepareProduct", product("product 1")) == [None, MethodError.RECIPE_BUSY]
    assert (desk.station.state.recipe, desk.station.state.unprepared) == (1, False)


async def test_unpreparing_ends_readiness_until_the_next_recipe(desk: Bench, client: Client) -> None:
    assert await call(client, "UnprepareRecipe", external("can"), internal()) == [None, MethodError.RECIPE_NOT_PREPARED]
    out, error = await call(client, "UnprepareRecipe", external("bottle"), internal())
    assert (out.Id, error, desk.station.state.unprepared) == ("1", 0, True)
    assert await call(client, "UnprepareRecipe", external("bottle"), internal()) == [
        None,
        MethodError.RECIPE_NOT_PREPARED,
    ]
    await call(client, "PrepareRecipe", external("bottle"), internal())
    assert not desk.station.state.unprepared


async def test_products(desk: Bench, client: Client) -> None:
    for name in ("", "nothing"):
        assert await call(client, "PrepareProduct", product(name)) == [None, MethodError.UNKNOWN_PRODUCT]
        assert await call(client, "UnprepareProduct", product(name)) == [None, MethodError.UNKNOWN_PRODUCT]
    assert await call(client, "UnprepareProduct", product("product 2")) == [None, MethodError.PRODUCT_NOT_PREPARED]
    out, error = await call(client, "PrepareProduct", product("product 2"))
    assert (out.Id, error, desk.station.state.recipe) == ("2", 0, 2)
    out, error = await call(client, "UnprepareProduct", product("product 2"))
    assert (out.Id, error, desk.station.state.unprepared) == ("2", 0, True)


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ((external(), product(), ANY), ["1", "2"]),
        ((external(), product(), TRUE), ["1"]),
        ((external(), product(), FALSE), ["2"]),
        ((external("can"), product(), ANY), ["2"]),
        ((external("can"), product(), TRUE), []),
        ((external(), product("product 1"), ANY), ["1"]),
        ((external("can"), product("product 1"), ANY), []),
        ((external("can", Version=ua.String("1")), product(), ANY), []),
    ],
)
async def test_recipes_are_listed_by_filters(
    filters: tuple[ua.Variant, ...], numbers: list[str], desk: Bench, client: Client
) -> None:
    complete, count, handle, found, error = await call(
        client, "GetRecipeListFiltered", *filters, u32(0), u32(0), i32(0)
    )
    assert ([one.Id for one in found], count, complete, error) == (numbers, len(numbers), True, 0)
    assert await call(client, "ReleaseRecipeHandle", u32(handle)) == [0]
    assert await call(client, "ReleaseRecipeHandle", u32(handle)) == [MethodError.UNKNOWN_HANDLE]


async def test_recipes_are_listed_by_pages(desk: Bench, client: Client) -> None:
    seen = []
    for start in range(4):
        wanted = (external(), product(), ANY, u32(1), u32(start), i32(0))
        complete, count, _, found, _ = await call(client, "GetRecipeListFiltered", *wanted)
        assert (count, complete) == (len(found), start >= 1)
        seen += [one.Id for one in found]
    assert seen == ["1", "2"]


async def test_a_state_of_preparation_that_there_is_not(desk: Bench, client: Client) -> None:
    wanted = (external(), product(), i32(3), u32(0), u32(0), i32(0))
    result = await raw(client, "GetRecipeListFiltered", wanted)
    assert result.StatusCode.name == "BadInvalidArgument"
    assert result.InputArgumentResults[2].name == "BadOutOfRange"


async def test_the_one_configuration(desk: Bench, client: Client) -> None:
    """It is listed, found by its id, and activating it changes nothing."""
    complete, count, handle, listed, error = await call(client, "GetConfigurationList", u32(0), u32(0), i32(1000))
    assert (complete, count, error) == (True, 1, 0)
    mine = listed[0].InternalId
    named = configuration(mine.Id)
    with_hash = configuration(mine.Id, Hash=mine.Hash, HashAlgorithm=mine.HashAlgorithm)
    other, found, error = await call(client, "GetConfigurationById", with_hash, i32(-1))
    assert (found, error) == (listed[0], 0)
    assert other != handle
    assert await call(client, "ActivateConfiguration", named) == [0]
    for one in (handle, other):
        assert await call(client, "ReleaseConfigurationHandle", u32(one)) == [0]
        assert await call(client, "ReleaseConfigurationHandle", u32(one)) == [MethodError.UNKNOWN_HANDLE]
    assert (await call(client, "GetConfigurationList", u32(1), u32(1), i32(0)))[3] == []


async def test_a_configuration_that_there_is_not(desk: Bench, client: Client) -> None:
    mine = (await call(client, "GetConfigurationList", u32(0), u32(0), i32(0)))[3][0].InternalId
    for wrong in (
        configuration(),
        configuration("other"),
        configuration(mine.Id, Hash=ua.ByteString(b"other")),
        configuration(mine.Id, Version=ua.String("other")),
        ua.Variant(None, ua.VariantType.Null),
    ):
        assert await call(client, "ActivateConfiguration", wrong) == [MethodError.UNKNOWN_CONFIGURATION]
        assert (await call(client, "GetConfigurationById", wrong, i32(0)))[1:] == [
            None,
            MethodError.UNKNOWN_CONFIGURATION,
        ]


async def test_a_handle_of_one_kind_is_none_of_another(desk: Bench, client: Client) -> None:
    handle = (await call(client, "GetConfigurationList", u32(0), u32(0), i32(-1)))[2]
    assert await call(client, "ReleaseRecipeHandle", u32(handle)) == [MethodError.UNKNOWN_HANDLE]
    assert await call(client, "ReleaseResultHandle", u32(handle)) == [MethodError.UNKNOWN_HANDLE]
    assert await call(client, "ReleaseConfigurationHandle", u32(handle)) == [0]


async def test_recipes_of_another_links_station_can_be_listed_but_not_prepared() -> None:
    station = DeskStation()
    station.enable()
    async with bench(view(station, controls=False)) as made:
        client = await made.connect()
        for method, given in (
            ("PrepareRecipe", [external("can"), internal()]),
            ("UnprepareRecipe", [external("bottle"), internal()]),
            ("PrepareProduct", [product("product 2")]),
            ("UnprepareProduct", [product("product 1")]),
        ):
            assert (await raw(client, method, given)).StatusCode.name == "BadUserAccessDenied", method
        listed = await call(client, "GetRecipeListFiltered", external(), product(), ANY, u32(0), u32(0), i32(0))
        assert listed[1] == 2
        assert (station.state.recipe, station.state.unprepared) == (1, False)

"""Result management over the wire, with the real history behind it and without one: results, filters, handles."""

from dataclasses import replace

import pytest
from asyncua import ua
from asyncua.client.client import Client

from gateway.core.result import Reason, Verdict, no_decision
from gateway.plc.opcua.machine_vision.error_codes import MethodError
from tests.opcua.desk import Bench, DeskStation, bench, u32, view
from tests.opcua.machine_vision.caller import (
    call,
    configuration,
    external,
    i32,
    internal,
    job,
    meas,
    part,
    product,
    raw,
    result_id,
)
from tests.opcua.machine_vision.kept import KEPT, kept, listed, parts, run_job


@pytest.mark.parametrize("history", KEPT)
async def test_a_result_by_its_id_has_every_field(history: bool) -> None:
    async with kept(history=history) as made:
        client = await made.connect()
        job_id = await run_job(made, client, part_id="Teil ä", meas_id="M-1", product_id="product 1")
        name = (await listed(client))[3][0].ResultId.Id
        _, found, error = await call(client, "GetResultById", result_id(name), i32(0))
        assert error == 0
        assert (found.ResultId.Id, found.JobId.Id, found.MeasId.Id, found.PartId.Id) == (name, job_id, "M-1", "Teil ä")
        assert (found.ExternalRecipeId.Id, found.InternalRecipeId.Id, found.ProductId.Id) == (
            "bottle",
            "1",
            "product 1",
        )
        assert (found.IsPartial, found.IsSimulated, found.ResultState) == (False, False, 1)
        assert [one.Value for one in found.ResultContent[:3]] == [2, "NOK", 0]
        assert found.ProcessingTimes.StartTime <= found.ProcessingTimes.EndTime == found.CreationTime


async def test_the_components_of_a_result_are_the_result(desk: Bench, client: Client) -> None:
    """Seventeen output arguments, for clients that cannot decode optional fields."""
    await run_job(desk, client, part_id="P", meas_id="M")
    (whole,) = (await listed(client))[3]
    has_file, handle, *components, error = await call(
        client, "GetResultComponentsById", result_id(whole.ResultId.Id), i32(-1)
    )
    assert (has_file, error, len(components)) == (False, 0, 14)
    assert components == [
        whole.IsPartial, whole.IsSimulated, whole.ResultState, whole.MeasId, whole.PartId, whole.ExternalRecipeId,
        whole.InternalRecipeId, whole.ProductId, whole.ExternalConfigurationId, whole.InternalConfigurationId,
        whole.JobId, whole.CreationTime, whole.ProcessingTimes, whole.ResultContent,
    ]  # fmt: skip
    assert await call(client, "ReleaseResultHandle", u32(handle)) == [0]


@pytest.mark.parametrize("history", KEPT)
async def test_a_result_that_there_is_not(history: bool) -> None:
    async with kept(history=history) as made:
        client = await made.connect()
        for given in (result_id(), result_id("nothing"), ua.Variant(None, ua.VariantType.Null)):
            assert await call(client, "GetResultById", given, i32(0)) == [0, None, MethodError.UNKNOWN_RESULT]
            *nothing, error = await call(client, "GetResultComponentsById", given, i32(0))
            assert (len(nothing), nothing[0], nothing[-1], error) == (16, False, [], MethodError.UNKNOWN_RESULT)


@pytest.mark.parametrize("history", KEPT)
async def test_each_filter_alone_and_all_together(history: bool) -> None:
    async with kept(history=history) as made:
        client = await made.connect()
        first = await run_job(made, client, part_id="A", meas_id="M-1")
        await run_job(made, client, no_decision(Reason.BAD_IMAGE), part_id="B", meas_id="M-1")
        made.station.trigger("C", replace(made.station.recorded[0].result.origin, job_id="", meas_id=""))
        made.station.abort()
        await call(client, "PrepareRecipe", external("can"), internal())
        await run_job(made, client, part_id="A", product_id="product 2")
        everything = (await listed(client))[3]
        mine = everything[0].InternalConfigurationId
        named = configuration(mine.Id, Hash=mine.Hash)
        cases: list[tuple[dict[str, ua.Variant], list[str]]] = [
            ({}, ["A", "C", "B", "A"]),
            ({"state": i32(1)}, ["A", "A"]),
            ({"state": i32(3)}, ["C"]),
            ({"state": i32(4)}, ["B"]),
            ({"state": i32(2)}, []),
            ({"state": i32(-7)}, []),
            ({"meas": meas("M-1")}, ["B", "A"]),
            ({"part": part("A")}, ["A", "A"]),
            ({"external": external("can")}, ["A"]),
            ({"internal": internal("1")}, ["C", "B", "A"]),
            ({"internal": internal("one")}, []),
            ({"external": external("can"), "internal": internal("1")}, []),
            ({"external_configuration": named, "internal_configuration": named}, ["A", "C", "B", "A"]),
            ({"external_configuration": configuration("other")}, []),
            ({"internal_configuration": configuration("other")}, []),
            ({"product": product("product 2")}, ["A"]),
            ({"product": product("product 1")}, ["C", "B", "A"]),
            ({"job": job(first)}, ["A"]),
            ({"job": job(everything[1].JobId.Id)}, ["C"]),
            ({"job": job("nothing")}, []),
            ({"part": part("A"), "job": job(first), "meas": meas("M-1"), "state": i32(1)}, ["A"]),
            ({"part": part("B"), "job": job(first)}, []),
        ]
        for filters, expected in cases:
            complete, count, _, found, error = await listed(client, filters=filters)
            assert (parts(found), count, complete, error) == (expected, len(expected), True, 0), filters


async def test_results_of_a_station_of_another_link_can_be_read() -> None:
    station = DeskStation()
    station.enable()
    async with bench(view(station, controls=False)) as made:
        client = await made.connect()
        station.run()
        _, _, _, found, error = await listed(client)
        assert (parts(found), error) == (["part"], 0)


async def test_no_decision_is_no_completed_evaluation(desk: Bench, client: Client) -> None:
    """Verdict 3 is never shown as good: neither in the state nor in the content."""
    await run_job(desk, client, no_decision(Reason.TIMEOUT))
    (found,) = (await listed(client))[3]
    assert (found.ResultState, next(one.Value for one in found.ResultContent or ())) == (4, Verdict.NO_DECISION)


async def test_wrong_types_of_ids_are_refused_each_on_its_own(desk: Bench, client: Client) -> None:
    given = [i32(0), part(), part(), internal(), internal(), job(), configuration(), product(), job()]
    result = await raw(client, "GetResultListFiltered", [*given, u32(0), i32(0), i32(0)])
    assert result.StatusCode.name == "BadInvalidArgument"
    wrong = [index for index, one in enumerate(result.InputArgumentResults) if one.name == "BadTypeMismatch"]
    assert wrong == [1, 3, 5, 10]

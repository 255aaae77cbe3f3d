"""Result management over the wire, with the real history behind it and without one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client

from gateway.core import events as ev
from gateway.core.errors import SinkError
from gateway.core.result import Judgement, Reason, Verdict, no_decision
from gateway.plc.opcua.machine_vision import data_types as types
from gateway.plc.opcua.machine_vision import past
from gateway.plc.opcua.machine_vision.error_codes import MethodError
from gateway.plc.opcua.machine_vision.pages import MOST_AT_ONCE
from gateway.plc.opcua.machine_vision.recent import RECENT_RESULTS
from gateway.ports import Recorded, ResultQuery, Step
from gateway.records import Records, Registrar
from gateway.sinks.history import History
from gateway.sinks.history_writer import Retention
from tests.opcua.desk import NOK, Bench, DeskStation, bench, u32, view
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
    start_arguments,
)

NAMES = {("station1", 1): "bottle", ("station1", 2): "can"}
NO_FILTER: dict[str, ua.Variant] = {
    "state": i32(0), "meas": meas(), "part": part(), "external": external(), "internal": internal(),
    "external_configuration": configuration(), "internal_configuration": configuration(), "product": product(),
    "job": job(),
}  # fmt: skip
KEPT = [True, False]


@asynccontextmanager
async def kept(*, history: bool = True, file: Path | None = None) -> AsyncIterator[Bench]:
    """A bench whose results go to a history, in memory or in a file, or nowhere."""
    station = DeskStation()
    station.enable()
    registrar = Registrar(7, NAMES)
    if not history:
        async with bench(view(station), records=Records(registrar)) as made:
            yield made
        return
    async with History(registrar, file, Retention(0, 0)) as store:
        station.observe(lambda step: _record(step, store))
        if file is None:
            await _opened(store)
        async with bench(view(station), records=Records(registrar, store)) as made:
            yield made


async def _opened(store: History) -> None:
    """The first question loads a library, which takes seconds on a busy machine."""
    async with asyncio.timeout(30):
        while True:
            try:
                await store.read(ResultQuery("station1"))
            except SinkError:
                continue
            return


def _record(step: Step, store: History) -> None:
    for action in step.actions:
        if isinstance(action, ev.Record):
            store.put(Recorded("station1", action.result, step.after.counts, action.presented))


async def listed(
    client: Client, most: int = 0, start: int = 0, timeout: int = 0, filters: Mapping[str, ua.Variant] = NO_FILTER
) -> tuple[bool, int, int, list[types.ResultDataType], int]:
    given = [*{**NO_FILTER, **filters}.values(), u32(most), u32(start), i32(timeout)]
    complete, count, handle, found, error = await call(client, "GetResultListFiltered", *given)
    return complete, count, handle, found, error


async def run_job(made: Bench, client: Client, judgement: Judgement = NOK, **names: Any) -> str:
    """One job from start to answer; its id."""
    job_id, error = await call(client, "StartSingleJob", *start_arguments(**names))
    assert error == 0
    made.station.answer(judgement)
    return str(job_id.Id)


def parts(found: list[types.ResultDataType]) -> list[str]:
    return [one.PartId.Id for one in found if one.PartId is not None]


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


@pytest.mark.parametrize("history", KEPT)
async def test_pages_do_not_shift_while_results_are_made(history: bool) -> None:
    """The newest first; what comes after the first page is none of this list."""
    async with kept(history=history) as made:
        client, other = await made.connect(), await made.connect()
        for number in range(7):
            await run_job(made, client, part_id=f"P-{number}")
        seen = []
        for start in (0, 3, 6):
            complete, count, _, found, _ = await listed(client, most=3, start=start)
            assert (complete, count) == (start == 6, len(found))
            seen += parts(found)
            await run_job(made, client, part_id="later")
            assert parts((await listed(other, most=1))[3]) == ["later"], "a list of another session begins anew"
        assert seen == [f"P-{number}" for number in (6, 5, 4, 3, 2, 1, 0)]
        assert parts((await listed(client, most=2, start=1))[3]) == ["P-5", "P-4"], "and back in the same list"


@pytest.mark.parametrize("history", KEPT)
async def test_a_start_in_the_middle_counts_from_the_newest(history: bool) -> None:
    async with kept(history=history) as made:
        client = await made.connect()
        for number in range(5):
            await run_job(made, client, part_id=f"P-{number}")
        assert parts((await listed(client, most=2, start=3))[3]) == ["P-1", "P-0"]
        complete, count, _, found, error = await listed(client, most=2, start=5)
        assert (complete, count, found, error) == (True, 0, [], 0)
        assert (await listed(client, most=2**32 - 1, start=2**32 - 1))[:2] == (True, 0)


async def test_without_a_limit_an_answer_has_its_own_and_says_that_there_is_more() -> None:
    async with kept() as made:
        client = await made.connect()
        for _ in range(MOST_AT_ONCE + 5):
            made.station.run()
        complete, count, _, _, _ = await listed(client)
        assert (complete, count) == (False, MOST_AT_ONCE)
        complete, count, _, _, _ = await listed(client, start=MOST_AT_ONCE)
        assert (complete, count) == (True, 5)


async def test_without_a_history_the_last_results_are_in_memory_and_a_handle_keeps_one(
    desk: Bench, client: Client
) -> None:
    await run_job(desk, client, part_id="first")
    (first,) = (await listed(client))[3]
    _, _, handle, _, _ = await listed(client, timeout=-1)
    for _ in range(RECENT_RESULTS):
        desk.station.run()
    found = result_id(first.ResultId.Id)
    assert (await call(client, "GetResultById", found, i32(0)))[1].PartId.Id == "first"
    other = await desk.connect()
    assert (await call(other, "GetResultById", found, i32(0)))[2] == MethodError.UNKNOWN_RESULT
    assert await call(client, "ReleaseResultHandle", u32(handle)) == [0]
    assert (await call(client, "GetResultById", found, i32(0)))[2] == MethodError.UNKNOWN_RESULT


async def test_the_handles_of_a_session_end_with_it(desk: Bench, client: Client) -> None:
    await run_job(desk, client)
    leaving = await desk.connect()
    _, _, handle, _, _ = await listed(leaving, timeout=-1)
    model = desk.link._model
    assert model is not None
    methods = model._methods
    assert methods is not None
    assert len(methods.handles) == 1
    assert await call(client, "ReleaseResultHandle", u32(handle)) == [MethodError.UNKNOWN_HANDLE]
    desk.clients.remove(leaving)
    await leaving.disconnect()
    assert len(methods.handles) == 0


async def test_results_of_a_station_of_another_link_can_be_read() -> None:
    station = DeskStation()
    station.enable()
    async with bench(view(station, controls=False)) as made:
        client = await made.connect()
        station.run()
        _, _, _, found, error = await listed(client)
        assert (parts(found), error) == (["part"], 0)


@pytest.mark.parametrize("illness", ["hangs", "is another file"])
async def test_a_history_that_cannot_be_read_has_its_error_and_the_newest_results_are_found_all_the_same(
    illness: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(past, "LONGEST_S", 0.05)
    file = tmp_path / "history.sqlite"
    file.write_text("dear diary")
    async with kept(file=file if illness == "is another file" else None) as made:
        client = await made.connect()
        store = made.link._records.store
        assert isinstance(store, History)
        if illness == "hangs":
            store._reading.dismiss()
        job_id = await run_job(made, client, part_id="P")
        newest = made.link._records.registrar.result_id(made.station.recorded[0].result.inspection_id)
        assert (await listed(client))[1:2] + (await listed(client))[4:] == (0, MethodError.STORE_UNREADABLE)
        assert (await call(client, "GetResultById", result_id("old"), i32(0)))[2] == MethodError.STORE_UNREADABLE
        assert (await call(client, "GetResultById", result_id(newest), i32(0)))[1].JobId.Id == job_id


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

"""Lists by pages, what is in memory and what is in the history, and a history that cannot be read."""

from pathlib import Path

import pytest
from asyncua.client.client import Client

from gateway.plc.opcua.machine_vision import past
from gateway.plc.opcua.machine_vision.error_codes import MethodError
from gateway.plc.opcua.machine_vision.pages import MOST_AT_ONCE
from gateway.plc.opcua.machine_vision.recent import RECENT_RESULTS
from gateway.sinks.history import History
from tests.opcua.desk import Bench, u32
from tests.opcua.machine_vision.caller import (
    call,
    external,
    i32,
    internal,
    part,
    product,
    result_id,
)
from tests.opcua.machine_vision.kept import KEPT, kept, listed, parts, run_job


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


async def test_a_search_through_too_many_results_ends_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter that the store does not know is tried on each result, on so many and no more."""
    monkeypatch.setattr(past, "MOST_READ", 20)
    monkeypatch.setattr(past, "READ_AT_ONCE", 10)
    async with kept() as made:
        client = await made.connect()
        await run_job(made, client, part_id="old")
        await call(client, "PrepareRecipe", external("can"), internal())
        for _ in range(25):
            made.station.run()
        wanted = {"product": product("product 1")}
        assert (await listed(client, filters=wanted))[4] == MethodError.TOO_FAR_BACK
        assert parts((await listed(client, most=20, filters={"part": part("old")}))[3]) == ["old"]

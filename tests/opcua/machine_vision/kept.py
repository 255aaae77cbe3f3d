"""A bench whose results are kept, and what tests ask of them."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client

from gateway.core import actions as act
from gateway.core.errors import SinkError
from gateway.core.result import Judgement
from gateway.plc.opcua.machine_vision import data_types as types
from gateway.ports import Recorded, ResultQuery, Step
from gateway.records import Records, Registrar
from gateway.sinks.history import History
from gateway.sinks.history_retention import Retention
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
        if isinstance(action, act.Record):
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

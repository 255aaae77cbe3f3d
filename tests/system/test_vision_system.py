"""The whole gateway driven by OPC 40100-1 alone: real pictures, the real PEKAT simulator, a restart in between."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from asyncua.client.client import Client

from gateway.app import Gateway
from gateway.config import load_settings
from gateway.plc.opcua.machine_vision.data_types import ResultDataType, model_id, register_data_types
from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator
from tests.opcua.desk import text
from tests.opcua.machine_vision.caller import (
    GOOD_ARGUMENTS,
    call,
    external,
    i32,
    internal,
    job,
    result_id,
    start_arguments,
)
from tests.opcua.machine_vision.sight import Told, of_type, told, values

CONFIG = """
[gateway]
data = "data"

[links.opcua]
host = "127.0.0.1"
port = 0
allow_unencrypted = true
client_certificates = "any"

[[links.opcua.users]]
name = "erna"
role = "engineer"
password_file = "erna"

[[stations]]
name = "station1"
control = "opcua"

[stations.source]
kind = "file_drop"
folder = "drop"

[[stations.recipes]]
number = 1
name = "part"
product = "widget"
url = "{url}"
"""
CAUSE = (i32(1), text("end of the lot"))
AUTOMATIC = "VisionStateMachine.AutomaticModeStateMachine"


class Plant:
    """A drop folder, and the gateway that serves it."""

    def __init__(self, folder: Path, pekat: PekatSimulator) -> None:
        self.folder = folder
        self.dropped = 0
        (folder / "drop").mkdir()
        (folder / "erna").write_text("secret")
        (folder / "gateway.toml").write_text(CONFIG.format(url=pekat.url))

    @asynccontextmanager
    async def served(self) -> AsyncIterator[Client]:
        """The gateway up, and an engineer's client."""
        async with Gateway(load_settings(self.folder / "gateway.toml")) as gateway:
            client = Client(gateway.endpoints[0].url, timeout=10)
            client.set_user("erna")
            client.set_password("secret")
            async with client:
                yield client

    def drop(self, defects: int) -> None:
        """A camera's picture, renamed in when it is whole."""
        self.dropped += 1
        writing = self.folder / "writing"
        writing.write_bytes(part_image(self.dropped, defects=defects))
        writing.rename(self.folder / "drop" / f"{self.dropped:04d}.png")


async def state(client: Client) -> list[Any]:
    return await values(client, "VisionStateMachine.CurrentState", f"{AUTOMATIC}.CurrentState")


async def becomes(client: Client, *wanted: str) -> None:
    async with asyncio.timeout(20):
        while await state(client) != list(wanted):
            await asyncio.sleep(0.01)


async def of_job(client: Client, job_id: str) -> list[ResultDataType]:
    """A job's results, the oldest first."""
    given = [*GOOD_ARGUMENTS["GetResultListFiltered"]]
    given[8] = job(job_id)
    complete, _, _, found, error = await call(client, "GetResultListFiltered", *given)
    assert (complete, error) == (True, 0)
    return list(reversed(found))


def verdicts(found: list[ResultDataType]) -> list[Any]:
    return [next(one.Value for one in result.ResultContent or ()) for result in found]


async def test_a_file_drop_line_without_a_plc(tmp_path: Path) -> None:
    """Prepared, run until Stop, one job more; after a restart its past is still there by the same ids."""
    register_data_types()
    async with PekatSimulator() as pekat:
        plant = Plant(tmp_path, pekat)
        async with plant.served() as client:
            assert await call(client, "SelectModeAutomatic") == [0]
            assert (await call(client, "PrepareRecipe", external("part"), internal()))[1:] == [True, 0]
            await becomes(client, "Operational", "Ready")
            lot = await _run_a_lot(plant, client)
            single = await _run_one_job(plant, client)
            before = await of_job(client, lot)
        async with plant.served() as client:
            assert await of_job(client, lot) == before
            _, found, error = await call(client, "GetResultById", result_id(single), i32(0))
            assert (found.PartId.Id, found.ProductId.Id, error) == ("one more", "widget", 0)
            job_id, error = await call(client, "StartSingleJob", *start_arguments())
            assert job_id is None, "the station is not in automatic mode after a start"
            await call(client, "SelectModeAutomatic")
            await becomes(client, "Operational", "Ready")
            job_id, error = await call(client, "StartSingleJob", *start_arguments())
            assert (job_id.Id in (lot, single), error) == (False, 0)


async def _run_a_lot(plant: Plant, client: Client) -> str:
    """Six files in a continuous job; the job's id."""
    defects = [0, 2, 0, 0, 1, 0]
    fields = ("3:JobId", "3:PartId", "3:ResultContent")
    async with told(client, fields, of_type(model_id(1024))) as heard:
        job_id, error = await call(client, "StartContinuous", *start_arguments("lot 7"))
        assert error == 0
        assert await state(client) == ["Operational", "ContinuousExecution"]
        for count in defects:
            plant.drop(count)
        events = await _until(heard, len(defects))
        assert await call(client, "Stop", *CAUSE) == [0]
        await becomes(client, "Operational", "Ready")
        plant.drop(0)
        await asyncio.sleep(0.3)
        assert len(heard.events) == len(defects), "a picture after Stop is nobody's"
    expected = [2 if count else 1 for count in defects]
    assert [one["3:ResultContent"][0].Value for one in events] == expected
    assert {(one["3:JobId"].Id, one["3:PartId"].Id) for one in events} == {(job_id.Id, "lot 7")}
    assert verdicts(await of_job(client, job_id.Id)) == expected
    return str(job_id.Id)


async def _run_one_job(plant: Plant, client: Client) -> str:
    """One job with a product; the id of its result."""
    job_id, error = await call(client, "StartSingleJob", *start_arguments("one more", product_id="widget"))
    assert error == 0
    plant.drop(0)
    async with asyncio.timeout(20):
        while not (found := await of_job(client, job_id.Id)):
            await asyncio.sleep(0.01)
    assert verdicts(found) == [1]
    return str(found[0].ResultId.Id)


async def _until(heard: Told, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(30):
        while len(heard.events) < count:
            await asyncio.sleep(0.01)
    return heard.events

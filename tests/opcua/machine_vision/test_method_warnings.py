"""A method that fails tells everybody by a warning condition: with its number and its text, and without flooding."""

import asyncio
import time

from asyncua.client.client import Client

from gateway.core.errors import OfflineReason
from gateway.core.events import WentOffline
from gateway.plc.opcua.machine_vision.calls import SELDOM_S
from gateway.plc.opcua.machine_vision.data_types import model_id
from gateway.plc.opcua.machine_vision.error_codes import ERROR_TEXTS, MethodError
from tests.opcua.desk import TIMEOUT_S, Bench
from tests.opcua.machine_vision.caller import CAUSE, call, i32, result_id, start_arguments
from tests.opcua.machine_vision.sight import of_type, told

WARNING = model_id(1034)
FIELDS = ("EventType", "3:ErrorCode", "3:ErrorString", "ConditionName", "Retain")


async def test_a_job_that_cannot_start_is_an_error_code_a_warning_and_no_job(desk: Bench, client: Client) -> None:
    desk.station.post(WentOffline(OfflineReason.OPERATOR))
    async with told(client, FIELDS, of_type(WARNING)) as heard:
        assert await call(client, "StartSingleJob", *start_arguments()) == [None, MethodError.OFFLINE]
        (event,) = await heard.wait(1)
    assert event["EventType"] == WARNING
    assert (event["3:ErrorCode"], event["Retain"]) == (-MethodError.OFFLINE, True)
    assert event["3:ErrorString"] == f"StartSingleJob: {ERROR_TEXTS[MethodError.OFFLINE]}"
    assert desk.station.started == []


async def test_every_refused_command_is_told_of(desk: Bench, client: Client) -> None:
    other = await desk.connect()
    async with told(other, FIELDS, of_type(WARNING)) as heard:
        for _ in range(3):
            await call(client, "Stop", *CAUSE)
        events = await heard.wait(3)
    assert [event["3:ErrorCode"] for event in events] == [-MethodError.NOTHING_RUNS] * 3


async def test_who_asks_in_vain_again_and_again_is_told_of_once_a_second(desk: Bench, client: Client) -> None:
    """Anybody may ask: the warnings that matter must not drown."""
    began = time.monotonic()
    async with told(client, FIELDS, of_type(WARNING)) as heard:
        for _ in range(50):
            assert (await call(client, "GetResultById", result_id("none"), i32(0)))[2] == MethodError.UNKNOWN_RESULT
        most = 1 + int((time.monotonic() - began) / SELDOM_S)
        await call(client, "Stop", *CAUSE)
        async with asyncio.timeout(TIMEOUT_S):
            while heard.events[-1:] == [] or heard.events[-1]["3:ErrorCode"] != -MethodError.NOTHING_RUNS:
                await asyncio.sleep(0.01)
    codes = [event["3:ErrorCode"] for event in heard.events]
    assert 1 <= codes.count(-MethodError.UNKNOWN_RESULT) <= most < 50

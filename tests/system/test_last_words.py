"""A stop leaves a PLC that waits for its part the time to read the answer, and no longer than it needs (H33)."""

import asyncio
from pathlib import Path

from tests.system.line import good_part, running


async def test_the_last_answer_can_be_read_before_the_gateway_is_through(tmp_path: Path) -> None:
    async with running(tmp_path) as line:
        await line._write(trigger=True, part_id="last")
        await line.until("busy")
        stopping = asyncio.create_task(line.gateway.drain(asyncio.Event()))
        await line.until("online", False)
        line.drop(good_part())
        tags = await line.until("result_valid")
        assert (tags["ok"], tags["result_part_id"], stopping.done()) == (True, "last", False)
        await line._write(trigger=False, result_ack=True)
        async with asyncio.timeout(5):
            await stopping  # there is nothing left to say


async def test_a_stop_with_nothing_under_way_waits_for_nobody(tmp_path: Path) -> None:
    async with running(tmp_path) as line:
        assert (await line.inspect("first", good_part()))["ok"]
        stopping = asyncio.create_task(line.gateway.drain(asyncio.Event()))
        await asyncio.wait({stopping}, timeout=0.25)
        assert stopping.done(), "a result that nobody acknowledges holds nobody up"

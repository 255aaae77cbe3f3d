"""The gateway as a real process, killed in the moment in which a PLC has read that its trigger is accepted."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from gateway.core.result import Reason
from tests.system.test_journal_kill import Plc, kept, line, plant

pytestmark = pytest.mark.timeout(300)

FEW, MANY = 2, 50
MANY_S = 200.0


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Somebody holds the database: nothing can be written, all can be read."""
    with closing(sqlite3.connect(home / "data" / "history.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


async def killed_at_once(plc: Plc, pid: int, number: int) -> None:
    """The next thing after the response that says `accepted` is the kill."""
    await plc.until(ready=True)
    await plc.write(trigger_seq=number, part_id=f"part {number}")
    while (await plc.face.read())["trigger_seq_accepted"] != number:
        await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("mode", ["safe", "fast"])
@pytest.mark.parametrize("rounds", [FEW, pytest.param(MANY, marks=pytest.mark.soak)])
async def test_killed_right_after_it_was_accepted_a_trigger_has_its_answer(
    tmp_path: Path, mode: str, rounds: int
) -> None:
    until = time.monotonic() + MANY_S
    done = 0
    async with plant(tmp_path, f'\n[history]\nmode = "{mode}"\n') as port:
        while done < rounds and time.monotonic() < until:
            async with line(tmp_path, port, {}) as (plc, pid):
                if done:
                    await check(plc, done)
                await plc.begin()
                await killed_at_once(plc, pid, done + 1)
            done += 1
        async with line(tmp_path, port, {}) as (plc, _):
            await check(plc, done)
    assert done >= FEW
    answers = [(one.result.trigger_seq, one.result.result_seq, one.result.judgement.reason) for one in kept(tmp_path)]
    assert answers == [(number, number, Reason.INTERRUPTED) for number in range(1, done + 1)]


async def check(plc: Plc, number: int) -> None:
    now = await plc.until(result_valid=True)
    assert (now["result_trigger_seq"], now["result_part_id"], now["reason"]) == (
        number,
        f"part {number}",
        Reason.INTERRUPTED,
    )
    assert (now["count_triggers"], now["trigger_seq_accepted"], now["result_seq"]) == (number, number, number)


async def test_killed_while_nothing_could_be_written_all_that_was_shown_is_kept(tmp_path: Path) -> None:
    async with plant(tmp_path) as port:
        async with line(tmp_path, port, {}) as (plc, pid):
            await plc.begin(buffered=True)
            await plc.trigger(1)
            await plc.until(result_valid=True, result_trigger_seq=1)
            await plc.write(result_ack_seq=1)
            with locked(tmp_path):
                for number in (2, 3, 4):
                    await plc.trigger(number)
                    await plc.until(results_pending=max(number - 3, 0), result_valid=True)
                    now = await plc.look()
                    if number == 2:
                        assert now["reason"] == Reason.JOURNAL
                        await plc.write(result_ack_seq=2)
                await plc.trigger(5, picture=False)
                os.kill(pid, signal.SIGKILL)
        async with line(tmp_path, port, {}) as (plc, _):
            await plc.begin(buffered=True)
            for number, reason in ((3, Reason.JOURNAL), (4, Reason.JOURNAL), (5, Reason.INTERRUPTED)):
                now = await plc.until(result_valid=True, result_trigger_seq=number, results_pending=5 - number)
                assert (now["result_seq"], now["reason"]) == (number, reason)
                await plc.write(result_ack_seq=number)
            await plc.until(result_valid=False)
            await plc.trigger(6)
            assert (await plc.until(result_valid=True, result_trigger_seq=6))["result_seq"] == 6
    rows = [(one.result.trigger_seq, one.result.result_seq, one.result.judgement.reason) for one in kept(tmp_path)]
    wanted = [Reason.NONE, *[Reason.JOURNAL] * 3, Reason.INTERRUPTED, Reason.NONE]
    assert sorted(rows) == [(number, number, reason) for number, reason in enumerate(wanted, 1)]

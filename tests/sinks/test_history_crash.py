"""The process is killed in the middle of writing: the file opens clean, and nothing that could be read is missing."""

import asyncio
import os
import random
import signal
import sqlite3
import sys
from pathlib import Path

from gateway.ports import LARGEST_PAGE, ResultQuery, StoredResult
from gateway.sinks.history import History
from gateway.sinks.history_retention import Retention
from tests.sinks.results import recorded, registrar

ROUNDS = 6
ROOT = Path(__file__).parents[2]


async def killed_after(file: Path, first: int, lines: int) -> int:
    """Run the writer from this number on and kill it after so many lines; the last number that it had seen stored."""
    writer = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.sinks.crashing", str(file), str(first), stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    assert writer.stdout is not None
    try:
        async with asyncio.timeout(60):
            for _ in range(lines):
                await writer.stdout.readline()
    finally:
        os.kill(writer.pid, signal.SIGKILL)
    rest = (await writer.stdout.read()).split()
    await writer.wait()
    return int(rest[-1]) if rest else first - 1


async def kept(file: Path) -> list[StoredResult]:
    async with History(registrar(), file, Retention(0, 0)) as history:
        return list(await history.read(ResultQuery(limit=LARGEST_PAGE)))


async def test_a_killed_writer_loses_nothing_that_was_stored(tmp_path: Path) -> None:
    file, chance, first = tmp_path / "h.db", random.Random(7), 1
    for _ in range(ROUNDS):
        seen = await killed_after(file, first, chance.randrange(1, 30))
        stored = await kept(file)
        numbers = [one.result.inspection_id for one in stored]
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) >= max(seen, first - 1)
        assert stored[-1].result == recorded(len(numbers)).result
        with sqlite3.connect(file) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database.close()
        first = len(numbers) + 1


async def test_a_writer_killed_while_it_makes_the_file_leaves_one_that_can_be_used(tmp_path: Path) -> None:
    for number in range(4):
        file = tmp_path / f"{number}.db"
        writer = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.sinks.crashing", str(file), "1", stdout=asyncio.subprocess.DEVNULL, cwd=ROOT
        )
        async with asyncio.timeout(60):
            while not file.exists():
                await asyncio.sleep(0)
            for _ in range(number * 300):
                await asyncio.sleep(0)
        os.kill(writer.pid, signal.SIGKILL)
        await writer.wait()
        async with History(registrar(), file, Retention(0, 0)) as history:
            history.put(recorded(1_000_000))
            found = await history.read(ResultQuery(newest_first=True, limit=1))
        assert [one.result.inspection_id for one in found] == [1_000_000]
        assert not any("damaged" in name for name in os.listdir(tmp_path))

"""The journal's PostgreSQL server goes away and comes back while a line runs: each part is answered, and in time."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

from gateway.core.result import Reason, Verdict
from gateway.sinks.history_place import Server
from tests.sinks.postgres import Postgres
from tests.system.line import CONFIG, Line, good_part, running

pytestmark = [pytest.mark.foreign, pytest.mark.timeout(180)]

IN_TIME_S = 3.0
HISTORY = '\n[history]\nmode = "{mode}"\nurl_file = "url.txt"\n'


@asynccontextmanager
async def line_with(folder: Path, mode: str) -> AsyncIterator[tuple[Line, Postgres, Server]]:
    server = await asyncio.to_thread(Postgres.made)
    try:
        await asyncio.to_thread(server.start)
        place = server.new()
        (folder / "url.txt").write_text(place.url, encoding="utf-8")
        async with running(folder, config=CONFIG + HISTORY.format(mode=mode)) as line:
            yield line, server, place
    finally:
        await asyncio.to_thread(server.remove)


def kept(place: Server) -> list[tuple[str, int, int]]:
    with psycopg.connect(place.url) as other:
        found = other.execute("SELECT part_id, verdict, reason FROM results ORDER BY inspection_id")
        return [(str(part), int(verdict), int(reason)) for part, verdict, reason in found]


async def shown(line: Line, part: str) -> tuple[str, int, int]:
    began = time.monotonic()
    tags = await line.inspect(part, good_part())
    assert time.monotonic() - began < IN_TIME_S
    assert tags["result_part_id"] == part
    return part, int(tags["verdict"]), int(tags["reason"])


async def written(line: Line, place: Server, count: int) -> list[tuple[str, int, int]]:
    async with asyncio.timeout(20):
        while len(found := await asyncio.to_thread(kept, place)) < count:
            await asyncio.sleep(0.02)
    return found


async def test_safe_a_part_gets_no_decision_while_the_server_is_away_and_the_next_one_its_own(tmp_path: Path) -> None:
    async with line_with(tmp_path, "safe") as (line, server, place):
        told = [await shown(line, "P1")]
        assert await asyncio.to_thread(kept, place) == told
        await asyncio.to_thread(server.stop)
        told += [await shown(line, part) for part in ("P2", "P3")]
        assert [reason for _, _, reason in told] == [0, Reason.JOURNAL, Reason.JOURNAL]
        await asyncio.to_thread(server.start)
        assert line.gateway.history is not None
        async with asyncio.timeout(10):
            while line.gateway.history.books.fault:
                await asyncio.sleep(0.02)
        told.append(await shown(line, "P4"))
        assert told[3] == ("P4", Verdict.OK, 0)
        assert await written(line, place, 4) == told


async def test_fast_no_part_notices_and_nothing_is_lost(tmp_path: Path) -> None:
    async with line_with(tmp_path, "fast") as (line, server, place):
        told = [await shown(line, "P1")]
        await asyncio.to_thread(server.stop)
        told += [await shown(line, part) for part in ("P2", "P3", "P4")]
        await asyncio.to_thread(server.start)
        assert {(verdict, reason) for _, verdict, reason in told} == {(Verdict.OK, 0)}
        assert await written(line, place, 4) == told

"""A process that keeps results, and is killed at one of its own steps inside of the database."""

import asyncio
import os
import signal
import sqlite3
from multiprocessing.connection import Connection
from pathlib import Path

from sqlalchemy import Engine, event

from gateway.core.resume import Memory
from gateway.sinks.history import History
from gateway.sinks.history_retention import Retention
from tests.sinks.results import recorded, registrar

STEPS = 7
"""SQLite's own machine steps between two places where it can be killed; a commit of one result has some hundred."""
TOGETHER = 3


class Killer:
    """Kills this process at the `at`-th place: between two machine steps, or before a statement begins."""

    def __init__(self, at: int) -> None:
        self._left = at

    def attach(self, connection: sqlite3.Connection, _: object) -> None:
        """To every connection that SQLAlchemy makes."""
        connection.set_progress_handler(self._step, STEPS)
        connection.set_trace_callback(self._statement)

    def _statement(self, _: str) -> None:
        self._step()

    def _step(self) -> int:
        self._left -= 1
        if self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return 0


def keep_until_killed(file: Path, first: int, at: int, told: Connection) -> None:
    """Keep results from this number on; send each number as soon as it is said to be on the disk."""
    event.listen(Engine, "connect", Killer(at).attach)
    asyncio.run(_keep(file, first, told))


async def _keep(file: Path, first: int, told: Connection) -> None:
    async with History(registrar(), file, Retention(0, 200), safe=True) as journal:
        number = first
        while True:
            waiting: list[asyncio.Future[bool]] = []
            for _ in range(TOGETHER):
                heard: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
                journal.keep(recorded(number), heard.set_result)
                journal.note("s1", Memory(next_id=number + 1, owed=(recorded(number).result,)))
                waiting.append(heard)
                number += 1
            for place, heard in enumerate(waiting):
                assert await heard
                told.send(number - TOGETHER + place)

"""The history is left: everything is written, and filed, at whatever moment of the thread that is asked for."""

import asyncio
from pathlib import Path

import pytest

from gateway.sinks import history_sqlite
from gateway.sinks.history import History
from gateway.sinks.history_database import Database
from gateway.sinks.history_pace import STOP_S
from gateway.sinks.history_retention import Retention, Tidiness
from tests.sinks.results import recorded, registrar
from tests.sinks.test_history_arrivals import unfiled
from tests.sinks.test_history_faults import until
from tests.sinks.test_history_safe import Waiting


async def test_when_the_thread_has_just_looked_whether_it_is_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked to end after it has found nothing to file, and before it looks whether it is over."""
    monkeypatch.setattr(history_sqlite, "FILE_S", 60.0)
    file = tmp_path / "h.db"
    async with History(registrar(), file, Retention(0, 0), safe=True) as store:
        tidy = Tidiness.see_to
        asked: list[bool] = []

        def ends(tidiness: Tidiness, database: Database) -> None:
            tidy(tidiness, database)
            if unfiled(file) and not asked:
                asked.append(True)
                store._writer.stop()

        monkeypatch.setattr(Tidiness, "see_to", ends)
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        await waiting.all(1)
        await until(lambda: bool(asked))
    assert unfiled(file) == []


async def test_a_database_that_cannot_be_opened_is_not_waited_for(tmp_path: Path) -> None:
    async with asyncio.timeout(STOP_S / 2):
        async with History(registrar(), tmp_path, Retention(0, 0)) as store:  # a folder
            await until(lambda: bool(store.books.fault))

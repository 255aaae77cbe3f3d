"""A database that cannot be written is told of before anybody has something to write, and when it is over."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.sinks import history_probe, history_retries
from gateway.sinks.history import History
from gateway.sinks.history_retention import Retention
from tests.sinks.results import recorded, registrar
from tests.sinks.test_history_faults import full_disk, until
from tests.sinks.test_history_safe import BEGINNING, Waiting


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_probe, "IDLE_S", 0.05)
    monkeypatch.setattr(history_probe, "AGAIN_S", 0.1)
    monkeypatch.setattr(history_retries, "RETRY_S", (0.05,))
    monkeypatch.setattr("gateway.sinks.history_sqlite.BUSY_S", 0.05)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@pytest.mark.parametrize("safe", [True, False])
async def test_a_lock_that_stays_is_told_without_any_result(tmp_path: Path, safe: bool) -> None:
    told: list[str] = []
    async with History(registrar(), tmp_path / "h.db", Retention(0, 0), safe=safe) as store:
        end = store.on_fault(told.append)
        await until(lambda: store._writer.database)
        with locked(tmp_path / "h.db"):
            await until(lambda: told)
            assert "locked" in told[0]
            assert store.books.fault
            late: list[str] = []
            store.on_fault(late.append)
            assert late == told
            for _ in range(2):  # it is asked again and again, and stays
                await tried_again(store)
            assert len(told) == 1
        await until(lambda: len(told) == 2)
        assert told[1] == ""
        end()
        with locked(tmp_path / "h.db"):
            await until(lambda: len(late) == 3)
    assert len(told) == 2


async def tried_again(store: History) -> None:
    retries = store._writer._retries
    before = retries._failures
    await until(lambda: retries._failures > before)


async def test_a_full_disk_is_told_without_any_result(tmp_path: Path) -> None:
    told: list[str] = []
    async with History(registrar(), tmp_path / "h.db", Retention(0, 0), safe=True) as store:
        store.on_fault(told.append)
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        await waiting.all(1)
        with full_disk(BEGINNING):
            await until(lambda: told)
        await until(lambda: len(told) == 2)
        waiting.keep(recorded(2))
        assert (await waiting.all(2))[2]
    assert told[1] == ""


async def test_a_lock_that_is_over_at_once_is_no_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr(history_probe, "AGAIN_S", 1.0)
    async with History(registrar(), tmp_path / "h.db", Retention(0, 0), safe=True) as store:
        store.on_fault(told.append)
        await until(lambda: store._writer.database)
        with locked(tmp_path / "h.db"):
            await until(lambda: store._writer._probe._doubted)
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        assert (await waiting.all(1))[1]
        await until(lambda: not store._writer._probe._doubted)
    assert told == []


async def test_a_file_that_cannot_be_opened_is_told_at_once(tmp_path: Path) -> None:
    told: list[str] = []
    (tmp_path / "h.db").write_text("no database")
    async with History(registrar(), tmp_path / "h.db", Retention(0, 0), safe=True) as store:
        await until(lambda: store._why_ill)
        store.on_fault(told.append)
        assert "no SQLite database" in told[0]
        (tmp_path / "h.db").unlink()
        await until(lambda: len(told) == 2)
    assert told[1] == ""

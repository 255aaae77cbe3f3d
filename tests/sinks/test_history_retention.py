"""Old results are dropped, by age and by number, a few at a time; the newest stay."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.ports import EPOCH, ResultQuery
from gateway.records import Registrar, WallClock
from gateway.sinks import history_writer
from gateway.sinks.history import History
from gateway.sinks.history_database import DROPPED_AT_ONCE
from gateway.sinks.history_pace import GROUP
from gateway.sinks.history_place import Place
from gateway.sinks.history_retention import Retention
from gateway.sinks.history_settings import IN_MEMORY, HistorySettings
from tests.sinks.results import recorded, registrar

DAY_US = 86_400_000_000


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not true():
            await asyncio.sleep(0.005)


async def settled(store: History, count: int) -> list[int]:
    """What is kept, once it is so many."""
    async with asyncio.timeout(30):
        while len(found := await store.read(ResultQuery(limit=10_000))) != count:
            await asyncio.sleep(0.01)
    return [one.result.inspection_id for one in found]


async def test_the_newest_are_kept(place: Place) -> None:
    answers = 3 * DROPPED_AT_ONCE
    async with History(registrar(), place, Retention(0, 100)) as store:
        for number in range(1, answers + 1):
            store.put(recorded(number))
        assert await settled(store, 100) == list(range(answers - 99, answers + 1))


async def test_old_ones_are_dropped_at_the_start(place: Place) -> None:
    now_us = (datetime.now(UTC) - EPOCH) // timedelta(microseconds=1)
    today = Registrar(17, {}, WallClock(lambda: now_us, lambda: 0))
    async with History(today, place, Retention(0, 0)) as store:
        for number in range(1, 21):
            store.put(recorded(number, (number - 20) * DAY_US))
        assert await settled(store, 20)
    async with History(today, place, Retention(7, 0)) as store:
        assert await settled(store, 7) == list(range(14, 21))


async def test_cleaning_up_goes_on_while_results_come(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large backlog is dropped in small steps: new results never wait for the whole of it."""
    monkeypatch.setattr(history_writer, "GATHER_S", 0.001)
    monkeypatch.setattr("gateway.sinks.history_database.DROPPED_AT_ONCE", 50)
    async with History(registrar(), place, Retention(0, 0)) as store:
        for number in range(1, 5001):
            store.put(recorded(number))
            if number % 1000 == 0:
                await until(lambda: not store.books.waiting)
    async with History(registrar(), place, Retention(0, 50)) as store:
        number = 5000
        while len(await store.read(ResultQuery(limit=60))) > 50:
            number += 1
            store.put(recorded(number))
            (newest,) = await store.read(ResultQuery(newest_first=True, limit=1))
            assert newest.result.inspection_id == number
        assert number > 5001  # there were answers in between


async def test_memory_is_bounded() -> None:
    async with History(registrar(), None, Retention(0, 10)) as store:
        for number in range(1, 31):
            store.put(recorded(number))
        await until(lambda: not store.books.waiting)
        store._writer._tidiness.more(GROUP)  # as if there had been as many
        assert await settled(store, 10) == list(range(21, 31))


@pytest.mark.parametrize(
    ("keep", "in_file", "in_memory"), [(0, 0, IN_MEMORY), (100, 100, 100), (10**6, 10**6, IN_MEMORY)]
)
def test_without_a_file_fewer_are_kept(keep: int, in_file: int, in_memory: int) -> None:
    settings = HistorySettings(keep_results=keep)
    assert settings.retention(Path("data")).results == in_file
    assert settings.retention(None).results == in_memory


def test_where_it_is_kept() -> None:
    data = Path("/data")
    assert HistorySettings().place(data) == data / "history.db"
    assert HistorySettings(file=Path("/other.db")).place(data) == Path("/other.db")
    assert HistorySettings(file=Path("/other.db")).place(None) == Path("/other.db")
    assert HistorySettings().place(None) is None
    assert HistorySettings(enabled=False).create(registrar(), data) is None

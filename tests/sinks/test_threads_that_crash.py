"""Threads of history and archive crash by what nobody foresaw: told at once, begun anew, and nothing queued is lost."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.backoff import BackOff
from gateway.core.errors import SinkError
from gateway.ports import ResultQuery
from gateway.sinks import archive_writer
from gateway.sinks.history import History
from gateway.sinks.history_retention import Retention
from tests.sinks.archived import archive, images, inspected
from tests.sinks.results import recorded, registrar
from tests.sinks.test_history_faults import numbers, until
from tests.sinks.test_history_safe import Waiting


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BackOff, "failed", lambda _: 0.05)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BackOff, "failed", lambda _: 30.0)


def bomb(part: Any, method: str, times: int = 1) -> None:
    """The next so many calls of this method crash; those after it are as ever."""
    right: Callable[..., Any] = getattr(part, method)

    def planted(*given: Any) -> Any:
        nonlocal times
        times -= 1
        if times < 0:
            return right(*given)
        raise KeyError("planted")

    setattr(part, method, planted)


def history(folder: Path) -> History:
    return History(registrar(), folder / "history.db", Retention(0, 0), safe=True)


@pytest.mark.usefixtures("quick")
async def test_the_writer_is_begun_anew_and_whoever_waits_hears_of_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    async with history(tmp_path) as store:
        store.on_fault(told.append)
        waiting = Waiting(store)
        waiting.keep(recorded(1))
        assert await waiting.all(1) == {1: True}
        bomb(store._writer, "_rest", times=2)
        await until(lambda: store.books.fault)
        waiting.keep(recorded(2))
        assert await waiting.all(2) == {1: True, 2: False}, "said at once, not at the end of its time"
        store.put(recorded(3))
        await until(lambda: store.restarts == 2 and not store.books.fault)
        assert await numbers(store) == [1, 3]
        waiting.keep(recorded(4))
        assert (await waiting.all(3))[4] is True
    assert [bool(fault) for fault in told] == [True, False] * 2, "the stations show error 22 meanwhile"
    assert "history-writer has crashed, and is begun anew" in caplog.text


@pytest.mark.usefixtures("slow")
async def test_a_stop_before_it_is_begun_anew_still_writes_what_waits(tmp_path: Path) -> None:
    async with history(tmp_path) as store:
        await numbers(store)
        bomb(store._writer, "_rest")
        await until(lambda: store.books.fault)
        store.put(recorded(7))
    async with history(tmp_path) as store:
        assert await numbers(store) == [7]


async def test_a_question_that_crashes_is_refused_and_the_next_one_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with history(tmp_path) as store:
        store.put(recorded(1))
        bomb(store, "_database")
        with pytest.raises(SinkError, match="KeyError"):
            await store.read(ResultQuery())
        assert await numbers(store) == [1]
        assert store.busy == 0
    assert "a question crashed" in caplog.text


@pytest.mark.usefixtures("quick")
async def test_the_archives_thread_is_begun_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_writer, "RETRY_S", 0.05)
    told: list[str] = []
    async with archive(tmp_path) as store:
        store.on_fault(told.append)
        bomb(store._writer, "_attempt")
        inspected(store, 1)
        await until(lambda: store.restarts == 1 and images(tmp_path))
        await until(lambda: told[-1:] == [""])
        assert told[0].startswith("KeyError")


async def test_the_history_starts_by_its_policy(tmp_path: Path) -> None:
    (tmp_path / "history.db").write_bytes(b"not a database of ours, nor of anybody's" * 100)
    async with history(tmp_path) as store:
        async with asyncio.timeout(10):
            with pytest.raises(SinkError):
                await store.check_open()
    (tmp_path / "history.db").unlink()
    async with history(tmp_path) as store:
        await store.check_open()

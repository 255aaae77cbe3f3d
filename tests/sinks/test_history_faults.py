"""What a disk and other programs do to the history's file: a clear log line, no delay, nothing lost without need."""

import asyncio
import logging
import os
import resource
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.core.errors import SinkError
from gateway.ports import ResultQuery
from gateway.sinks import history_retries, history_writer
from gateway.sinks.history import History
from gateway.sinks.history_retention import Retention
from gateway.sinks.history_table import APPLICATION_ID, VERSION
from tests.sinks.results import recorded, registrar

WAIT_S = 20.0
LONGEST_PUT_S = 0.05
"""Even on a loaded machine; writing to the disk that hangs here would take seconds."""


def history(file: Path | None) -> History:
    return History(registrar(), file, Retention(0, 0))


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not true():
            await asyncio.sleep(0.005)


async def numbers(store: History) -> list[int]:
    return [one.result.inspection_id for one in await store.read(ResultQuery(limit=10_000))]


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history_retries, "RETRY_S", (0.05,))


def made(file: Path, *, version: int = VERSION, application: int = APPLICATION_ID) -> None:
    """A database with a table, that says of itself what the test wants."""
    with sqlite3.connect(file) as database:
        database.execute("CREATE TABLE results (something TEXT)")
        database.execute("INSERT INTO results VALUES ('not ours')")
        database.execute(f"PRAGMA application_id = {application}")
        database.execute(f"PRAGMA user_version = {version}")
    database.close()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda file: file.write_text("date;verdict\n"), "is no SQLite database"),
        (lambda file: made(file, application=0), "database of another program"),
        (lambda file: made(file, version=VERSION + 1), "made by a newer gateway"),
        (lambda file: file.mkdir(), "Is a directory"),
    ],
    ids=["text", "other program", "newer", "folder"],
)
async def test_a_file_that_is_not_ours_is_left_alone_and_told_of_once(
    tmp_path: Path, make: Callable[[Path], object], words: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "h.db"
    make(file)
    before = file.read_bytes() if file.is_file() else None
    async with history(file) as store:
        store.put(recorded(1))
        await until(lambda: store.books.fault)
        with pytest.raises(SinkError, match=words):
            await store.read(ResultQuery())
        await asyncio.sleep(0.3)
        assert store.books.waiting == 1
    assert (file.read_bytes() if file.is_file() else None) == before
    told = [one for one in caplog.records if one.levelno == logging.ERROR and words in one.message]
    assert len(told) == 1


async def test_once_the_wrong_file_is_away_everything_that_waited_is_written(tmp_path: Path) -> None:
    file = tmp_path / "h.db"
    file.write_text("date;verdict\n")
    async with history(file) as store:
        for number in (1, 2, 3):
            store.put(recorded(number))
        await until(lambda: store.books.fault)
        file.unlink()
        await until(lambda: not store.books.fault)
        assert await numbers(store) == [1, 2, 3]
        assert store.books.lost == 0


def moved_aside(folder: Path) -> list[Path]:
    return [one for one in folder.glob("h.db.damaged-*") if not one.name.endswith(("-wal", "-shm"))]


@pytest.mark.parametrize("damage", [b"\0" * 100, b"SQLite format 3\0" + b"\xff" * 5000], ids=["zeros", "garbage"])
async def test_a_damaged_file_is_moved_aside_and_a_new_one_begins(
    tmp_path: Path, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "h.db"
    file.write_bytes(damage)
    async with history(file) as store:
        store.put(recorded(1))
        assert await numbers(store) == [1]
    (aside,) = moved_aside(tmp_path)
    assert aside.read_bytes() == damage
    assert "a new one begins" in caplog.text


async def test_damage_that_shows_later_is_no_end_either(tmp_path: Path) -> None:
    file = tmp_path / "h.db"
    async with history(file) as store:
        for number in range(1, 400):
            store.put(recorded(number))
        assert len(await numbers(store)) == 399
    whole = bytearray(file.read_bytes())
    whole[4096:] = b"\x5a" * (len(whole) - 4096)  # everything but the first page
    file.write_bytes(whole)
    async with history(file) as store:
        store.put(recorded(1000))
        await until(lambda: store.books.stored)
        assert await numbers(store) == [1000]
    assert len(moved_aside(tmp_path)) == 1


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size`."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_a_full_disk_delays_nobody_and_loses_nothing_once_there_is_space(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    longest = 0.0
    async with history(tmp_path / "h.db") as store:
        store.put(recorded(1))
        assert await numbers(store) == [1]
        with full_disk(150_000):
            for number in range(2, 2000):
                began = time.perf_counter()
                store.put(recorded(number))
                longest = max(longest, time.perf_counter() - began)
                if number % 100 == 0:
                    await asyncio.sleep(0.01)
            await until(lambda: store.books.fault)
            assert store.books.waiting
            assert "results cannot be written" in caplog.text
        await until(lambda: not store.books.waiting)
        assert await numbers(store) == list(range(1, 2000))
        assert store.books.lost == 0
        assert "results are written again; 0 were lost" in caplog.text
    assert longest < LONGEST_PUT_S


async def test_what_finds_no_place_is_counted_and_the_gateway_still_ends_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(history_writer, "QUEUED", 10)
    file = tmp_path / "h.db"
    file.mkdir()
    async with history(file) as store:
        await until(lambda: store.books.fault)
        for number in range(1, 16):
            store.put(recorded(number))
        assert (store.books.waiting, store.books.lost) == (10, 5)
        began = time.monotonic()
    assert time.monotonic() - began < 5  # 1 s on an idle machine
    assert "10 results could not be written and are lost" in caplog.text


async def test_another_program_that_holds_the_file_only_delays_the_writing(tmp_path: Path) -> None:
    file = tmp_path / "h.db"
    async with history(file) as store:
        store.put(recorded(1))
        assert await numbers(store) == [1]
        other = sqlite3.connect(file, isolation_level=None)
        try:
            other.execute("BEGIN IMMEDIATE")
            store.put(recorded(2))
            await until(lambda: "locked" in store.books.fault)
            assert await numbers(store) == [1]  # reading goes on
            other.execute("ROLLBACK")
        finally:
            other.close()
        await until(lambda: not store.books.waiting)
        assert await numbers(store) == [1, 2]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_is_read_only(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o500)
    async with history(folder / "h.db") as store:
        store.put(recorded(1))
        await until(lambda: store.books.fault)
        folder.chmod(0o700)
        await until(lambda: not store.books.waiting)
        assert await numbers(store) == [1]


async def test_a_folder_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    async with history(tmp_path / "data" / "h.db") as store:
        await until(lambda: store.books.fault)
        (tmp_path / "data").unlink()
        store.put(recorded(1))
        await until(lambda: not store.books.waiting)
        assert await numbers(store) == [1]


async def test_two_gateways_may_share_a_file(tmp_path: Path) -> None:
    async with history(tmp_path / "h.db") as one, history(tmp_path / "h.db") as other:
        for number in range(1, 101):
            (one if number % 2 else other).put(recorded(number))
        await until(lambda: not one.books.waiting and not other.books.waiting)
        await until(lambda: one.books.stored + other.books.stored == 100)
        assert sorted(await numbers(one)) == sorted(await numbers(other)) == list(range(1, 101))


async def test_nothing_stays_open_at_the_end(tmp_path: Path) -> None:
    file = tmp_path / "h.db"
    async with history(file) as store:
        store.put(recorded(1))
        assert await numbers(store) == [1]
        assert _open_below(tmp_path)
    assert not _open_below(tmp_path)
    assert os.listdir(tmp_path) == ["h.db"]  # the WAL went into the file


def _open_below(folder: Path) -> list[str]:
    found: list[str] = []
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found.append(os.readlink(entry))
        except FileNotFoundError:  # the descriptor of this very listing
            continue
    return [one for one in found if one.startswith(str(folder))]

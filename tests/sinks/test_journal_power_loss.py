"""Killed at every write, torn at every place: the file opens clean, and no result is missing that was told as kept.

A power loss leaves what was written before the last wait for the disk, and anything of what came after it. Here the
files themselves are cut, torn and mixed as a disk may leave them; that a durable commit waits for the disk is a test
of its own (test_history_safe.py).
"""

import multiprocessing
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.resume import Memory
from gateway.ports import ResultQuery
from gateway.sinks.history_database import Database
from gateway.sinks.history_names import Names
from gateway.sinks.history_notes import note_of
from gateway.sinks.history_table import row_of
from tests.sinks.crashing_at import keep_until_killed
from tests.sinks.results import recorded, registrar

FRAME = 4096 + 24
WAL_HEADER = 32
COMMITS = 25
NAMES = Names(lambda station, number: f"{station}-{number}", registrar().clock.unix_us)
WAIT_S = 60.0


def numbers(file: Path) -> list[int]:
    """The inspections that the gateway finds, in a whole database; the station's row agrees with them."""
    database = Database.made(file)
    try:
        found = [one.result.inspection_id for one in database.read(ResultQuery(limit=10_000))]
        noted = database.station("s1")
    finally:
        database.close()
    plain = sqlite3.connect(file)
    try:
        assert plain.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        plain.close()
    assert not list(file.parent.glob("*.damaged*"))
    if noted is not None and found:
        assert noted.memory.next_id <= found[-1] + 1, "what is noted goes beyond what is kept"
    return found


@pytest.fixture(params=["short log", "log that was made long before"])
def written(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Path, list[int]]]:
    """A database whose results are all in its WAL, and how far that went after each commit."""
    file = tmp_path / "whole" / "h.db"
    database = Database.made(file)
    if request.param != "short log":
        database.hasten()
    with database._using() as connection:
        connection.exec_driver_sql("PRAGMA wal_autocheckpoint = 0")
        connection.rollback()
    for number in range(1, COMMITS + 1):
        row = row_of(registrar().stored(recorded(number)))
        database.write([row], notes=[note_of("s1", Memory(next_id=number + 1), NAMES)], durable=True)
    ends = commits(_wal(file).read_bytes())
    assert len(ends) >= COMMITS
    yield file, ends[-COMMITS:]
    database.close()


def commits(wal: bytes) -> list[int]:
    """Where each commit ends: its last frame says how long the database is then. What was not says nothing."""
    ends = range(WAL_HEADER + FRAME, len(wal) + 1, FRAME)
    return [end for end in ends if int.from_bytes(wal[end - FRAME + 4 : end - FRAME + 8], "big")]


def _wal(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")


def left_by_a_power_loss(source: Path, home: Path, wal: bytes, main: bytes | None = None) -> Path:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    file = home / "h.db"
    file.write_bytes(source.read_bytes() if main is None else main)
    _wal(file).write_bytes(wal)
    return file


def cuts(size: int, sizes: list[int]) -> list[int]:
    """Each frame's border and the bytes around it, and other places."""
    borders = [WAL_HEADER + FRAME * number for number in range(size // FRAME + 1)]
    borders = [border for border in borders if border <= sizes[-1] + 3 * FRAME]  # beyond is nothing
    places = {border + by for border in borders for by in (-1, 0, 1, 24)} | set(range(1, sizes[-1], 4001)) | set(sizes)
    chosen = sorted(place for place in places if 0 < place <= size)
    return chosen if len(chosen) < 150 else random.Random(3).sample(chosen, 150)


@pytest.mark.parametrize("rest", ["gone", "zeros", "garbage"])
def test_a_log_that_is_torn_anywhere_has_all_that_was_committed_before(
    written: tuple[Path, list[int]], tmp_path: Path, rest: str
) -> None:
    file, sizes = written
    whole, chance = _wal(file).read_bytes(), random.Random(5)
    for cut in cuts(len(whole), sizes):
        tail = b"" if rest == "gone" else bytes(len(whole) - cut)
        if rest == "garbage":
            tail = chance.randbytes(len(whole) - cut)
        left = left_by_a_power_loss(file, tmp_path / "left", whole[:cut] + tail)
        committed = sum(size <= cut for size in sizes)
        assert numbers(left) == list(range(1, committed + 1)), f"cut at {cut}"


def test_a_checkpoint_that_is_torn_loses_nothing(written: tuple[Path, list[int]], tmp_path: Path) -> None:
    """The log is on the disk before any page of the database is written; which of these arrive is chance."""
    file, _ = written
    wal, before = _wal(file).read_bytes(), file.read_bytes()
    copy = left_by_a_power_loss(file, tmp_path / "moved", wal)
    other = sqlite3.connect(copy)
    other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    other.close()
    after, chance = copy.read_bytes(), random.Random(7)
    assert len(after) > len(before)
    for _ in range(60):
        pages = [chance.choice((before, after))[at : at + 4096] for at in range(0, len(after), 4096)]
        main = b"".join(page if page else bytes(4096) for page in pages)
        left = left_by_a_power_loss(file, tmp_path / "left", wal, main[: chance.choice((len(before), len(after)))])
        assert numbers(left) == list(range(1, COMMITS + 1))


def test_killed_at_every_step_of_the_database_nothing_that_was_told_is_missing(tmp_path: Path) -> None:
    file, first, kills = tmp_path / "h.db", 1, 0
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.sinks.crashing_at", "gateway.sinks.history_database"])
    for at in [*range(1, 60, 2), *range(60, 900, 29)]:
        told, child_end = context.Pipe(duplex=False)
        child = context.Process(target=keep_until_killed, args=(file, first, at, child_end))
        child.start()
        child_end.close()
        heard: list[int] = []
        try:
            while told.poll(WAIT_S):
                heard.append(told.recv())
        except EOFError:
            kills += 1
        child.join(WAIT_S)
        assert child.exitcode == -9
        found = numbers(file)
        assert len(found) == len(set(found)), "a result is there twice"
        assert found == list(range(found[0], found[0] + len(found))) if found else True
        assert not heard or heard[-1] <= found[-1], f"killed at {at}: {heard[-1]} was told as kept and is gone"
        assert heard == list(range(first, first + len(heard)))
        first = found[-1] + 1 if found else 1
        told.close()
    assert kills > 50
    assert first > 100, "hardly anything was written between the kills"

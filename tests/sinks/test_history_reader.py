"""The history's file as somebody else reads it: nothing is made or changed, and a gateway may come and go meanwhile."""

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.core.errors import SinkError
from gateway.core.result import Verdict
from gateway.ports import ResultQuery, StoredResult
from gateway.sinks.history_database import Database
from gateway.sinks.history_pages import PAGE
from gateway.sinks.history_reader import HistoryReader
from gateway.sinks.history_table import result_of, row_of
from tests.sinks.results import recorded, registrar

NEWEST = ResultQuery(newest_first=True)


def add(database: Database, first: int, count: int) -> None:
    made = registrar()
    database.insert([row_of(made.stored(recorded(number))) for number in range(first, first + count)])


def closed(file: Path, count: int) -> Path:
    database = Database.made(file)
    add(database, 1, count)
    database.close()
    return file


def numbers(pages: list[list[StoredResult]]) -> list[int]:
    return [one.result.inspection_id for page in pages for one in page]


def everything(reader: HistoryReader, query: ResultQuery | None = None) -> list[int]:
    return numbers(list(reader.pages(query or ResultQuery())))


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.mark.parametrize("count", [0, 1, 999, 1000, 1001, 2500])
def test_pages_are_complete_in_order_and_bounded(count: int, tmp_path: Path) -> None:
    with HistoryReader(closed(tmp_path / "h.db", count) if count else made_empty(tmp_path / "h.db")) as reader:
        pages = list(reader.pages(ResultQuery()))
        assert numbers(pages) == list(range(1, count + 1))
        assert all(0 < len(page) <= PAGE for page in pages)
        assert reader.count(ResultQuery()) == count
        assert reader.count(ResultQuery(verdicts=frozenset({Verdict.OK}))) == 0
        for most in (1, 1000, 1700):
            newest = list(range(count, 0, -1))[:most]
            assert numbers(list(reader.pages(NEWEST, most))) == newest


def made_empty(file: Path) -> Path:
    Database.made(file).close()
    return file


def test_reading_leaves_everything_as_it_was(tmp_path: Path) -> None:
    file = closed(tmp_path / "h.db", 100)
    before = contents(tmp_path)
    with HistoryReader(file) as reader:
        assert len(everything(reader)) == 100
        assert contents(tmp_path) == before
    assert contents(tmp_path) == before


def test_what_a_killed_gateway_left_is_read_and_left(tmp_path: Path) -> None:
    database = Database.made(tmp_path / "h.db")
    add(database, 1, 100)
    killed = tmp_path / "killed"
    killed.mkdir()
    for part in ("", "-wal"):
        shutil.copy(tmp_path / f"h.db{part}", killed / f"h.db{part}")
    database.close()
    before = contents(killed)
    with HistoryReader(killed / "h.db") as reader:
        assert everything(reader) == list(range(1, 101))
    after = contents(killed)
    assert {name: after[name] for name in before} == before
    again = Database.made(killed / "h.db")  # and the gateway opens it as if nobody had looked
    add(again, 101, 1)
    again.close()
    with HistoryReader(killed / "h.db") as reader:
        assert len(everything(reader)) == 101


def test_a_gateway_writes_while_it_is_read(tmp_path: Path) -> None:
    database = Database.made(tmp_path / "h.db")
    add(database, 1, 1500)
    with HistoryReader(tmp_path / "h.db") as reader:
        pages = reader.pages(ResultQuery())
        first = next(pages)
        add(database, 1501, 700)
        with sqlite3.connect(tmp_path / "h.db") as tidying:  # nothing that is open keeps the log from being emptied
            assert tidying.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        tidying.close()
        assert numbers([first, *pages]) == list(range(1, 2201))
        database.close()
        assert len(everything(reader)) == 2200
        again = Database.made(tmp_path / "h.db")
        add(again, 2201, 1)
        assert everything(reader)[-1] == 2201
        again.close()


def test_a_gateway_comes_and_goes_while_it_is_read(tmp_path: Path) -> None:
    with HistoryReader(closed(tmp_path / "h.db", 1500)) as reader:
        pages = reader.pages(ResultQuery())
        first = next(pages)
        database = Database.made(tmp_path / "h.db")
        add(database, 1501, 700)
        assert numbers([first, *pages]) == list(range(1, 2201))
        database.close()
    with HistoryReader(tmp_path / "h.db") as reader:
        pages = reader.pages(ResultQuery())
        first = next(pages)
        database = Database.made(tmp_path / "h.db")
        database.drop(before=None, keep=1000)
        add(database, 2201, 1)
        database.close()
        assert numbers([first, *pages]) == list(range(1, 2202))


def test_a_page_that_a_gateway_came_into_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read without SQLite's locks, while somebody began to write, is thrown away."""
    file = closed(tmp_path / "h.db", 10)
    opened: list[Database] = []

    def in_the_middle(row: object) -> StoredResult:
        if not opened:
            opened.append(Database.made(file))
            add(opened[0], 11, 1)
            raise ValueError("half a page")
        return result_of(row)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr("gateway.sinks.history_pages.result_of", in_the_middle)
    with HistoryReader(file) as reader:
        assert everything(reader) == list(range(1, 12))
    opened[0].close()


def _text(file: Path) -> None:
    file.write_text("result_seq,trigger_seq\n1,1\n", encoding="utf-8")


def _no_beginning(file: Path) -> None:
    closed(file, 10)
    file.write_bytes(b"\0" * 100 + file.read_bytes()[100:])


def _middle_gone(file: Path) -> None:
    content = bytearray(closed(file, 2000).read_bytes())
    content[4096 : len(content) - 4096] = b"\xaa" * (len(content) - 8192)
    file.write_bytes(content)


def _sql(*statements: str, count: int = 10) -> Callable[[Path], None]:
    def act(file: Path) -> None:
        if count:
            closed(file, count)
        database = sqlite3.connect(file)
        with database:
            for statement in statements:
                database.execute(statement)
        database.close()

    return act


FAULTS: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "missing": (lambda _: None, "there is no history", "--data"),
    "a folder": (Path.mkdir, "directory", "user who may read"),
    "empty": (Path.touch, "is empty", "start its gateway"),
    "no database": (_text, "is no SQLite database", "another file"),
    "of another program": (_sql("CREATE TABLE t (x)", count=0), "of another program", "history.db"),
    "newer": (_sql("PRAGMA user_version = 99"), "newer gateway (version 99", "that gateway"),
    "without beginning": (_no_beginning, "lost its beginning", ""),
    "without middle": (_middle_gone, "is damaged", "keep a copy"),
    "a row without sense": (_sql("UPDATE results SET verdict = 77"), "makes no sense", "keep a copy"),
    "a row of half": (_sql("UPDATE results SET detections = '[[1,2'"), "makes no sense", "keep a copy"),
}


@pytest.mark.parametrize("name", list(FAULTS))
def test_what_is_wrong_is_said_and_nothing_is_touched(name: str, tmp_path: Path) -> None:
    make, said, hint = FAULTS[name]
    file = tmp_path / "h.db"
    make(file)
    before = contents(tmp_path) if file.is_file() else {}
    with pytest.raises(SinkError) as told, HistoryReader(file) as reader:
        everything(reader)
    assert said in str(told.value)
    assert hint in told.value.hint
    assert str(file) in str(told.value)
    assert (contents(tmp_path) if file.is_file() else {}) == before
    assert file.exists() == (name != "missing")


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="there is no history"), HistoryReader(tmp_path / "away" / "h.db"):
        pass
    assert not (tmp_path / "away").exists()

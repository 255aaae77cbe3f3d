"""Continuous runs on the sources' own terms: a drop's doubtful files, a playlist's end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.core.errors import SourceError
from gateway.ports import Fate
from gateway.sources import file_drop
from gateway.sources.file_drop import FileDrop, FileDropSettings
from gateway.sources.playlist import PlaylistSettings
from gateway.sources.shelf import Shelf
from tests.sources.pictures import OK, Run, drop, files, png, until


@asynccontextmanager
async def dropping(tmp_path: Path, **settings: Any) -> AsyncIterator[tuple[FileDrop, Path]]:
    folder = tmp_path / "drop"
    folder.mkdir()
    async with FileDropSettings(folder=folder, **settings).create("line") as source:
        yield source, folder


async def take(run: Run) -> str:
    picture = await run.next()
    await run.source.settle(picture, Fate.JUDGED, OK)
    return picture.name


async def test_a_file_that_is_closed_a_second_time_is_no_second_picture(tmp_path: Path) -> None:
    """A virus scanner, or a writer that only opens it again: in a run that must not become a trigger without image."""
    async with dropping(tmp_path, afterwards="keep", watch="inotify") as (source, folder):
        run = Run(source)
        drop(folder, "a.png", png(1))
        assert await take(run) == "a.png"
        (folder / "a.png").open("ab").close()
        assert await run.none()
        drop(folder, "b.png", png(2))
        assert await take(run) == "b.png"


async def test_a_file_that_is_gone_before_it_was_read_is_none(tmp_path: Path) -> None:
    async with dropping(tmp_path) as (source, folder):
        run = Run(source)
        source.on_arrival("ghost.png")
        assert await run.none()
        drop(folder, "real.png", png(2))
        assert await take(run) == "real.png"


async def test_a_picture_waits_for_its_turn_however_long_that_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than any window: in a plain handshake it would be stale and moved away."""
    monkeypatch.setattr(file_drop, "RETAIN_US", 20_000)
    async with dropping(tmp_path, window_ms=0, stale="move", scan_ms=50) as (source, folder):
        run = Run(source)
        for mark in range(3):
            drop(folder, f"{mark}.png", png(mark))
        await until(lambda: len(source._shelf) >= 2, "all have come, one is read ahead")
        await asyncio.sleep(0.3)
        assert [await take(run) for _ in range(3)] == ["0.png", "1.png", "2.png"]


async def test_what_a_run_has_left_over_is_stale_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_drop, "RETAIN_US", 20_000)
    async with dropping(tmp_path, window_ms=0, stale="move", scan_ms=50) as (source, folder):
        run = Run(source)
        for mark in range(3):
            drop(folder, f"{mark}.png", png(mark))
        assert await take(run) == "0.png"
        source.collect(None)
        await until(lambda: "2.png" in files(folder / "stale"), "what was on the shelf is moved")


async def test_with_part_ids_the_names_of_a_runs_files_do_not_matter(tmp_path: Path) -> None:
    async with dropping(tmp_path, pick="part_id") as (source, folder):
        run = Run(source)
        drop(folder, "whatever.png", png(1))
        assert await take(run) == "whatever.png"


async def test_another_run_begins_with_nothing(tmp_path: Path) -> None:
    async with dropping(tmp_path) as (source, folder):
        first = Run(source)
        for mark in range(3):
            drop(folder, f"{mark}.png", png(mark))
        assert await take(first) == "0.png"
        await until(lambda: len(source._shelf) >= 1, "one is read ahead, one waits")
        source.collect(None)
        second = Run(source)
        assert await second.none()
        drop(folder, "new.png", png(9))
        assert await take(second) == "new.png"


async def test_pictures_that_have_no_room_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("gateway.sources.shelf.SHELF_LIMIT", 1)
    async with dropping(tmp_path) as (source, folder):
        Run(source)
        for mark in range(4):
            drop(folder, f"{mark}.png", png(mark))
        await until(lambda: "will not be judged" in caplog.text, "it is told")
    assert isinstance(source._shelf, Shelf)


async def test_waiting_without_a_run_is_an_error(tmp_path: Path) -> None:
    async with dropping(tmp_path) as (source, _):
        with pytest.raises(SourceError):
            await source.arrival()
        with pytest.raises(SourceError):
            await Run(source).order()


# ---- playlist ---------------------------------------------------------------------------------------------------


async def test_a_playlist_that_is_over_has_no_next_picture(tmp_path: Path) -> None:
    """And no order after order that fails."""
    for mark in range(2):
        (tmp_path / f"{mark}.png").write_bytes(png(mark))
    async with PlaylistSettings(folder=tmp_path, loop=False).create("line") as source:
        run = Run(source)
        assert [await take(run) for _ in range(2)] == ["0.png", "1.png"]
        assert await run.none(0.05)


async def test_a_playlist_loops_and_passes_over_files_that_are_gone(tmp_path: Path) -> None:
    for mark in range(3):
        (tmp_path / f"{mark}.png").write_bytes(png(mark))
    async with PlaylistSettings(folder=tmp_path).create("line") as source:
        run = Run(source)
        assert await take(run) == "0.png"
        (tmp_path / "1.png").unlink()
        assert [await take(run) for _ in range(3)] == ["2.png", "0.png", "2.png"]

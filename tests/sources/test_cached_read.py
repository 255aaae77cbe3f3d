"""Reading what is in memory anyway gives what the thread would give, and refuses whatever might be waited for."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from gateway.core.result import Reason
from gateway.images.limits import DEFAULT_LIMITS, ImageLimits
from gateway.ports import Fate
from gateway.sources.cached_read import CACHED_BYTES, read_cached
from gateway.sources.drop_settings import FileDropSettings
from gateway.sources.look import Contents, read
from tests.images.samples import BAD, WHOLE
from tests.sources.pictures import OK, drop, order, png

FILES = {**{name: data for name, (data, _) in BAD.items() if data}, **{name: data for name, (_, data) in WHOLE.items()}}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A picture in the cache of a file system that can tell so."""
    file = tmp_path / "part.png"
    file.write_bytes(png())
    if read_cached(file, DEFAULT_LIMITS) is None:
        pytest.skip("not Linux, or a file system that cannot tell what is in memory")
    return file


@pytest.mark.parametrize("name", FILES)
def test_it_gives_what_the_thread_gives(file: Path, name: str) -> None:
    file.write_bytes(FILES[name])
    by_thread = read(file, DEFAULT_LIMITS, shared=False)
    at_once = read_cached(file, DEFAULT_LIMITS)
    assert isinstance(by_thread, Contents)
    assert isinstance(at_once, Contents)
    assert (at_once.key, at_once.fault, bytes(at_once.data)) == (by_thread.key, by_thread.fault, by_thread.data)


def test_what_it_gives_cannot_be_written_to(file: Path) -> None:
    contents = read_cached(file, DEFAULT_LIMITS)
    assert contents is not None
    assert isinstance(contents.data, memoryview)
    assert contents.data.readonly


def test_a_file_that_lies_on_the_disk_only_is_left_to_the_thread(file: Path) -> None:
    assert sys.platform == "linux"
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)
    assert read_cached(file, DEFAULT_LIMITS) is None
    assert read(file, DEFAULT_LIMITS, shared=False) is not None
    assert read_cached(file, DEFAULT_LIMITS) is not None


def test_large_files_and_empty_ones_are_left_to_the_thread(file: Path) -> None:
    picture = png(0, CACHED_BYTES - len(png(0)))
    file.write_bytes(picture)
    contents = read_cached(file, DEFAULT_LIMITS)
    assert contents is not None
    assert bytes(contents.data) == picture
    file.write_bytes(png(0, CACHED_BYTES - len(png(0)) + 1))
    assert read_cached(file, DEFAULT_LIMITS) is None
    file.write_bytes(b"")
    assert read_cached(file, DEFAULT_LIMITS) is None


def test_a_file_over_the_limit_is_left_to_the_thread_which_refuses_it_unread(file: Path) -> None:
    limits = ImageLimits(max_bytes=file.stat().st_size - 1)
    assert read_cached(file, limits) is None
    contents = read(file, limits, shared=False)
    assert contents is not None
    assert contents.fault is not None
    assert contents.fault.reason is Reason.IMAGE_TOO_LARGE


def test_whatever_is_no_file_is_left_to_the_thread_without_waiting(tmp_path: Path) -> None:
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    for name in ("folder.png", "pipe.png", "zero.png", "missing.png"):
        assert read_cached(tmp_path / name, DEFAULT_LIMITS) is None


@pytest.mark.parametrize("shared", [False, True])
async def test_files_of_a_network_share_are_never_read_on_the_event_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    """An open may hang there already."""
    (tmp_path / "drop").mkdir()
    asked: list[Path] = []
    monkeypatch.setattr("gateway.sources.drop_watch.is_shared", lambda folder: shared)
    monkeypatch.setattr("gateway.sources.drop_reader.read_cached", lambda path, limits: asked.append(path))
    settings = FileDropSettings.model_validate({"folder": str(tmp_path / "drop")})
    async with settings.create("line") as source:
        taking = asyncio.create_task(source.acquire(order()))
        await asyncio.sleep(0)
        drop(tmp_path / "drop", "part.png", png(3))
        picture = await taking
        assert bytes(picture.data) == png(3)
        await source.settle(picture, Fate.JUDGED, OK)
    assert bool(asked) is not shared


def test_no_descriptor_stays_open(file: Path) -> None:
    before = os.listdir("/proc/self/fd")
    for _ in range(20):
        read_cached(file, DEFAULT_LIMITS)
        read_cached(file.parent, DEFAULT_LIMITS)
    assert os.listdir("/proc/self/fd") == before


def test_a_file_that_changes_while_it_is_read_is_left_to_the_thread(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fstat, asked = os.fstat, []

    def append_before_the_second(descriptor: int) -> os.stat_result:
        asked.append(descriptor)
        if len(asked) == 2:
            with file.open("ab") as more:
                more.write(b"more")
        return fstat(descriptor)

    monkeypatch.setattr("gateway.sources.cached_read.os.fstat", append_before_the_second)
    assert read_cached(file, DEFAULT_LIMITS) is None

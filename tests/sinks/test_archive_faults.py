"""What disks do to the archive: a clear fault, no delay, images waited for as long as there is room, then counted."""

import asyncio
import logging
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.sinks import archive_writer
from gateway.sinks.archive import Archive
from gateway.sinks.archive_names import own_stem, partial, stem_of
from gateway.sinks.archive_writer import Limits, Room
from tests.sinks.archived import PNG, archive, files, half_written, ids, images, inspected, sides, until
from tests.sinks.results import recorded, registrar

MB = 1_000_000


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_writer, "RETRY_S", 0.05)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "pekat-archive-test", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("this system has no mount")
    if mounted.returncode:
        pytest.skip(f"no right to mount a small file system: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def hang(folder: Path, number: int, ending: str = ".png") -> Path:
    """The disk hangs at this image: opening a pipe for writing waits until somebody reads it. No start removes it."""
    stored = registrar().stored(recorded(number))
    hour = folder / "2026-03-01" / "12"
    hour.mkdir(parents=True)
    pipe = hour / partial(stem_of(stored) + ending)
    os.mkfifo(pipe)
    return pipe


def read(pipe: Path) -> None:
    """The disk goes on."""
    with pipe.open("rb") as reader:
        reader.read()


async def begun(store: Archive) -> list[str]:
    """The faults, as they are told."""
    faults: list[str] = []
    store.on_fault(faults.append)
    await asyncio.sleep(0)
    return faults


async def test_a_disk_that_hangs_delays_nobody_and_what_has_no_room_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "archive"
    pipe = hang(folder, 1)
    async with archive(folder, room=Room(images=3, bytes=10**9)) as store:
        faults, lost = await begun(store), list[tuple[str, int]]()
        store.on_loss(lambda station, count: lost.append((station, count)))
        began = asyncio.get_running_loop().time()
        for number in range(1, 11):
            inspected(store, number)
        assert asyncio.get_running_loop().time() - began < 0.05
        await until(lambda: faults)
        assert (store.books.waiting, store.books.lost, store.books.kept) == (3, 7, 0)
        assert faults == ["images come faster than they can be written"]
        assert lost == [("s1", 7)]
        await asyncio.to_thread(read, pipe)
        await until(lambda: len(faults) == 2)
        assert (store.books.kept, store.books.lost, faults[1]) == (3, 7, "")
    assert ids(one for one in images(folder) if not one.endswith("_1.png")) == [2, 3]
    assert "3 images wait to be written, no more have room: they are lost" in caplog.text
    assert "images are written again; 7 were lost" in caplog.text


async def test_no_image_is_visible_before_all_of_it_is_written(tmp_path: Path) -> None:
    """The disk hangs at the side file: the image is there by then, but under no name that anybody looks for."""
    pipe = hang(tmp_path, 1, ".json")
    async with archive(tmp_path) as store:
        inspected(store, 1)
        await until(lambda: len(half_written(tmp_path)) == 2)
        assert {Path(name).suffix for name in files(tmp_path)} == {".part"}
        await asyncio.to_thread(read, pipe)
        await until(lambda: store.books.kept == 1)


async def test_the_queue_is_bounded_in_bytes_too(tmp_path: Path) -> None:
    pipe = hang(tmp_path, 1)
    async with archive(tmp_path, room=Room(images=1000, bytes=250)) as store:
        for number in range(1, 5):
            inspected(store, number)
        assert (store.books.waiting, store.books.lost) == (2, 2)
        await asyncio.to_thread(read, pipe)
        await until(lambda: store.books.waiting == 0)


async def test_a_gateway_that_stops_does_not_wait_for_a_disk_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.sinks.archive.STOP_S", 0.1)
    pipe = hang(tmp_path, 1)
    store = archive(tmp_path)
    async with store:
        inspected(store, 1)
        await asyncio.sleep(0.1)
        began = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - began < 2.0
    await asyncio.to_thread(read, pipe)


async def test_a_full_disk_is_told_waited_for_and_left(small_disk: Path) -> None:
    """Another program fills it, and leaves it again: what found room in the queue is kept."""
    other = small_disk / "other"
    folder = small_disk / "archive"
    async with archive(folder, room=Room(images=4, bytes=10**9)) as store:
        faults = await begun(store)
        inspected(store, 1, PNG * 1000)
        await until(lambda: store.books.kept == 1)
        fill(other)
        for number in range(2, 9):
            inspected(store, number, PNG * 1000)
        await until(lambda: faults and "No space left on device" in store.books.fault)
        assert (store.books.waiting, store.books.lost) == (4, 3)
        assert not half_written(folder)
        other.unlink()
        await until(lambda: len(faults) == 2)
        assert (store.books.kept, faults[1]) == (5, "")
    assert ids(images(folder)) == [1, 2, 3, 4, 5]
    assert all((folder / one).stat().st_size == 100_000 for one in images(folder))
    assert len(sides(folder)) == 5


def fill(file: Path) -> None:
    """To the last byte."""
    with file.open("wb", buffering=0) as out:
        for size in (100_000, 4096, 1):
            try:
                while True:
                    out.write(b"x" * size)
            except OSError:
                continue


async def test_on_a_small_disk_the_oldest_make_room_and_some_stays_free(small_disk: Path) -> None:
    async with archive(small_disk / "archive", limits=Limits(free_bytes=MB)) as store:
        for number in range(1, 51):
            inspected(store, number, PNG * 1000)
        await until(lambda: store.books.kept == 50)
        assert not store.books.fault
    kept = ids(images(small_disk / "archive"))
    assert kept == [*range(51 - len(kept), 51)]
    assert 5 <= len(kept) <= 11
    assert os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize >= MB


async def test_a_folder_that_cannot_be_made_is_a_fault_until_it_can(tmp_path: Path) -> None:
    """A file in its place; who has no rights gets the same, but tests may be root."""
    folder = tmp_path / "archive"
    folder.write_text("no folder")
    async with archive(folder) as store:
        faults = await begun(store)
        inspected(store, 1)
        await until(lambda: faults)
        assert str(folder) in faults[0]
        folder.unlink()
        await until(lambda: store.books.kept == 1 and len(faults) == 2)
        assert faults[1] == ""
    assert ids(images(folder)) == [1]


async def test_a_read_only_file_system_is_a_fault_until_it_is_writable(small_disk: Path) -> None:
    folder = small_disk / "archive"
    async with archive(folder) as store:
        faults = await begun(store)
        inspected(store, 1)
        await until(lambda: store.books.kept == 1)
        remount(small_disk, "ro")
        inspected(store, 2)
        await until(lambda: faults)
        assert "Read-only file system" in faults[0]
        remount(small_disk, "rw")
        await until(lambda: store.books.kept == 2 and len(faults) == 2)
    assert ids(images(folder)) == [1, 2]


def remount(folder: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


async def test_the_fault_of_before_is_told_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.write_text("no folder")
    async with archive(folder) as store:
        await until(lambda: store._shown)
        faults = await begun(store)
        assert len(faults) == 1


async def test_killed_in_the_middle_it_leaves_no_half_image(tmp_path: Path) -> None:
    """Five times, at any moment. Whatever has an image's name is whole; where a side file is, all of it is."""
    numbers = random.Random(7)
    told = 0
    for _ in range(5):
        told = await asyncio.to_thread(killed_while_archiving, tmp_path, told + 1, numbers.randrange(1, 40))
        for name in images(tmp_path):
            if own_stem(Path(name).name):
                assert (tmp_path / name).stat().st_size == 300_000, name
    async with archive(tmp_path) as store:
        inspected(store, told + 100)
        await until(lambda: store.books.kept == 1)
    assert not half_written(tmp_path)
    there = {Path(name).name for name in images(tmp_path)}
    assert {one for side in sides(tmp_path) for one in side["images"]} <= there
    assert set(range(1, told + 1)) <= set(ids(images(tmp_path)))


def killed_while_archiving(folder: Path, first: int, lines: int) -> int:
    """The last inspection that was said to be kept."""
    command = [sys.executable, "-m", "tests.sinks.archiving", str(folder), str(first)]
    last = first - 1
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        for _ in range(lines):
            last = int(child.stdout.readline())
        child.kill()
        rest = [line for line in child.stdout.read().split("\n") if line.isdigit()]
    return int(rest[-1]) if rest else last


async def test_what_was_half_written_is_removed_at_the_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with archive(tmp_path) as store:
        inspected(store, 1)
        await until(lambda: store.books.kept == 1)
    whole = tmp_path / images(tmp_path)[0]
    half = whole.with_name(partial(whole.name.replace("_1.", "_2.")))
    empty = whole.with_name(whole.name.replace("_1.", "_3."))
    other = whole.with_name(".mine.part")
    for file in (half, empty, other):
        file.write_bytes(b"" if file == empty else b"half")
    with caplog.at_level(logging.INFO):
        async with archive(tmp_path) as store:
            inspected(store, 4)
            await until(lambda: store.books.kept == 1)
    assert (half.exists(), empty.exists(), other.exists(), whole.exists()) == (False, False, True, True)
    assert caplog.text.count("was not written to its end") == 2
    assert len(files(tmp_path)) == 5

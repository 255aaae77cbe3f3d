"""The file drop with real folders and real writers: only whole files, only fresh ones, each once, nothing lost."""

import asyncio
import os
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.core.errors import SourceError
from gateway.core.result import Judgement, Reason, Verdict, no_decision
from gateway.images.limits import ImageLimits
from gateway.ports import Fate, Picture
from gateway.sources.file_drop import FileDrop, FileDropSettings, _Waiter
from gateway.sources.look import Contents, read
from tests.sources.pictures import OK, bmp, drop, files, jpeg, order, png, until

WATCHES = ["inotify", "watchdog", "scan"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


@pytest.fixture(params=WATCHES)
def watch(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def entered(folder: Path, **settings: object) -> AsyncIterator[FileDrop]:
    values = {"folder": str(folder), "scan_ms": 100, **settings}
    async with FileDropSettings.model_validate(values).create("line") as source:
        yield source


async def start(source: FileDrop, number: int = 1, part_id: str = "", within_s: float = 5.0) -> asyncio.Task[Picture]:
    task = asyncio.create_task(source.acquire(order(number, part_id=part_id, within_s=within_s)))
    await asyncio.sleep(0)
    return task


def remake(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def everywhere(folder: Path) -> list[Path]:
    """All pictures in the drop and in the folders in it."""
    return list(folder.rglob("*.png"))


def not_in_memory(path: Path, limits: ImageLimits) -> Contents | None:
    """As the operating system answers for a file that it would have to fetch from the disk."""
    return None


async def reason_of(task: asyncio.Task[Picture]) -> Reason:
    with pytest.raises(SourceError) as caught:
        await task
    return caught.value.reason


async def no_image(source: FileDrop, part_id: str = "", within_s: float = 0.15) -> str:
    with pytest.raises(SourceError) as caught:
        await source.acquire(order(9, part_id=part_id, within_s=within_s))
    assert caught.value.reason is Reason.NO_IMAGE
    return f"{caught.value} {caught.value.hint}"


# ---- only whole files ----


async def test_a_slow_writer_is_never_read_early(folder: Path, watch: str) -> None:
    data = png(padding=900_000)
    begun: list[float] = []

    def write() -> None:
        piece = len(data) // 10
        with open(folder / "slow.png", "wb", buffering=0) as file:
            for start_at in range(0, len(data), piece):
                begun.append(time.monotonic())
                file.write(data[start_at : start_at + piece])
                time.sleep(0.02)

    async with entered(folder, watch=watch) as source:
        for _ in range(3):
            begun.clear()
            task = await start(source)
            writer = threading.Thread(target=write)
            writer.start()
            picture = await task
            late = time.monotonic()
            writer.join()
            assert bytes(picture.data) == data
            assert late > begun[-1], "not before the last piece"
            await source.settle(picture, Fate.JUDGED, OK)
            await until(lambda: files(folder) == set(), "the picture is cleared away")


async def test_pauses_of_a_writer_are_no_end(folder: Path) -> None:
    async with entered(folder, watch="inotify", scan_ms=50, give_up_ms=1100) as source:
        task = await start(source, within_s=8)
        file = os.open(folder / "a.png", os.O_WRONLY | os.O_CREAT)
        os.write(file, png()[:20])
        await asyncio.sleep(1.6)  # longer than give_up_ms, which is for folders where no event tells the end
        assert not task.done()
        os.write(file, png()[20:])
        os.close(file)
        assert bytes((await task).data) == png()


@pytest.mark.parametrize("data", [png(3), jpeg(), bmp()], ids=["png", "jpeg", "bmp"])
async def test_every_format_and_every_way_in(folder: Path, watch: str, data: bytes) -> None:
    original = folder.parent / "original"
    original.write_bytes(data)
    os.utime(original, (1_000_000_000, 1_000_000_000))
    ways = {
        "written": lambda path: path.write_bytes(data),
        "copied with its date": lambda path: shutil.copy2(original, path),
        "renamed in": lambda path: drop(folder, path.name, data),
        "linked": lambda path: os.link(original, path),
        "by another process": lambda path: subprocess.run(["cp", "-p", original, path], check=True),
    }
    async with entered(folder, watch=watch) as source:
        for number, (way, put) in enumerate(ways.items()):
            task = await start(source, number)
            await asyncio.to_thread(put, folder / f"{number}.png")
            picture = await task
            assert bytes(picture.data) == data, way
            await source.settle(picture, Fate.JUDGED, OK)
            await until(lambda name=f"{number}.png": name in files(folder / "done"), f"cleared away: {way}")  # type: ignore[misc]
        await no_image(source)  # dating a file back after it was closed does not make another of it


async def test_complete_rename_ignores_files_that_are_closed_twice(folder: Path) -> None:
    async with entered(folder, watch="inotify", complete="rename") as source:
        task = await start(source)
        (folder / "a.png").write_bytes(png()[:30])  # closed, and not whole
        await asyncio.sleep(0.1)
        assert not task.done()
        drop(folder, "a.png", png(5))
        assert bytes((await task).data) == png(5)


# ---- only fresh ones, each once ----


async def test_a_picture_before_the_window_is_never_used(folder: Path, watch: str) -> None:
    drop(folder, "old.png", png())
    async with entered(folder, watch=watch, window_ms=100) as source:
        drop(folder, "late.png", png())
        await asyncio.sleep(0.3)
        said = await no_image(source)
        assert "ms before the trigger, window_ms is 100" in said
        assert files(folder) == {"old.png", "late.png"}


async def test_a_picture_in_the_window_is_used_once(folder: Path, watch: str) -> None:
    async with entered(folder, watch=watch, window_ms=5000, afterwards="keep") as source:
        drop(folder, "early.png", png(1))
        await until(lambda: len(source._shelf) == 1, "seen")
        picture = await source.acquire(order())
        assert bytes(picture.data) == png(1)
        await source.settle(picture, Fate.JUDGED, OK)
        await no_image(source, within_s=0.4)  # several scans later too
        assert files(folder) == {"early.png"}


async def test_window_zero_takes_nothing_that_was_there(folder: Path) -> None:
    async with entered(folder, window_ms=0) as source:
        drop(folder, "early.png", png(1))
        await until(lambda: len(source._shelf) == 1, "seen")
        await no_image(source)


async def test_a_picture_that_was_there_at_the_start_counts_if_it_is_fresh(folder: Path) -> None:
    drop(folder, "a.png", png(4))
    async with entered(folder, window_ms=5000) as source:
        assert bytes((await source.acquire(order())).data) == png(4)


async def test_what_was_read_ahead_is_what_lies_there_now(folder: Path) -> None:
    async with entered(folder, watch="inotify", window_ms=5000) as source:
        for mark in (1, 2):
            drop(folder, "same.png", png(mark))
            await asyncio.sleep(0.05)
        assert bytes((await source.acquire(order())).data) == png(2)
        await no_image(source)


@pytest.mark.parametrize(("pick", "marks"), [("newest", [3, 2, 1]), ("oldest", [1, 2, 3])])
async def test_newest_and_oldest(folder: Path, pick: str, marks: list[int]) -> None:
    async with entered(folder, pick=pick, window_ms=5000) as source:
        for mark in (1, 2, 3):
            drop(folder, f"{mark}.png", png(mark))
            await asyncio.sleep(0.02)
        assert [bytes((await source.acquire(order(i))).data) for i in range(3)] == [png(mark) for mark in marks]


async def test_the_same_file_written_over_and_over(folder: Path, watch: str) -> None:
    """A camera that knows one name: each writing is a picture of its own, whatever is done with the file."""
    for afterwards in ("keep", "delete", "move"):
        async with entered(folder, watch=watch, afterwards=afterwards, window_ms=0) as source:
            for mark in range(4):
                task = await start(source, mark)
                await asyncio.sleep(0.03)
                drop(folder, "image.png", png(mark))
                picture = await task
                assert bytes(picture.data) == png(mark), afterwards
                await source.settle(picture, Fate.JUDGED, OK)
        (folder / "image.png").unlink(missing_ok=True)


async def test_a_newer_picture_of_the_same_name_is_not_cleared_away(folder: Path) -> None:
    async with entered(folder, afterwards="delete") as source:
        task = await start(source)
        drop(folder, "image.png", png(1))
        picture = await task
        drop(folder, "image.png", png(2, padding=5))
        await source.settle(picture, Fate.JUDGED, OK)
        await until(lambda: source.figures.replaced == 1, "it is noticed")
        assert (folder / "image.png").read_bytes() == png(2, padding=5)


async def test_triggers_are_served_in_their_order(folder: Path, watch: str) -> None:
    async with entered(folder, watch=watch) as source:
        tasks = [await start(source, number) for number in range(3)]
        for mark in range(3):
            drop(folder, f"{mark}.png", png(mark))
            await until(lambda mark=mark: sum(task.done() for task in tasks) == mark + 1, "one each")  # type: ignore[misc]
        assert [bytes((await task).data) for task in tasks] == [png(mark) for mark in range(3)]


# ---- by part id ----


async def test_each_part_gets_its_own_picture(folder: Path, watch: str) -> None:
    async with entered(folder, watch=watch, pick="part_id", window_ms=5000) as source:
        first, second = await start(source, 1, "A1"), await start(source, 2, "B2")
        drop(folder, "B2.png", png(2))
        drop(folder, "C3.png", png(3))
        drop(folder, "A1.png", png(1))
        assert bytes((await first).data) == png(1)
        assert bytes((await second).data) == png(2)
        assert "no image came for part 'D4'" in await no_image(source, "D4")
        assert "C3.png" in files(folder)


@pytest.mark.parametrize("part_id", ["../x", "..\\x", "/etc/x", "", "a/b"])
async def test_no_part_id_leads_out_of_the_folder(folder: Path, part_id: str) -> None:
    (folder.parent / "x.png").write_bytes(png())
    async with entered(folder, pick="part_id", window_ms=5000) as source:
        began = time.monotonic()
        assert "part id" in await no_image(source, part_id, within_s=5)
        assert time.monotonic() - began < 1, "it is refused at once"
    assert (folder.parent / "x.png").exists()


# ---- broken ones ----


@pytest.mark.parametrize(
    ("data", "reason", "why"),
    [
        (b"", Reason.EMPTY_IMAGE, "empty"),
        (png()[:-5], Reason.NOT_AN_IMAGE, "IEND"),
        (jpeg()[:-2], Reason.NOT_AN_IMAGE, "FF D9"),
        (bmp()[:-3], Reason.NOT_AN_IMAGE, "55 of 58"),
        (b"this is text", Reason.NOT_AN_IMAGE, "not a PNG"),
        (png(padding=1_100_000), Reason.IMAGE_TOO_LARGE, "max_file_mb"),
    ],
    ids=["empty", "short png", "short jpeg", "short bmp", "text", "large"],
)
async def test_a_broken_picture_goes_to_rejected_with_its_reason(
    folder: Path, data: bytes, reason: Reason, why: str
) -> None:
    async with entered(folder, max_file_mb=1) as source:
        task = await start(source, 42, "P-7")
        (folder / "bad.png").write_bytes(data)
        assert await reason_of(task) is reason
        side = folder / "rejected" / "bad.png.reason.txt"
        await until(lambda: side.exists() and side.read_text("utf-8") != "", "a reason file")
        assert (folder / "rejected" / "bad.png").read_bytes() == data
        text = side.read_text("utf-8")
        assert why in text
        assert f"reason: {reason.value} " in text
        assert "trigger: 42\n" in text
        assert "part id: P-7\n" in text
        assert files(folder) == set()


async def test_where_nobody_tells_the_end_a_file_that_rests_unfinished_is_broken(folder: Path) -> None:
    async with entered(folder, watch="scan", give_up_ms=1100) as source:
        task = await start(source, within_s=8)
        (folder / "bad.png").write_bytes(png()[:-5])
        assert await reason_of(task) is Reason.NOT_AN_IMAGE
        await until(lambda: files(folder / "rejected") == {"bad.png", "bad.png.reason.txt"}, "rejected")


async def test_pipes_and_folders_called_png_are_no_pictures(folder: Path) -> None:
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    async with entered(folder, watch="scan", window_ms=5000) as source:
        await no_image(source)
        drop(folder, "a.png", png())
        assert bytes((await source.acquire(order())).data) == png()
        await source.check()


# ---- afterwards ----


@pytest.mark.parametrize(
    ("settings", "fate", "judgement", "place"),
    [
        ({"afterwards": "delete"}, Fate.JUDGED, OK, None),
        ({"afterwards": "keep"}, Fate.JUDGED, OK, ""),
        ({"afterwards": "move"}, Fate.JUDGED, OK, "done"),
        ({"done_folder": "a/b", "by_verdict": True}, Fate.JUDGED, Judgement(Verdict.NOK), "a/b/nok"),
        ({}, Fate.REFUSED, no_decision(Reason.BAD_IMAGE, "PEKAT said 400"), "rejected"),
        ({"afterwards": "delete"}, Fate.UNUSED, no_decision(Reason.INSPECTOR_OFFLINE), "unjudged"),
        ({"afterwards": "keep"}, Fate.UNUSED, no_decision(Reason.CANCELLED), "unjudged"),
    ],
)
async def test_what_becomes_of_a_picture(
    folder: Path, settings: dict[str, object], fate: Fate, judgement: Judgement, place: str | None
) -> None:
    async with entered(folder, **settings) as source:
        task = await start(source)
        drop(folder, "a.png", png(1))
        await source.settle(await task, fate, judgement)
    assert set(everywhere(folder)) == (set() if place is None else {folder / place / "a.png"})
    reason = folder / (place or "") / "a.png.reason.txt"
    assert reason.exists() is (fate is not Fate.JUDGED)
    if fate is not Fate.JUDGED:
        assert judgement.detail in reason.read_text("utf-8")


async def test_names_that_are_taken_get_a_number(folder: Path) -> None:
    async with entered(folder) as source:
        for mark in range(3):
            task = await start(source, mark)
            drop(folder, "a.png", png(mark))
            await source.settle(await task, Fate.JUDGED, OK)
            await until(lambda: files(folder) == set(), "cleared away")
    assert {(folder / "done" / name).read_bytes() for name in ("a.png", "a-1.png", "a-2.png")} == {
        png(i) for i in range(3)
    }


async def test_a_folder_that_cannot_be_written_is_counted_and_the_file_stays(folder: Path) -> None:
    (folder / "done").write_text("a file where the folder should be")
    async with entered(folder, window_ms=5000) as source:
        task = await start(source)
        drop(folder, "a.png", png())
        await source.settle(await task, Fate.JUDGED, OK)
        await until(lambda: source.figures.failed == 1, "counted")
        assert "a.png" in files(folder)
        await no_image(source, within_s=0.4)


async def test_a_full_disk_leaves_the_file_and_no_half_copy(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def other_disk(*_: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async with entered(folder, window_ms=5000) as source:
        task = await start(source)
        drop(folder, "a.png", png())
        picture = await task
        monkeypatch.setattr("gateway.sources.aftercare.os.replace", other_disk)
        monkeypatch.setattr("gateway.sources.aftercare.shutil.copyfile", full)
        await source.settle(picture, Fate.JUDGED, OK)
        await until(lambda: source.figures.failed == 1, "counted")
        assert files(folder) == {"a.png"}
        assert files(folder / "done") == set()
        await no_image(source)


async def test_settling_twice_does_nothing_the_second_time(folder: Path) -> None:
    async with entered(folder) as source:
        task = await start(source)
        drop(folder, "a.png", png())
        picture = await task
        await source.settle(picture, Fate.JUDGED, OK)
        await source.settle(picture, Fate.REFUSED, OK)
    assert everywhere(folder) == [folder / "done" / "a.png"]


async def test_stale_pictures_are_moved_where_that_is_asked(folder: Path) -> None:
    for number in range(3):
        drop(folder, f"old{number}.png", png())
    await asyncio.sleep(0.05)
    async with entered(folder, stale="move", window_ms=0) as source:
        source._settings = source._settings.model_copy(update={"window_ms": -5000})  # as if 5 s had gone by
        await until(lambda: len(files(folder / "stale")) == 3, "moved")
    assert files(folder) == set()


# ---- trouble ----


async def test_those_who_wait_hear_at_once_when_the_folder_goes(folder: Path, watch: str) -> None:
    async with entered(folder, watch=watch) as source:
        task = await start(source, within_s=20)
        shutil.rmtree(folder)
        assert await reason_of(task) is Reason.SOURCE_FAILED
        with pytest.raises(SourceError, match="cannot be read"):
            await source.acquire(order())


async def test_a_folder_that_is_replaced_in_one_step_is_watched_again(folder: Path) -> None:
    """The new one may look the same to a scan: the same name, even the same inode."""
    async with entered(folder, watch="inotify", scan_ms=60_000) as source:
        for mark in range(5):
            remake(folder)
            await until(lambda: source._watch._watcher is not None and source._watch._opening is not None, "watched")
            await asyncio.sleep(0.1)
            task = await start(source, mark, within_s=3)
            drop(folder, "a.png", png(mark))
            assert bytes((await task).data) == png(mark)


async def test_lost_events_are_made_good_by_a_scan(folder: Path) -> None:
    async with entered(folder, watch="inotify", scan_ms=60_000, window_ms=5000) as source:
        watcher = source._watch._watcher
        assert watcher is not None
        await asyncio.sleep(0.1)
        watcher.unlisten()
        drop(folder, "a.png", png(8))
        source._watch.on_gap()
        assert bytes((await source.acquire(order())).data) == png(8)


async def test_an_unreadable_folder_at_the_start_can_be_made(folder: Path) -> None:
    async with entered(folder / "new" / "one", create_folder=True) as source:
        await source.check()
    (folder / "file").write_text("x")
    with pytest.raises(SourceError, match="is no folder"):
        await FileDropSettings(folder=folder / "file").create("line").__aenter__()


async def test_inotify_at_its_limit_falls_back_to_scans(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("gateway.sources.watch_linux.InotifyWatcher.open", refuse)
    async with entered(folder, watch="inotify", scan_ms=60_000) as source:
        task = await start(source)
        drop(folder, "a.png", png(8))
        assert bytes((await task).data) == png(8)


async def test_a_cancelled_trigger_never_swallows_a_picture(folder: Path) -> None:
    """Cancelled at any moment: the picture is either still for the next one, or lies in `unjudged` with a reason."""
    async with entered(folder, window_ms=5000, watch="inotify") as source:
        for number in range(60):
            task = await start(source, number)
            drop(folder, f"{number}.png", png(number))
            await asyncio.sleep(random.Random(number).random() * 0.0015)
            task.cancel()
            (outcome,) = await asyncio.gather(task, return_exceptions=True)
            if isinstance(outcome, Picture):
                await source.settle(outcome, Fate.JUDGED, OK)
    assert sorted(path.name for path in everywhere(folder)) == sorted(f"{number}.png" for number in range(60))
    assert source._disposal.out == 0


async def test_cancelled_while_the_file_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(path: Path, limit: ImageLimits, *, shared: bool) -> Contents | None:
        begun.set()
        assert go_on.wait(10)
        return read(path, limit, shared=shared)

    monkeypatch.setattr("gateway.sources.drop_reader.read", slow)
    monkeypatch.setattr("gateway.sources.drop_reader.read_cached", not_in_memory)
    async with entered(folder, watch="inotify") as source:
        task = await start(source)
        drop(folder, "a.png", png())
        await until(begun.is_set, "the read begins")
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        go_on.set()
        await until(lambda: files(folder / "unjudged") == {"a.png", "a.png.reason.txt"}, "put aside")


async def test_cancelled_in_the_moment_that_the_picture_is_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with entered(folder, watch="inotify") as source:
        hand_over = source._hand_over

        def and_cancel(waiter: _Waiter, contents: Contents) -> None:
            hand_over(waiter, contents)
            task.cancel()

        monkeypatch.setattr(source, "_hand_over", and_cancel)
        task = await start(source)
        drop(folder, "a.png", png())
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError)
        await until(lambda: files(folder / "unjudged") == {"a.png", "a.png.reason.txt"}, "put aside")


async def test_a_disk_that_hangs_ends_at_the_deadline_and_holds_nobody_else_up(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()

    def hang(path: Path, limit: ImageLimits, *, shared: bool) -> Contents | None:
        assert go_on.wait(10)
        return read(path, limit, shared=shared)

    monkeypatch.setattr("gateway.sources.drop_reader.read", hang)
    monkeypatch.setattr("gateway.sources.drop_reader.read_cached", not_in_memory)
    async with entered(folder, watch="inotify") as source:
        task = await start(source, within_s=0.3)
        drop(folder, "a.png", png())
        began = time.monotonic()
        assert await reason_of(task) is Reason.SOURCE_FAILED
        assert time.monotonic() - began < 0.5
        go_on.set()
        await until(lambda: files(folder / "unjudged") == {"a.png", "a.png.reason.txt"}, "put aside")


# ---- many ----


async def test_among_ten_thousand_files_the_event_loop_stays_free(folder: Path) -> None:
    for number in range(10_000):
        (folder / f"old{number}.png").write_bytes(png(number))
    async with entered(folder, watch="scan", afterwards="keep", window_ms=0) as source:
        longest, end = 0.0, time.monotonic() + 1
        while (now := time.monotonic()) < end:
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - now)
        task = await start(source)
        drop(folder, "new.png", png())
        assert (await task).name == "new.png"
        assert longest < 0.1, "scans block the loop"


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("kind", ["inotify", "scan"])
async def test_nothing_is_lost_and_nothing_given_twice(folder: Path, seed: int, kind: str) -> None:
    """500 random operations: pictures come whole, broken or over one another; triggers come, are cancelled, settled."""
    chance = random.Random(seed)
    written: set[bytes] = set()
    given: list[bytes] = []
    open_tasks: list[asyncio.Task[Picture]] = []
    hand: list[Picture] = []

    def collect() -> None:
        for task in [task for task in open_tasks if task.done()]:
            open_tasks.remove(task)
            if not task.cancelled() and task.exception() is None:
                hand.append(task.result())
                given.append(bytes(task.result().data))

    async with entered(folder, watch=kind, window_ms=1000, afterwards="move", scan_ms=50, give_up_ms=1100) as source:
        for step in range(500):
            roll = chance.random()
            if roll < 0.4:
                data = png(step) if chance.random() < 0.85 else png(step)[:-3] + b"%d" % step
                name = f"{step}.png"
                written.add(data)
                if chance.random() < 0.5:
                    drop(folder, name, data)
                else:
                    (folder / name).write_bytes(data)
            elif roll < 0.75:
                open_tasks.append(await start(source, step, within_s=chance.choice([0.02, 0.5])))
            elif roll < 0.8 and open_tasks:
                chance.choice(open_tasks).cancel()
            elif hand:
                await source.settle(hand.pop(), chance.choice(list(Fate)), no_decision(Reason.CANCELLED))
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.004]))
            collect()
        await asyncio.gather(*open_tasks, return_exceptions=True)
        collect()
        for picture in hand:
            await source.settle(picture, Fate.JUDGED, OK)
    assert len(given) > 30
    assert len(given) == len(set(given)), "given twice"
    assert sorted(path.read_bytes() for path in everywhere(folder)) == sorted(written), "lost or doubled"
    assert source._disposal.out == 0


def test_the_portable_watcher_needs_no_linux() -> None:
    """Imported where inotify_simple is not installed and the platform is another one."""
    code = (
        "import sys; sys.modules['inotify_simple'] = None\n"
        "import gateway.sources, gateway.sources.file_drop, gateway.sources.watch_portable\n"
        "sys.platform = 'win32'\n"
        "from gateway.sources.watch import choose; assert choose('auto') == 'watchdog'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)

"""What every source keeps, whichever it is and however it notices its files."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable

import pytest
from pydantic import TypeAdapter

from gateway.core.errors import SourceError
from gateway.core.result import Reason, no_decision
from gateway.ports import Fate, ImageSource, Picture
from gateway.sources import SourceSettings
from tests.contract.sources import KINDS, Bench
from tests.sources.pictures import OK, drop, files, order, png, until


async def next_picture(bench: Bench, source: ImageSource, mark: int) -> Picture:
    waiting = asyncio.create_task(source.acquire(order(mark + 1)))
    await asyncio.sleep(0)
    bench.expose(mark)
    return await waiting


async def test_each_trigger_gets_the_next_picture_whole(bench: Bench) -> None:
    async with bench.source() as source:
        await source.check()
        for mark in range(3):
            picture = await next_picture(bench, source, mark)
            assert (picture.name, bytes(picture.data), picture.raw) == (f"part{mark}.png", png(mark), None)
            await source.settle(picture, Fate.JUDGED, OK)


async def test_the_end_of_the_exposure_is_told_once_at_most_and_before_the_picture(bench: Bench) -> None:
    told: list[threading.Thread] = []
    async with bench.source() as source:
        waiting = asyncio.create_task(source.acquire(order(), lambda: told.append(threading.current_thread())))
        await asyncio.sleep(0)
        bench.expose(0)
        picture = await waiting
        assert told in ([], [threading.current_thread()])
        before = len(told)
        await source.settle(picture, Fate.JUDGED, OK)
        assert len(told) == before


async def test_two_triggers_in_flight_never_get_the_same_picture(bench: Bench) -> None:
    async with bench.source() as source:
        waiting = [asyncio.create_task(source.acquire(order(number))) for number in (1, 2, 3)]
        await asyncio.sleep(0)
        for mark in range(3):
            bench.expose(mark)
        pictures = await asyncio.gather(*waiting)
        assert {bytes(picture.data) for picture in pictures} == {png(mark) for mark in range(3)}
        for picture in pictures:
            await source.settle(picture, Fate.JUDGED, OK)


async def test_a_broken_picture_is_a_bad_image_and_the_next_one_is_served(bench: Bench) -> None:
    drop(bench.folder.parent, "x", b"")  # makes the staging folder
    async with bench.source() as source:
        if bench.kind == "playlist":
            (bench.folder / "part0.png").write_bytes(png()[:-4])
        waiting = asyncio.create_task(source.acquire(order()))
        await asyncio.sleep(0)
        if bench.kind != "playlist":
            drop(bench.folder, "part0.png", png()[:-4])
        with pytest.raises(SourceError) as caught:
            await waiting
        assert caught.value.reason is Reason.NOT_AN_IMAGE
        picture = await next_picture(bench, source, 1)
        assert bytes(picture.data) == png(1)
        await source.settle(picture, Fate.JUDGED, OK)


async def test_a_missing_folder_is_a_retriable_error_with_a_hint(bench: Bench) -> None:
    bench.folder.rmdir()
    settings: SourceSettings = TypeAdapter(SourceSettings).validate_python(
        {**KINDS[bench.kind], "folder": str(bench.folder)}
    )
    with pytest.raises(SourceError) as caught:
        async with settings.create("line"):
            pytest.fail("entered without a folder")
    assert caught.value.retriable
    assert caught.value.reason is Reason.SOURCE_FAILED
    assert caught.value.hint
    assert not any("line" in thread.name for thread in threading.enumerate())


async def test_a_cancelled_trigger_leaves_nothing_behind(bench: Bench) -> None:
    async with bench.source() as source:
        before = asyncio.all_tasks()
        waiting = asyncio.create_task(source.acquire(order()))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await until(lambda: asyncio.all_tasks() <= before, "all tasks end")
        picture = await next_picture(bench, source, 1)
        await source.settle(picture, Fate.UNUSED, no_decision(Reason.CANCELLED))


async def test_no_thread_no_descriptor_and_no_task_is_left(bench: Bench) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))

    if sys.platform != "linux":
        pytest.skip("needs /proc")
    async with bench.source() as source:  # the first time loads libraries
        await source.settle(await next_picture(bench, source, 0), Fate.JUDGED, OK)
    threads, opened, tasks = set(threading.enumerate()), descriptors(), asyncio.all_tasks()
    for number in range(3):
        async with bench.source() as source:
            await source.settle(await next_picture(bench, source, number), Fate.JUDGED, OK)
    assert set(threading.enumerate()) <= threads
    assert descriptors() == opened
    assert asyncio.all_tasks() == tasks


async def test_nobody_waits_longer_than_the_deadline(bench: Bench) -> None:
    if bench.kind == "playlist":
        pytest.skip("a playlist always has a picture")
    async with bench.source() as source:
        began = time.monotonic()
        with pytest.raises(SourceError) as caught:
            await source.acquire(order(within_s=0.15))
        assert caught.value.reason is Reason.NO_IMAGE
        assert 0.1 < time.monotonic() - began < 0.15 + 0.1


async def test_the_folder_goes_and_comes_back(bench: Bench) -> None:
    async with bench.source() as source:
        gone = bench.folder.with_name("elsewhere")
        bench.folder.rename(gone)

        async def fails() -> bool:
            try:
                await source.check()
            except SourceError as error:
                return error.reason is Reason.SOURCE_FAILED
            return False

        await eventually(fails, "the check fails")
        bench.folder.mkdir()
        bench.fill(7)
        await eventually(lambda: works(source), "the check succeeds")
        if bench.kind != "playlist":
            picture = await next_picture(bench, source, 1)
            assert files(gone) == set()
            await source.settle(picture, Fate.JUDGED, OK)


async def works(source: ImageSource) -> bool:
    try:
        await source.check()
    except SourceError:
        return False
    return True


async def eventually(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 10
    while True:
        outcome = condition()
        if asyncio.iscoroutine(outcome) and await outcome:
            return
        assert time.monotonic() < end, f"never: {what}"
        await asyncio.sleep(0.02)

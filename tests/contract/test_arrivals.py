"""What every source keeps in a continuous run: each picture that comes is told of once, and is the next order's."""

import asyncio

import pytest

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.ports import Fate, ImageSource
from tests.contract.sources import Bench
from tests.contract.test_sources import works
from tests.sources.pictures import OK, Run, drop, order, png


async def judged(run: Run, source: ImageSource) -> str:
    picture = await run.next()
    await source.settle(picture, Fate.JUDGED, OK)
    return picture.name


async def endlessly(run: Run) -> None:
    while True:
        await run.next()


def only_drops(bench: Bench) -> None:
    if bench.kind == "playlist":
        pytest.skip("a playlist's pictures are there already")


async def test_a_run_gets_each_picture_once_in_the_order_in_which_they_came(bench: Bench) -> None:
    async with bench.source() as source:
        run = Run(source)
        for mark in range(4):
            bench.expose(mark)
        assert [await judged(run, source) for _ in range(4)] == [f"part{mark}.png" for mark in range(4)]
        if bench.kind != "playlist":
            assert await run.none()


async def test_pictures_that_come_while_another_is_judged_are_kept(bench: Bench) -> None:
    async with bench.source() as source:
        run = Run(source)
        bench.expose(0)
        first = await run.next()
        for mark in (1, 2):
            bench.expose(mark)
        second = await run.next()
        assert (first.name, second.name) == ("part0.png", "part1.png")
        await source.settle(first, Fate.JUDGED, OK)
        await source.settle(second, Fate.JUDGED, OK)
        assert await judged(run, source) == "part2.png"


async def test_told_of_twice_it_is_still_one_picture(bench: Bench) -> None:
    """A station that could not take the picture asks again later."""
    async with bench.source() as source:
        run = Run(source)
        bench.expose(0)
        async with asyncio.timeout(10):
            await source.arrival()
            await source.arrival()
        picture = await run.order()
        assert (picture.name, bytes(picture.data)) == ("part0.png", png(0))
        await source.settle(picture, Fate.JUDGED, OK)
        if bench.kind != "playlist":
            assert await run.none()


async def test_a_broken_picture_is_one_order_and_the_run_goes_on(bench: Bench) -> None:
    drop(bench.folder.parent, "x", b"")  # makes the staging folder
    async with bench.source() as source:
        run = Run(source)
        if bench.kind == "playlist":
            (bench.folder / "part0.png").write_bytes(png()[:-4])
        else:
            drop(bench.folder, "part0.png", png()[:-4])
        with pytest.raises(SourceError) as caught:
            await run.next()
        assert caught.value.reason is Reason.NOT_AN_IMAGE
        bench.expose(1)
        assert await judged(run, source) == "part1.png"


async def test_waiting_can_be_cancelled_and_leaves_nothing_behind(bench: Bench) -> None:
    only_drops(bench)
    async with bench.source() as source:
        before = asyncio.all_tasks()
        run = Run(source)
        assert await run.none(0.03)
        assert asyncio.all_tasks() == before
        bench.expose(0)
        assert await judged(run, source) == "part0.png"


async def test_what_came_before_the_run_is_not_its_own(bench: Bench) -> None:
    only_drops(bench)
    bench.fill(7)
    async with bench.source() as source:
        await asyncio.sleep(0.1)
        run = Run(source)
        assert await run.none(0.05)
        bench.expose(1)
        assert await judged(run, source) == "part1.png"


async def test_what_is_left_when_the_run_ends_is_no_later_triggers_picture(bench: Bench) -> None:
    only_drops(bench)
    async with bench.source() as source:
        run = Run(source)
        for mark in range(3):
            bench.expose(mark)
        assert await judged(run, source) == "part0.png"
        async with asyncio.timeout(10):
            await source.arrival()
        await asyncio.sleep(0.05)
        source.collect(None)
        waiting = asyncio.create_task(source.acquire(order(9)))
        await asyncio.sleep(0)
        bench.expose(5)
        picture = await waiting
        assert picture.name == "part5.png"
        await source.settle(picture, Fate.JUDGED, OK)


async def test_an_order_on_its_way_when_the_run_ends_gets_its_picture(bench: Bench) -> None:
    async with bench.source() as source:
        run = Run(source)
        bench.expose(0)
        async with asyncio.timeout(10):
            await source.arrival()
        source.collect(None)
        picture = await run.order()
        assert picture.name == "part0.png"
        await source.settle(picture, Fate.JUDGED, OK)


async def test_a_folder_that_goes_is_an_error_to_the_wait_and_the_run_goes_on_when_it_is_back(bench: Bench) -> None:
    async with bench.source() as source:
        run = Run(source)
        gone = bench.folder.with_name("elsewhere")
        bench.folder.rename(gone)
        with pytest.raises(SourceError):
            await endlessly(run)
        bench.folder.mkdir()
        if bench.kind == "playlist":
            bench.fill(3)

        async with asyncio.timeout(10):
            while not await works(source):
                await asyncio.sleep(0.02)
        bench.expose(3)
        assert await judged(run, source) == "part3.png"

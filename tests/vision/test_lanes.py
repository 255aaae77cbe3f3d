"""The inspector's threads: cancelled, busy, hanging, and never left behind."""

import asyncio
import socket
import threading
import time
from typing import Any

import pytest

from gateway.core.result import Reason, Verdict
from gateway.ports import Picture
from gateway.sim.pekat import PekatSimulator
from gateway.vision.lanes import LOST_MAX
from tests.vision.judging import BAD, inspector, judge, order, reason_of, threads, until
from tests.vision.servers import ScriptedServer, answering, http, read_request, silent


async def test_cancelling_frees_the_lane_at_once() -> None:
    with silent() as server:
        async with inspector(server.url) as part:
            for _ in range(3):
                task = asyncio.create_task(judge(part, seconds=30))
                await until(lambda: bool(server.heads))
                server.heads.clear()
                began = time.monotonic()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await until(lambda: threads() == ["station1-pekat", "station1-pekat-check", "station1-pekat-check"])
                assert time.monotonic() - began < 2
    assert threads() == []


async def test_after_a_cancel_the_next_inspection_is_served() -> None:
    async with PekatSimulator() as pekat, inspector(pekat.url) as part:
        pekat.misbehave("hang", 1)
        task = asyncio.create_task(judge(part, seconds=30))
        await until(lambda: pekat.analysed == 1)
        task.cancel()
        await asyncio.wait({task})
        assert (await judge(part, BAD)).verdict is Verdict.NOK


async def test_a_check_never_waits_for_an_inspection_nor_disturbs_it() -> None:
    async with PekatSimulator() as pekat, inspector(pekat.url) as part:
        pekat.misbehave("delay", 1, delay_ms=400)
        task = asyncio.create_task(judge(part))
        await until(lambda: pekat.analysed == 1)
        await part.check()
        await part.prepare(1)
        assert not task.done()
        assert (await task).verdict is Verdict.OK


@pytest.mark.parametrize(("workers", "at_once"), [(1, 1), (3, 3)])
async def test_as_many_images_are_at_pekat_as_there_are_workers(workers: int, at_once: int) -> None:
    now = most = 0
    lock = threading.Lock()

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        nonlocal now, most
        while read_request(connection):
            with lock:
                now += 1
                most = max(most, now)
            server.left.wait(0.05)
            with lock:
                now -= 1
            connection.sendall(http())

    with ScriptedServer(script) as server:
        async with inspector(server.url, workers=workers) as part:
            judgements = await asyncio.gather(*(judge(part) for _ in range(6)))
    assert {judgement.verdict for judgement in judgements} == {Verdict.OK}
    assert most == at_once


async def test_waiting_for_a_lane_counts_against_the_deadline() -> None:
    with silent() as server:
        async with inspector(server.url) as part:
            first = asyncio.create_task(judge(part, seconds=30))
            await until(lambda: bool(server.heads))
            began = time.monotonic()
            assert await reason_of(judge(part, seconds=0.2)) is Reason.TIMEOUT
            assert time.monotonic() - began < 2
            first.cancel()
            await asyncio.wait({first})


async def test_leaving_ends_what_is_under_way() -> None:
    with silent() as server:
        part = inspector(server.url)
        async with part:
            task = asyncio.create_task(judge(part, seconds=30))
            await until(lambda: bool(server.heads))
            began = time.monotonic()
        assert time.monotonic() - began < 1
        assert await reason_of(task) is Reason.CANCELLED
        assert await reason_of(judge(part)) is Reason.SHUTDOWN


async def test_a_thread_that_nothing_can_cut_holds_up_neither_the_next_call_nor_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A resolver that hangs cannot be woken from outside."""
    release, resolve = threading.Event(), socket.getaddrinfo

    def stuck(host: str, *args: Any, **named: Any) -> Any:
        if host == "stuck.invalid":
            release.wait(30)
            raise socket.gaierror(-2, "unknown")
        return resolve(host, *args, **named)

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    with answering(http()) as server:
        try:
            async with inspector("http://stuck.invalid:80", server.url) as part:
                assert await reason_of(judge(part, seconds=0.2)) is Reason.TIMEOUT
                assert (await part.inspect(Picture("x", b"x"), order(recipe=2))).verdict is Verdict.OK
                began = time.monotonic()
            assert time.monotonic() - began < 1.5
        finally:
            release.set()


async def test_threads_that_hang_are_not_made_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def stuck(*args: Any, **named: Any) -> Any:
        release.wait(30)
        raise socket.gaierror(-2, "unknown")

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    async with inspector("http://stuck.invalid:80") as part:
        try:
            for _ in range(LOST_MAX):
                assert await reason_of(judge(part, seconds=0.02)) is Reason.TIMEOUT
            assert await reason_of(judge(part)) is Reason.INSPECTOR_OFFLINE
            assert len(threads()) <= LOST_MAX + 3
        finally:
            release.set()

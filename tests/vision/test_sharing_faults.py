"""Shared memory when things go wrong: cut, timed out, killed. No frame gets into another's place, no block stays."""

import asyncio
import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from gateway.core.errors import InspectorError
from gateway.core.result import Judgement, Reason, Verdict
from gateway.vision.inspector import PekatInspector
from gateway.vision.settings import PekatSettings, RecipeSettings
from tests.vision.judging import order, reason_of, until
from tests.vision.sharing import SHARED, SHM, Asked, Pekat, attached, frame, mapped, serving, verdict

pytestmark = pytest.mark.skipif(not SHM.exists(), reason="shared memory is no folder here")

SEED = 4
LIVES = """
import asyncio, sys
from gateway.vision.settings import PekatSettings, RecipeSettings
from tests.vision.judging import order
from tests.vision.sharing import frame

async def main(url, seconds):
    recipe = RecipeSettings(number=1, name="part", url=url)
    async with PekatSettings(way="shared_memory").create("station1", [recipe], []) as part:
        print("ready", flush=True)
        judgement = await part.inspect(frame(), order(seconds))
        print(judgement.verdict.name, flush=True)
        if len(sys.argv) > 3:
            raise RuntimeError(sys.argv[3])

asyncio.run(main(sys.argv[1], float(sys.argv[2])))
"""


def inspector(url: str, workers: int = 1) -> PekatInspector:
    recipe = RecipeSettings(number=1, name="part", url=url)
    return PekatSettings(way="shared_memory", workers=workers).create("station1", [recipe], [])


class Slow:
    """A PEKAT that attaches a block, waits, and only then looks. It notes what became of it meanwhile."""

    def __init__(self) -> None:
        self.go, self.reading = threading.Event(), threading.Event()
        self.then: list[bytes] = []

    def __call__(self, asked: Asked) -> bytes:
        with mapped(asked.name) as block:
            first = block[:16]
            self.reading.set()
            self.go.wait(5)
            self.then += [first, block[:16]]
            return verdict(block[:1])


@pytest.mark.parametrize("how", ["cancelled", "timed out"])
async def test_a_frame_that_is_read_late_is_the_frame_that_was_sent(how: str) -> None:
    """The gateway gave up; PEKAT reads on. The next frame must not come into what it reads."""
    slow = Slow()
    pekat = Pekat(shared=slow)
    with serving(pekat) as server:
        async with inspector(server.url) as part:
            late = asyncio.create_task(part.inspect(frame(False), order(0.3 if how == "timed out" else 30)))
            await until(slow.reading.is_set)
            if how == "cancelled":
                late.cancel()
                await asyncio.wait({late})
            else:
                assert await reason_of(late) is Reason.TIMEOUT
            pekat.shared = lambda _: None
            assert (await part.inspect(frame(True), order())).verdict is Verdict.OK
            slow.go.set()
            await until(lambda: len(slow.then) == 2)
    assert slow.then[0] == slow.then[1]
    assert slow.then[0][0] == 0
    names = [asked.name for asked in pekat.asked]
    assert len(set(names)) == len(names)


async def test_pekat_that_comes_late_to_a_frame_given_up_finds_nothing() -> None:
    """It had other things to do first; by then another part is at the camera."""
    came, go, found = threading.Event(), threading.Event(), list[bool]()

    def late(asked: Asked) -> bytes:
        came.set()
        go.wait(5)
        found.append((SHM / asked.name).exists())
        return b""

    pekat = Pekat(shared=late)
    with serving(pekat) as server:
        async with inspector(server.url) as part:
            task = asyncio.create_task(part.inspect(frame(), order(30)))
            await until(came.is_set)
            task.cancel()
            await asyncio.wait({task})
            pekat.shared = lambda _: None
            assert (await part.inspect(frame(), order())).verdict is Verdict.OK
            go.set()
            await until(lambda: bool(found))
    assert found == [False]


async def test_hundreds_of_frames_at_once_some_of_them_cut_never_meet() -> None:
    chance = random.Random(SEED)
    lock = threading.Lock()
    wrong: list[str] = []

    def judged(asked: Asked) -> bytes:
        before = attached(asked.name)
        with lock:
            wait = chance.random() * 0.004
        threading.Event().wait(wait)
        try:
            if attached(asked.name) != before:
                wrong.append(asked.name)
        except FileNotFoundError:  # given up meanwhile
            return b""
        return verdict(before)

    with serving(Pekat(shared=judged)) as server:
        async with inspector(server.url, workers=4) as part:

            async def one(number: int) -> None:
                good = number % 3 != 0
                judgement = await part.inspect(frame(good, chance.choice((1, 3))), order())
                assert judgement.verdict is (Verdict.OK if good else Verdict.NOK)

            async def cut(number: int) -> None:
                task = asyncio.create_task(one(number))
                await asyncio.sleep(chance.random() * 0.01)
                task.cancel()
                await asyncio.wait({task})

            for start in range(0, 400, 8):
                acts = [cut(n) if chance.random() < 0.25 else one(n) for n in range(start, start + 8)]
                for outcome in await asyncio.gather(*acts, return_exceptions=True):
                    assert outcome is None or isinstance(outcome, InspectorError), outcome
    assert wrong == []


async def test_leaving_while_pekat_reads_leaves_nothing() -> None:
    slow = Slow()
    with serving(Pekat(shared=slow)) as server:
        async with inspector(server.url) as part:
            task = asyncio.create_task(part.inspect(frame(), order(30)))
            await until(slow.reading.is_set)
        await asyncio.wait({task})
        slow.go.set()
        assert isinstance(task.exception(), InspectorError)


async def test_a_read_error_of_the_reply_gives_the_block_up() -> None:
    replies = [b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{", b"nonsense\r\n\r\n"]
    names: list[str] = []

    def broken(asked: Asked) -> bytes | None:
        names.append(asked.name)
        return replies.pop(0) if replies else None

    with serving(Pekat(shared=broken)) as server:
        async with inspector(server.url) as part:
            assert await reason_of(part.inspect(frame(), order(0.3))) is Reason.TIMEOUT
            assert await reason_of(part.inspect(frame(), order())) is Reason.BAD_REPLY
    assert len(set(names)) == 2
    assert not any((SHM / name).exists() for name in names)


def started(url: str, seconds: float, *more: str) -> subprocess.Popen[str]:
    """A gateway's inspector in a process of its own, with one inspection."""
    return subprocess.Popen(
        [sys.executable, "-c", LIVES, url, str(seconds), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )


def blocks_of(process: "subprocess.Popen[str]") -> list[str]:
    return [path.name for path in SHM.glob(f"pekatgw_{process.pid}_*")]


@pytest.mark.parametrize("last_words", ["", "the program fails"])
async def test_a_process_that_ends_leaves_no_block_and_says_nothing_of_it(last_words: str) -> None:
    with serving(Pekat()) as server, started(server.url, 10, *filter(None, [last_words])) as process:
        said, complained = await asyncio.to_thread(process.communicate, timeout=60)
        assert said.split() == ["ready", "OK"]
        assert blocks_of(process) == []
    assert last_words in complained
    assert "leaked" not in complained
    assert bool(complained) == bool(last_words), "Python's resource tracker has nothing to say"


async def test_what_a_killed_gateway_left_is_gone_when_it_runs_again() -> None:
    slow = Slow()
    pekat = Pekat(shared=slow)
    with serving(pekat) as server:
        with started(server.url, 30) as killed:
            assert await asyncio.to_thread(slow.reading.wait, 60), "a process takes its time to start"
            killed.send_signal(signal.SIGKILL)
            complained = (await asyncio.to_thread(killed.communicate))[1]
        slow.go.set()
        pekat.shared = lambda _: None
        with started(server.url, 10) as again:
            said, more = await asyncio.to_thread(again.communicate, timeout=60)
        assert said.split() == ["ready", "OK"]
        assert blocks_of(killed) == blocks_of(again) == []
    assert (complained, more) == ("", "")
    assert pekat.paths()[-1] == SHARED


async def test_a_second_gateway_that_starts_takes_no_block_from_the_first() -> None:
    slow = Slow()
    pekat = Pekat(shared=slow)
    with serving(pekat) as server:
        async with inspector(server.url) as first:
            task = asyncio.create_task(first.inspect(frame(), order(30)))
            await until(slow.reading.is_set)
            async with inspector(server.url):
                slow.go.set()
                judgement: Judgement = await task
            assert judgement.verdict is Verdict.OK
            pekat.shared = lambda _: None
            assert (await first.inspect(frame(), order())).verdict is Verdict.OK
    assert len({asked.name for asked in pekat.asked}) == 1

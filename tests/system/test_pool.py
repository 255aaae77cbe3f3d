"""One recipe, three PEKAT processes, a PLC that triggers at a rate: one is killed, one stands still, both come back."""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from gateway.core.result import Reason, Verdict
from gateway.station.health import CHECK_S
from gateway.station.living import LivingInspector
from gateway.station.renewable import RenewableInspector
from gateway.vision.inspector import PekatInspector
from gateway.vision.pool import Endpoint
from tests.system.pekats import PekatAt
from tests.system.pipeline import PICTURES, Pipeline, pipeline

PERIOD_S = 0.04
DELAY_MS = 20
WORKERS = 2
TIMEOUT_MS = 4_000
PING_S = 2.0
SLACK_S = 4.0
"""For a machine that does something else as well."""


class Line:
    """The running line, and its three PEKATs. Triggers go on from entering to leaving."""

    def __init__(self, line: Pipeline, pekats: list[PekatAt]) -> None:
        self.line, self.pekats = line, pekats
        self.triggered = 0
        self._over = asyncio.Event()

    @property
    def endpoints(self) -> list[Endpoint]:
        (living,) = (view.inspector for view in self.line.station._views)
        assert isinstance(living, LivingInspector)
        renewable = living._inspector
        assert isinstance(renewable, RenewableInspector)
        inspector = renewable._now
        assert isinstance(inspector, PekatInspector)
        return list(inspector._dispatch._routes[1].endpoints)

    async def play(self) -> None:
        """The PLC: triggers in one task, results taken in another, over one pymodbus connection."""
        async with asyncio.TaskGroup() as both:
            triggering = both.create_task(self._trigger())
            both.create_task(self._take(triggering))

    async def _trigger(self) -> None:
        due = time.monotonic()
        while not self._over.is_set():
            await self.line.trigger(self.triggered + 1)
            self.triggered += 1
            due = max(due + PERIOD_S, time.monotonic())
            await asyncio.sleep(due - time.monotonic())

    def stop(self) -> None:
        self._over.set()

    async def _take(self, triggering: asyncio.Task[None]) -> None:
        """Each result of a trigger that was accepted, and no other: after the last one none comes."""
        taken = 0
        while not triggering.done() or taken < self.triggered:
            if taken == self.triggered:
                await asyncio.sleep(0.002)
                continue
            part_id, _, _ = await self.line.take()
            taken += 1
            assert part_id == f"P{taken:06d}"

    def no_decisions(self) -> list[Reason]:
        return [result.judgement.reason for result in self.line.sink.results if result.verdict is Verdict.NO_DECISION]

    async def answers(self, count: int) -> None:
        """Wait for so many more answers."""
        wanted = len(self.line.sink.results) + count
        await self.until(lambda: len(self.line.sink.results) >= wanted, 30.0)

    async def until(self, condition: Callable[[], bool], seconds: float) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.005)


@asynccontextmanager
async def playing(folder: Path) -> AsyncIterator[Line]:
    (folder / "parts").mkdir()
    for number, picture in enumerate(PICTURES):
        (folder / "parts" / f"{number}.png").write_bytes(picture)
    async with AsyncExitStack() as stack:
        pekats = [PekatAt(DELAY_MS) for _ in range(3)]
        await asyncio.gather(*(stack.enter_async_context(pekat) for pekat in pekats))
        made = pipeline(
            folder,
            'kind = "playlist"\nfolder = "parts"',
            in_flight=6,
            timeout_ms=TIMEOUT_MS,
            urls=[pekat.url for pekat in pekats],
            inspector=f"ping_timeout_ms = {PING_S * 1000:.0f}\nworkers = {WORKERS}",
        )
        line = Line(await stack.enter_async_context(made), pekats)
        await line.line.begin()
        player = asyncio.create_task(line.play())
        try:
            yield line
            line.stop()
            async with asyncio.timeout(20):
                await player
        finally:
            player.cancel()
            await asyncio.wait({player})


@pytest.mark.timeout(300)
@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP is POSIX")
async def test_one_is_killed_and_one_stands_still_and_both_are_used_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "gateway.vision.dispatch")
    async with playing(tmp_path) as run:
        killed, stopped, _ = run.endpoints
        await run.answers(60)
        assert all([await pekat.analysed() for pekat in run.pekats]), "all are used"
        assert run.no_decisions() == []

        await run.pekats[0].kill()
        await run.answers(60)
        assert len(run.no_decisions()) <= WORKERS, "more than can be in flight there"
        assert set(run.no_decisions()) <= {Reason.INSPECTOR_OFFLINE, Reason.BAD_REPLY}
        lost = len(run.no_decisions())

        await run.pekats[0].start()
        began = time.monotonic()
        while not await run.pekats[0].analysed():
            await asyncio.sleep(0.02)
            assert time.monotonic() - began < CHECK_S + SLACK_S, "it is back, and not used"
        await run.answers(30)
        assert len(run.no_decisions()) == lost, "coming back costs no part"

        run.pekats[1].signal(signal.SIGSTOP)
        await run.until(lambda: stopped.standing.value == "open", TIMEOUT_MS / 1000 + CHECK_S + PING_S + SLACK_S)
        await run.answers(60)
        assert len(run.no_decisions()) - lost <= WORKERS, run.no_decisions()
        lost = len(run.no_decisions())

        run.pekats[1].signal(signal.SIGCONT)
        await run.until(lambda: stopped.standing.value == "closed", CHECK_S + PING_S + SLACK_S)
        await run.answers(60)
        assert len(run.no_decisions()) == lost

    run.line.assert_each_its_own(run.triggered, lambda _: None)
    said = [record.getMessage() for record in caplog.records]
    assert not any("inspector is down" in one for one in said), "an ill one among healthy ones is no station's fault"
    for endpoint in (killed, stopped):
        assert [f"{endpoint.url} is left out" in one for one in said].count(True) == 1
        assert [f"{endpoint.url} is used again" in one for one in said].count(True) == 1

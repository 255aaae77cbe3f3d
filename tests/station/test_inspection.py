"""One inspection's events in their order: the exposure once, before the answer; the picture settled at the end."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import pytest

from gateway.core import events as ev
from gateway.core.errors import InspectorError
from gateway.core.result import Judgement, Reason, Verdict
from gateway.ports import Fate, Order, Picture
from gateway.station.inspection import Inspection
from tests.sources.pictures import order


@dataclass
class Seen:
    """A source and an inspector in one, which note what happens in which order."""

    waits: bool
    error: InspectorError | None = None
    early: bool = False
    what: list[str] = field(default_factory=list)

    async def acquire(self, order: Order, exposed: Callable[[], None]) -> Picture:
        if self.early:
            exposed()
        return Picture("part", b"")

    async def inspect(self, picture: Picture, order: Order) -> Judgement:
        self.what.append("asked")
        if self.waits:
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return Judgement(Verdict.OK)

    async def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        self.what.append(fate.value)

    def take(self, order: Order, view: str, picture: Picture) -> None:
        """Nobody keeps pictures."""

    def post(self, event: ev.Event) -> None:
        self.what.append(type(event).__name__)


async def course_of(seen: Seen) -> list[str]:
    tidying: list[Coroutine[Any, Any, None]] = []
    inspection = Inspection(order(), seen, seen, seen.post, lambda _, task: tidying.append(task), seen.take)  # type: ignore[arg-type]  # it has what is used here
    run: Coroutine[Any, Any, None] = inspection.run()
    await run
    await asyncio.gather(*tidying)
    await asyncio.sleep(0)
    return seen.what


@pytest.mark.parametrize("waits", [False, True])
async def test_the_plc_is_told_of_the_exposure_before_the_request_goes_out(waits: bool) -> None:
    """The other way round costs a trigger 0.12 ms: the request's thread then waits for the interpreter."""
    assert await course_of(Seen(waits)) == ["Exposed", "asked", "Answered", "judged"]


@pytest.mark.parametrize("waits", [False, True])
async def test_a_request_that_fails_comes_after_the_exposure_too(waits: bool) -> None:
    error = InspectorError("PEKAT is not there", reason=Reason.INSPECTOR_OFFLINE)
    assert await course_of(Seen(waits, error)) == ["Exposed", "asked", "Answered", "unused"]


async def test_a_source_that_knows_the_moment_tells_it_once_and_at_once() -> None:
    assert await course_of(Seen(waits=True, early=True)) == ["Exposed", "asked", "Answered", "judged"]

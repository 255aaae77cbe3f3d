"""Sources and inspectors as a station calls them: a crash in the middle of a call is seen, and every call has an end.

A part that is restarted has several lives. No call of one life goes on in the next, and none begins between two of
them: whoever asks then, or still waits when the part is left, hears at once that it is not running.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Self, TypeVar

from gateway.core.errors import GatewayError, InspectorError, SourceError
from gateway.core.result import Judgement, Reason
from gateway.ports import Fate, ImageSource, Inspector, Order, Part, Picture, ignored
from gateway.station.work import monotonic_us

log = logging.getLogger(__name__)

ENDING_S = 1.0
"""A call that is cut ends within some turns of the loop; one that swallows its end is waited for no longer."""

T = TypeVar("T")


class _Living(ABC):
    """A ports.Part in front of another one."""

    def __init__(self, part: Part) -> None:
        self._living = part
        self._alive = False
        self._why = ""
        self._calls: set[asyncio.Timeout] = set()
        self._last_over = asyncio.Event()
        self._crashed: Callable[[Exception], None] | None = None

    def on_crash(self, crashed: Callable[[Exception], None]) -> None:
        """Have this told of each error that the part does not foresee: of anything but a GatewayError."""
        self._crashed = crashed

    async def __aenter__(self) -> Self:
        try:
            await self._living.__aenter__()
        except Exception as error:
            self._why = f": {error}"
            raise
        self._alive, self._why = True, ""
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._alive = False
        await self._end_calls()
        await self._living.__aexit__(*exc)

    async def _end_calls(self) -> None:
        if not self._calls:
            return
        self._last_over.clear()
        for call in self._calls:
            if call.when() is None:
                call.reschedule(asyncio.get_running_loop().time())
        try:
            async with asyncio.timeout(ENDING_S):
                await self._last_over.wait()
        except TimeoutError:
            log.error("%s: %d calls do not end", type(self._living).__name__, len(self._calls))

    async def _call(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What is asked for. Raises what the part raises, and `_not_running` where it is left meanwhile."""
        if not self._alive:
            raise self._not_running(self._why)
        call = asyncio.timeout(None)
        self._calls.add(call)
        try:
            async with call:
                return await ask()
        except GatewayError:
            raise
        except Exception as error:
            if call.expired():
                raise self._not_running("") from None
            self._tell(error)
            raise
        finally:
            self._calls.discard(call)
            if not self._calls:
                self._last_over.set()

    def _tell(self, error: Exception) -> None:
        if self._crashed is not None and self._alive:
            self._crashed(error)

    @abstractmethod
    def _not_running(self, why: str) -> GatewayError:
        """For the inspection that it costs its decision."""


class LivingSource(_Living):
    """A ports.ImageSource."""

    def __init__(self, source: ImageSource) -> None:
        super().__init__(source)
        self._source = source
        self._collecting = False

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        if self._collecting:  # its new life knows nothing of the run; what came in between is nobody's
            self.collect(monotonic_us())
        return self

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        return await self._call(lambda: self._source.acquire(order, exposed))

    def collect(self, since: int | None) -> None:
        self._collecting = since is not None
        try:
            self._source.collect(since)
        except Exception as error:
            log.exception("a source crashed when it was told of a continuous run")
            self._tell(error)

    async def arrival(self) -> None:
        await self._call(self._source.arrival)

    async def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        await self._source.settle(picture, fate, judgement)

    async def check(self) -> None:
        await self._source.check()

    def _not_running(self, why: str) -> GatewayError:
        return SourceError(f"the source is not running now{why}", reason=Reason.SOURCE_FAILED)


class LivingInspector(_Living):
    """A ports.Inspector."""

    def __init__(self, inspector: Inspector) -> None:
        super().__init__(inspector)
        self._inspector = inspector

    async def inspect(self, picture: Picture, order: Order) -> Judgement:
        return await self._call(lambda: self._inspector.inspect(picture, order))

    async def prepare(self, recipe: int) -> None:
        await self._inspector.prepare(recipe)

    async def check(self) -> None:
        await self._inspector.check()

    @property
    def draws(self) -> bool:
        return self._inspector.draws

    def drawn(self, inspection_id: int) -> bytes | None:
        try:
            return self._inspector.drawn(inspection_id)
        except Exception as error:
            log.exception("an inspector crashed when it was asked for what it drew")
            self._tell(error)
            return None

    def _not_running(self, why: str) -> GatewayError:
        return InspectorError(f"the inspector is not running now{why}", reason=Reason.INSPECTOR_OFFLINE)

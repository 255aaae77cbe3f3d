"""A camera that has each frame in memory at once: what the gateway costs, without what a driver or a folder costs.

A frame begins with the number of its trigger, so that whoever judges it can tell whose it is.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from gateway.core.errors import SourceError
from gateway.core.result import Judgement
from gateway.ports import Fate, Order, Picture, RawFormat, ignored

NUMBER_BYTES = 4


@dataclass
class MemorySource:
    """A ports.ImageSource of grey frames; as many buffers as can be in flight, and one more."""

    width: int
    height: int
    in_flight: int
    _free: list[bytearray] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        noise = np.random.default_rng(7).integers(0, 256, self.width * self.height, np.uint8).tobytes()
        self._free = [bytearray(noise) for _ in range(self.in_flight + 1)]
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._free.clear()

    async def acquire(self, order: Order, exposed: Callable[[], None] = ignored) -> Picture:
        if not self._free:
            raise SourceError("every buffer is taken")
        frame = self._free.pop()
        frame[:NUMBER_BYTES] = order.trigger_seq.to_bytes(NUMBER_BYTES, "big")
        return Picture(f"frame {order.trigger_seq}", memoryview(frame), RawFormat(self.width, self.height))

    async def settle(self, picture: Picture, fate: Fate, judgement: Judgement) -> None:
        frame = memoryview(picture.data).obj
        if isinstance(frame, bytearray):
            self._free.append(frame)

    def collect(self, since: int | None) -> None:
        """Nothing: there are no continuous runs here."""

    async def arrival(self) -> None:
        raise SourceError("frames come with triggers only")

    async def check(self) -> None:
        """It is never ill."""


@dataclass(frozen=True)
class MemorySettings:
    """Stands in a station's settings where those of a real source stood."""

    width: int
    height: int
    in_flight: int

    def create(self, station_name: str) -> MemorySource:
        """The source."""
        return MemorySource(self.width, self.height, self.in_flight)

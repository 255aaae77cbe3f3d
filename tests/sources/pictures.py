"""Pictures, orders and patience for the tests of sources."""

import asyncio
import os
import struct
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from gateway.core.result import Judgement, Verdict
from gateway.ports import ImageSource, Order, Picture

OK = Judgement(Verdict.OK)
PATIENCE_S = 10.0


def png(mark: int = 0, padding: int = 0) -> bytes:
    """A real 1x1 PNG; `mark` is its grey value and stands in a text chunk too, `padding` makes it longer."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    text = b"mark\0" + str(mark).encode() + b" " * padding
    pixels = zlib.compress(bytes([0, mark % 256]))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        chunk(kind, body) for kind, body in ((b"IHDR", header), (b"tEXt", text), (b"IDAT", pixels), (b"IEND", b""))
    )


def jpeg(tail: bytes = b"") -> bytes:
    """The head of a real 1x1 JPEG and its end; no decoder would see a picture between them."""
    application = b"\xff\xe0\x00\x10JFIF" + b"\x00" * 10
    frame = b"\xff\xc0" + struct.pack(">HBHHB3B", 11, 8, 1, 1, 1, 1, 0x11, 0)
    return b"\xff\xd8" + application + frame + b"\xff\xda" + b"\x11" * 50 + b"\xff\xd9" + tail


def bmp() -> bytes:
    """A real 1x1 BMP of 24 bits."""
    return b"BM" + struct.pack("<IIIIiiHHIIiiII", 58, 0, 54, 40, 1, 1, 1, 24, 0, 4, 0, 0, 0, 0) + b"\1\2\3\0"


def order(
    number: int = 1,
    *,
    within_s: float = 5.0,
    part_id: str = "",
    ago_s: float = 0.0,
    pictures_from: int | None = None,
) -> Order:
    """An order that was accepted `ago_s` before now and ends `within_s` from now."""
    now = time.monotonic_ns() // 1000
    accepted = now - int(ago_s * 1e6)
    deadline, wall = now + int(within_s * 1e6), time.time() - ago_s
    return Order("line", number, number, part_id, 1, accepted, deadline, wall, pictures_from)


@dataclass
class Run:
    """A continuous run on a source, as a station makes it."""

    source: ImageSource
    since: int = field(default_factory=lambda: time.monotonic_ns() // 1000)
    orders: int = 0

    def __post_init__(self) -> None:
        self.source.collect(self.since)

    async def next(self) -> Picture:
        """Wait for the next picture, and order it. Raises SourceError as both do."""
        async with asyncio.timeout(PATIENCE_S):
            await self.source.arrival()
        return await self.order()

    async def order(self) -> Picture:
        self.orders += 1
        return await self.source.acquire(order(self.orders, pictures_from=self.since))

    async def none(self, within_s: float = 0.1) -> bool:
        """Whether no picture comes in this time."""
        try:
            async with asyncio.timeout(within_s):
                await self.source.arrival()
        except TimeoutError:
            return True
        return False


def drop(folder: Path, name: str, data: bytes) -> None:
    """As a well-behaved camera does: written elsewhere, renamed in."""
    staging = folder.parent / f"{folder.name}.staging"
    staging.mkdir(exist_ok=True)
    (staging / name).write_bytes(data)
    os.replace(staging / name, folder / name)


async def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for it, not for ever."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"never: {what}"
        await asyncio.sleep(0.005)


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.is_file()} if folder.is_dir() else set()

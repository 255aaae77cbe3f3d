"""What PEKAT gets of each pixel format: 8 bits for each value, grey, BGR, or a Bayer mosaic that begins with red.

How values lie in their bytes is from the Pixel Format Naming Convention (EMVA, 2.x), and for the formats `...Packed`
from GigE Vision 1.2, section 25.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Unpack = Callable[[Bytes], Bytes]
"""From bytes in a row to the upper 8 bits of each value, perhaps with a few more values at the end. One copy."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a pixel format's bytes become PEKAT's."""

    pixel_bits: int
    channels: int = 1
    bayer: bool = False
    unpack: Unpack | None = None
    """None: each value is a byte already."""
    reverse: bool = False
    """Three channels in the opposite order."""
    left: int = 0
    top: int = 0
    """Columns and rows that are cut off on both sides, so that the mosaic begins with red and its size stays even."""


def _upper(bits: int) -> Unpack:
    """Of 16-bit little-endian values that hold `bits` bits each."""

    def unpack(data: Bytes) -> Bytes:
        values = data.view("<u2")
        upper = np.empty(values.shape, np.uint8)
        np.right_shift(values, bits - 8, out=upper, casting="unsafe")
        return upper

    return unpack


def _upper_10p(data: Bytes) -> Bytes:
    """4 values in 5 bytes, the lowest bit of the first value first."""
    b0, b1, b2, b3, b4 = _columns(data, 5)
    values = np.empty((len(b0), 4), np.uint8)
    values[:, 0] = b0 >> 2 | b1 << 6
    values[:, 1] = b1 >> 4 | b2 << 4
    values[:, 2] = b2 >> 6 | b3 << 2
    values[:, 3] = b4
    return values.reshape(-1)


def _upper_12p(data: Bytes) -> Bytes:
    """2 values in 3 bytes, the lowest bit of the first value first."""
    b0, b1, b2 = _columns(data, 3)
    values = np.empty((len(b0), 2), np.uint8)
    values[:, 0] = b0 >> 4 | b1 << 4
    values[:, 1] = b2
    return values.reshape(-1)


def _upper_packed(data: Bytes) -> Bytes:
    """2 values in 3 bytes: the upper bits of the first, the lower bits of both, the upper bits of the second."""
    b0, _, b2 = _columns(data, 3)
    values = np.empty((len(b0), 2), np.uint8)
    values[:, 0] = b0
    values[:, 1] = b2
    return values.reshape(-1)


def _columns(data: Bytes, group: int) -> Bytes:
    """The first bytes of all groups, the second ones, ...; what is short of a whole group is filled up."""
    if short := -len(data) % group:
        data = np.concatenate([data, np.zeros(short, np.uint8)])
    return data.reshape(-1, group).T


DEPTHS: dict[str, tuple[int, Unpack | None]] = {
    "8": (8, None),
    "10": (16, _upper(10)),
    "12": (16, _upper(12)),
    "10p": (10, _upper_10p),
    "12p": (12, _upper_12p),
    "10Packed": (12, _upper_packed),
    "12Packed": (12, _upper_packed),
}
"""Bits that a pixel takes on the way, and how it is unpacked."""
CORNERS = {"RG": (0, 0), "GR": (1, 0), "GB": (0, 1), "BG": (1, 1)}
"""Bayer mosaics by their first two pixels: columns and rows to the first red one."""

LAYOUTS: dict[str, Layout] = {
    **{f"Mono{depth}": Layout(bits, unpack=unpack) for depth, (bits, unpack) in DEPTHS.items()},
    "Mono16": Layout(16, unpack=_upper(16)),
    "BGR8": Layout(24, channels=3),
    "RGB8": Layout(24, channels=3, reverse=True),
    **{
        f"Bayer{corner}{depth}": Layout(bits, bayer=True, unpack=unpack, left=left, top=top)
        for corner, (left, top) in CORNERS.items()
        for depth, (bits, unpack) in DEPTHS.items()
    },
}

OLDER_NAMES = {"RGB8Packed": "RGB8", "BGR8Packed": "BGR8"}
"""Names that GigE Vision 1 cameras and some libraries still use."""


def usual_name(pixel_format: str) -> str:
    """The name that the Pixel Format Naming Convention has for it today."""
    return OLDER_NAMES.get(pixel_format, pixel_format)

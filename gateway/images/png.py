"""Raw pixels as a PNG, for links that are slower than an encoder.

Each byte is taken as its difference from the pixel to the left, and that is Huffman-coded without looking for
repetitions, of which the noise of a sensor has none. 1920x1200 grey: 17 ms and 1.14 MB; Pillow at its fastest 56 ms and
1.13 MB, at level 1 118 ms and 1.33 MB (medians of one run on one core).
"""

import struct
import zlib

import numpy as np

from gateway.ports import RawFormat

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LEFT = 1
"""The filter's number: the difference from the pixel to the left."""
_COLOUR_TYPES = {1: 0, 3: 2}


def png_of(pixels: bytes | memoryview, raw: RawFormat) -> bytes:
    """The image file of grey or BGR pixels, whose length fits `raw`."""
    channels, width = raw.channels, raw.width * raw.channels
    rows = np.frombuffer(pixels, np.uint8).reshape(raw.height, raw.width, channels)[:, :, ::-1].reshape(-1, width)
    filtered = np.empty((raw.height, 1 + width), np.uint8)
    filtered[:, 0] = _LEFT
    filtered[:, 1 : 1 + channels] = rows[:, :channels]
    np.subtract(rows[:, channels:], rows[:, :-channels], out=filtered[:, 1 + channels :])
    packer = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, zlib.DEF_MEM_LEVEL, zlib.Z_HUFFMAN_ONLY)
    packed = packer.compress(filtered.data) + packer.flush()
    header = struct.pack(">IIBBBBB", raw.width, raw.height, 8, _COLOUR_TYPES[channels], 0, 0, 0)
    return b"".join((SIGNATURE, *_chunk(b"IHDR", header), *_chunk(b"IDAT", packed), *_chunk(b"IEND", b"")))


def _chunk(kind: bytes, data: bytes) -> tuple[bytes, ...]:
    return struct.pack(">I", len(data)), kind, data, struct.pack(">I", zlib.crc32(data, zlib.crc32(kind)))

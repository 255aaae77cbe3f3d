"""What a PNG, JPEG or BMP says of itself in its header: how large it is, and how its pixels are stored.

Pillow's lazy `Image.open` would give the same in 9 to 58 us. Not here: on its way to the pixels it inflates text and
colour profiles, which may be bombs of their own, it warns or raises at a limit that is global to the process, and what
its plug-ins raise for a mutilated header has no end. These take 1 to 4 us and raise nothing.
"""

import struct
import zlib
from dataclasses import dataclass

from gateway.images.ends import BMP_MAGIC, JPEG_MAGIC, PNG_MAGIC
from gateway.images.faults import ImageFault, broken, unusable

PNG_IHDR = b"\x00\x00\x00\rIHDR"
PNG_HEAD = 33
"""The signature, and the IHDR chunk with its checksum: a PNG begins with nothing else."""
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
"""By colour type: grey, RGB, palette, grey and alpha, RGBA (PNG specification, 11.2.1)."""
PNG_BITS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
PNG_SIDE = 2**31 - 1

JPEG_SEGMENTS = 1000
"""Segments before the frame header; a colour profile and a preview make 300 at most. Bounds the time."""
JPEG_BARE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length: TEM, RST, SOI."""
JPEG_NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})
"""Of C0..CF those that are no frame header: DHT, JPG, DAC."""
JPEG_HIERARCHICAL = frozenset({0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF})
"""Frames that refine another one; no common decoder knows them."""
JPEG_SCAN, JPEG_EOI = 0xDA, 0xD9

BMP_OLD, BMP_HEADERS = 12, frozenset({12, 40, 52, 56, 64, 108, 124})
BMP_BITS = frozenset({1, 2, 4, 8, 16, 24, 32})
BMP_PLAIN, BMP_RUNS = frozenset({0, 3, 6}), frozenset({1, 2})
"""Ways to store pixels: as they are (also with bit masks), and run lengths."""
BMP_INSIDE = {4: "JPEG", 5: "PNG"}


@dataclass(frozen=True, slots=True)
class Head:
    """What the header says. `depth` is bits a pixel; `stored` are the bytes that the file must have, 0 unknown."""

    format: str
    width: int
    height: int
    depth: int
    stored: int = 0


def head_of(data: bytes | bytearray | memoryview) -> Head | ImageFault:
    """The header of a file's bytes, or why it has none. Raises nothing, whatever the bytes are."""
    start = bytes(data[:PNG_HEAD])
    if start.startswith(PNG_MAGIC):
        return _png(start)
    if start.startswith(JPEG_MAGIC):
        return _jpeg(memoryview(data))
    if start.startswith(BMP_MAGIC):
        return _bmp(bytes(data[:54]))
    return broken("not a PNG, JPEG or BMP")


def _png(start: bytes) -> Head | ImageFault:
    if len(start) < PNG_HEAD or start[8:16] != PNG_IHDR:
        return broken("the PNG does not begin with a header (IHDR)")
    if zlib.crc32(start[12:29]) != int.from_bytes(start[29:33], "big"):
        return broken("the PNG's header (IHDR) has a wrong checksum")
    width, height, bits, colour, compression, filters, interlace = struct.unpack(">IIBBBBB", start[16:29])
    if not (0 < width <= PNG_SIDE and 0 < height <= PNG_SIDE):
        return broken(f"the PNG has {width} x {height} pixels")
    if bits not in PNG_BITS.get(colour, ()) or compression or filters or interlace > 1:
        return broken(f"the PNG's header names what no PNG has: {bits} bits of colour type {colour}")
    return Head("PNG", width, height, PNG_CHANNELS[colour] * bits)


def _jpeg(data: memoryview) -> Head | ImageFault:
    """Goes from segment to segment to the frame header (ITU T.81, B.2)."""
    place, end = 2, len(data)
    for _ in range(JPEG_SEGMENTS):
        if place + 4 > end or data[place] != 0xFF:
            return broken("the JPEG has no header: its segments end before it")
        marker = data[place + 1]
        if marker == 0xFF or marker in JPEG_BARE:
            place += 1 if marker == 0xFF else 2  # FF may be repeated to fill up
            continue
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in JPEG_NO_FRAME:
            return _frame(marker, bytes(data[place + 4 : place + 2 + length]))
        if length < 2 or marker in (JPEG_SCAN, JPEG_EOI):
            return broken("the JPEG has no header before its data")
        place += 2 + length
    return broken(f"the JPEG has no header among its first {JPEG_SEGMENTS} segments")


def _frame(marker: int, body: bytes) -> Head | ImageFault:
    """A frame header without its length: bits, height, width, components (T.81, B.2.2)."""
    if len(body) < 6:
        return broken("the JPEG's header is cut short")
    bits, height, width, channels = struct.unpack(">BHHB", body[:6])
    if len(body) != 6 + 3 * channels:
        return broken("the JPEG's header does not have the length that it should")
    if not (width and height):
        return broken(f"the JPEG has {width} x {height} pixels")
    if bits != 8 or channels not in (1, 3, 4) or marker in JPEG_HIERARCHICAL:
        return unusable(f"a JPEG of {channels} channels with {bits} bits, kind {marker:02X}: PEKAT cannot decode it")
    return Head("JPEG", width, height, channels * bits)


def _bmp(start: bytes) -> Head | ImageFault:
    size = int.from_bytes(start[14:18], "little")
    old = size == BMP_OLD
    if size not in BMP_HEADERS or len(start) < 14 + min(size, 40):
        return broken("the BMP has no header of a known length")
    width, height, _, depth = struct.unpack_from("<HHHH" if old else "<iiHH", start, 18)
    packing = 0 if old else int.from_bytes(start[30:34], "little")
    if width < 1 or height == 0:
        return broken(f"the BMP has {width} x {height} pixels")
    if packing in BMP_INSIDE:
        return unusable(f"a BMP with a {BMP_INSIDE[packing]} inside: PEKAT cannot decode it")
    if depth not in BMP_BITS or packing not in BMP_PLAIN | BMP_RUNS:
        return broken(f"the BMP's header names what no BMP has: {depth} bits, compression {packing}")
    row = (width * depth + 31) // 32 * 4
    stored = int.from_bytes(start[10:14], "little") + row * abs(height) if packing in BMP_PLAIN else 0
    return Head("BMP", width, abs(height), depth, stored)  # a negative height: rows from the top

"""Is this a whole PNG, JPEG or BMP? Judged by first and last bytes only."""

from gateway.core.result import Reason
from gateway.images.faults import ImageFault, broken, unusable

HEAD_BYTES = 32
TAIL_BYTES = 64

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
"""An IEND chunk: length 0, name, checksum. Every PNG ends with it."""
JPEG_MAGIC = b"\xff\xd8\xff"
JPEG_END = b"\xff\xd9"
"""The EOI marker. Inside the picture's data FF is always followed by 00, so it cannot stand there by chance."""
BMP_MAGIC = b"BM"
BMP_MINIMUM = 26
"""The file header of 14 bytes and the smallest bitmap header of 12."""

OTHERS = (
    (0, b"II*\x00", "TIFF"),
    (0, b"MM\x00*", "TIFF"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (4, b"jP  ", "JPEG 2000"),
    (4, b"ftypavif", "AVIF"),
    (4, b"ftyphei", "HEIF"),
)
"""Where other formats have which mark. PEKAT's documents name PNG and, older ones, JPEG and BMP."""


def fault_of(head: bytes, tail: bytes, size: int) -> ImageFault | None:
    """None where a file of `size` bytes with these first and last bytes is whole."""
    if size == 0:
        return ImageFault(Reason.EMPTY_IMAGE, "it is empty: 0 bytes")
    if head.startswith(PNG_MAGIC):
        return None if tail.endswith(PNG_END) else broken("truncated: the PNG does not end with IEND")
    if head.startswith(JPEG_MAGIC):
        # Some cameras fill the file up with zeros behind the end marker.
        whole = tail.rstrip(b"\x00").endswith(JPEG_END)
        return None if whole else broken("truncated: the JPEG does not end with FF D9")
    if head.startswith(BMP_MAGIC):
        return _bmp_fault(head, size)
    return _unknown(head)


def fault_of_bytes(data: bytes | bytearray | memoryview) -> ImageFault | None:
    """The same for a whole file in memory."""
    return fault_of(bytes(data[:HEAD_BYTES]), bytes(data[-TAIL_BYTES:]), len(data))


def _bmp_fault(head: bytes, size: int) -> ImageFault | None:
    declared = int.from_bytes(head[2:6], "little")
    if declared < BMP_MINIMUM:
        return broken("the BMP does not say how long it is")
    return None if size >= declared else broken(f"truncated: the BMP has {size} of {declared} bytes")


def _unknown(head: bytes) -> ImageFault:
    for offset, mark, name in OTHERS:
        if head.startswith(mark, offset):
            return unusable(f"it is a {name}; PEKAT takes PNG, JPEG and BMP")
    return broken(f"not a PNG, JPEG or BMP: its first bytes are {head[:8].hex(' ')}")

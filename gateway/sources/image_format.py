"""Is this a whole PNG, JPEG or BMP? Judged by first and last bytes only; nothing is decoded."""

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


def fault_of(head: bytes, tail: bytes, size: int) -> str:
    """Empty where a file of `size` bytes with these first and last bytes is whole, else what is wrong, for people."""
    if size == 0:
        return "the file is empty"
    if head.startswith(PNG_MAGIC):
        return "" if tail.endswith(PNG_END) else "truncated: the PNG does not end with IEND"
    if head.startswith(JPEG_MAGIC):
        # Some cameras fill the file up with zeros behind the end marker.
        return "" if tail.rstrip(b"\x00").endswith(JPEG_END) else "truncated: the JPEG does not end with FF D9"
    if head.startswith(BMP_MAGIC):
        return _bmp_fault(head, size)
    return "not a PNG, JPEG or BMP: its first bytes are " + (head[:8].hex(" ") or "missing")


def fault_of_bytes(data: bytes | memoryview) -> str:
    """The same for a whole file in memory."""
    return fault_of(bytes(data[:HEAD_BYTES]), bytes(data[-TAIL_BYTES:]), len(data))


def _bmp_fault(head: bytes, size: int) -> str:
    declared = int.from_bytes(head[2:6], "little")
    if declared < BMP_MINIMUM:
        return "the BMP does not say how long it is"
    return "" if size >= declared else f"truncated: the BMP has {size} of {declared} bytes"

"""The one gate that encoded images pass before anybody sends or decodes them: by their bytes, by their header."""

from dataclasses import dataclass

from gateway.core.result import Reason
from gateway.images.ends import fault_of_bytes
from gateway.images.faults import ImageFault, broken
from gateway.images.heads import Head, head_of

MEGABYTE = 1_000_000
MEGAPIXEL = 1_000_000


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """How large an image may be.

    Pixels are counted, not the bytes that they decode to, because they are what people know of their camera: a pixel
    decodes to 8 bytes at most (RGBA of 16 bits), usually to 3.
    """

    max_bytes: int = 64 * MEGABYTE
    """Of the file as it is. A grey image of 65 megapixels passes as a BMP."""
    max_pixels: int = 100 * MEGAPIXEL
    """Above the largest area sensors on lines (65 megapixels); in colour 300 MB in PEKAT."""

    def over_bytes(self, size: int) -> ImageFault | None:
        """What to say of a file of so many bytes; None where it may be read."""
        if size <= self.max_bytes:
            return None
        allowed = f"max_file_mb = {self.max_bytes / MEGABYTE:g}"
        text = f"{size / MEGABYTE:.1f} MB are more than {allowed} allows; it was not read"
        return ImageFault(Reason.IMAGE_TOO_LARGE, text)

    def over_pixels(self, width: int, height: int) -> ImageFault | None:
        """What to say of an image of this size; None where it may be decoded."""
        pixels = width * height
        if pixels <= self.max_pixels:
            return None
        text = (
            f"{width} x {height} pixels are {pixels / MEGAPIXEL:.1f} megapixels, "
            f"more than max_megapixels = {self.max_pixels / MEGAPIXEL:g} allows; it was not decoded"
        )
        return ImageFault(Reason.IMAGE_TOO_LARGE, text)


DEFAULT_LIMITS = ImageLimits()


def image_fault(data: bytes | bytearray | memoryview, limits: ImageLimits = DEFAULT_LIMITS) -> ImageFault | None:
    """Why this file's bytes go no further; None for a whole PNG, JPEG or BMP within the limits.

    Its ends and its header are looked at, in a few microseconds. That its pixels can be decoded is not proved: PEKAT
    does that anyway, and doing it twice would cost a trigger 20 ms.
    """
    if (large := limits.over_bytes(len(data))) is not None:
        return large
    head = head_of(data)
    if isinstance(head, Head) and (large := limits.over_pixels(head.width, head.height)) is not None:
        return large
    if (cut := fault_of_bytes(data)) is not None:
        return cut
    if isinstance(head, ImageFault):
        return head
    if head.stored > len(data):
        return broken(f"truncated: the BMP has {len(data)} of {head.stored} bytes")
    return None

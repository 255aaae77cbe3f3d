"""Images for the gate: whole ones by Pillow, broken and hostile ones by hand, each with the reason that it gets."""

import io
import struct
import zlib

from PIL import Image

from gateway.core.result import Reason


def encoded(kind: str, mode: str = "L", size: tuple[int, int] = (7, 5), **options: object) -> bytes:
    """A whole file as Pillow writes it."""
    file = io.BytesIO()
    Image.new(mode, size).save(file, kind, **options)
    return file.getvalue()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(width: int, height: int, *, bits: int = 8, colour: int = 0, before: bytes = b"", data: bytes = b"") -> bytes:
    """A PNG that says it has this size; its pixels are `data`, zeros that were deflated where that is left out."""
    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    pixels = data or zlib.compress(bytes(20_000_000), 9)
    chunks = png_chunk(b"IHDR", header) + before + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def jpeg_of(width: int, height: int, *, bits: int = 8, channels: int = 1, marker: int = 0xC0) -> bytes:
    """A JPEG's frame header of this size, and its end."""
    components = b"".join(struct.pack("3B", number, 0x11, 0) for number in range(channels))
    frame = struct.pack(">HBHHB", 8 + 3 * channels, bits, height, width, channels) + components
    return b"\xff\xd8\xff" + bytes([marker]) + frame + b"\xff\xda\x00\x02\xff\xd9"


def bmp_of(width: int, height: int, *, bits: int = 24, packing: int = 0, data: bytes = bytes(100)) -> bytes:
    """A BMP's header of this size with whatever data; its length is told truly."""
    fields = struct.pack("<IIIIiiHHIIiiII", 54 + len(data), 0, 54, 40, width, height, 1, bits, packing, 0, 0, 0, 0, 0)
    return b"BM" + fields + data


def text_bomb() -> bytes:
    """A PNG of 1 x 1 pixels whose compressed text of 20 kB inflates to 20 MB."""
    text = png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(20_000_000), 9))
    return png_of(1, 1, before=text, data=zlib.compress(b"\0\0"))


BAD = {
    "empty": (b"", Reason.EMPTY_IMAGE),
    "text called png": (b"this is no picture, whatever it is called\n" * 20, Reason.NOT_AN_IMAGE),
    "zeros": (bytes(5000), Reason.NOT_AN_IMAGE),
    "web page": (b"<!doctype html><title>camera is starting</title>", Reason.NOT_AN_IMAGE),
    "cut short": (encoded("PNG", size=(640, 480))[:-20], Reason.NOT_AN_IMAGE),
    "jpeg cut short": (encoded("JPEG", size=(640, 480))[:-20], Reason.NOT_AN_IMAGE),
    "jpeg without a frame": (b"\xff\xd8\xff\xda\x00\x02" + bytes(100) + b"\xff\xd9", Reason.NOT_AN_IMAGE),
    "bmp that lies of its length": (bmp_of(200, 100), Reason.NOT_AN_IMAGE),
    "png with a wrong checksum": (png_of(5, 5)[:32] + b"\0" + png_of(5, 5)[33:], Reason.NOT_AN_IMAGE),
    "no pixels": (png_of(0, 5), Reason.NOT_AN_IMAGE),
    "500 megapixels": (png_of(25_000, 20_000), Reason.IMAGE_TOO_LARGE),
    "500 megapixels of jpeg": (jpeg_of(25_000, 20_000, channels=3), Reason.IMAGE_TOO_LARGE),
    "500 megapixels of run lengths": (bmp_of(25_000, 20_000, bits=8, packing=1), Reason.IMAGE_TOO_LARGE),
    "20 kB that become 4 GB": (png_of(65_000, 65_000), Reason.IMAGE_TOO_LARGE),
    "tiff": (encoded("TIFF"), Reason.PIXEL_FORMAT),
    "gif": (encoded("GIF", "P"), Reason.PIXEL_FORMAT),
    "webp": (encoded("WEBP", "RGB"), Reason.PIXEL_FORMAT),
    "jpeg of 12 bits": (jpeg_of(8, 8, bits=12), Reason.PIXEL_FORMAT),
    "jpeg of 2 channels": (jpeg_of(8, 8, channels=2), Reason.PIXEL_FORMAT),
    "bmp with a png inside": (bmp_of(8, 8, packing=5), Reason.PIXEL_FORMAT),
}
"""File name of a case, its bytes, and why it goes no further (limits: 64 MB, 100 megapixels)."""

WHOLE = {
    **{f"png {mode}": ("PNG", encoded("PNG", mode)) for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16")},
    "png, optimised": ("PNG", encoded("PNG", "RGB", (64, 48), optimize=True)),
    **{f"jpeg {mode}": ("JPEG", encoded("JPEG", mode)) for mode in ("L", "RGB", "CMYK")},
    "jpeg, progressive": ("JPEG", encoded("JPEG", "RGB", (64, 48), progressive=True)),
    "jpeg with a large profile": ("JPEG", encoded("JPEG", "RGB", icc_profile=bytes(200_000))),
    "jpeg with zeros behind": ("JPEG", encoded("JPEG") + bytes(20)),
    **{f"bmp {mode}": ("BMP", encoded("BMP", mode)) for mode in ("1", "L", "P", "RGB", "RGBA")},
}
"""Format and bytes of files that pass."""

"""How images come to the PEKAT simulator: encoded, raw, or in shared memory. What cannot be read is a BadImageError."""

import io
import re
import sys
from multiprocessing import resource_tracker, shared_memory
from pathlib import Path

import numpy as np
from PIL import Image

from gateway.core.result import Reason
from gateway.images.limits import image_fault

SHARED_MEMORY = Path("/dev/shm")
"""Where Linux keeps shared memory blocks. Reading the file leaves the block to its owner; attaching through Python
before 3.13 would have the simulator's exit remove it."""
CHANNELS = (1, 3)


class BadImageError(Exception):
    """The image is missing or cannot be decoded: HTTP 400."""


def encoded_image(body: bytes, *, png_only: bool) -> Image.Image:
    """Decode an image file, of a size that this machine can bear."""
    if (fault := image_fault(body)) is not None and fault.reason is Reason.IMAGE_TOO_LARGE:
        raise BadImageError(f"cv2.error: OpenCV(4.10.0) imdecode: {fault}")
    try:
        picture = Image.open(io.BytesIO(body), formats=("PNG",) if png_only else ("PNG", "JPEG", "BMP"))
        picture.load()
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadImageError(f"cv2.error: OpenCV(4.10.0) imdecode: {error}") from error
    return picture if picture.mode in ("L", "RGB") else picture.convert("RGB")


def raw_image(pixels: bytes, width: int, height: int, *, bayer: bool = False) -> Image.Image:
    """An image of raw pixels: grey, BGR, or Bayer RG8 (taken as grey). The channels follow from the length."""
    if width < 1 or height < 1:
        raise BadImageError("ValueError: width and height are required and positive")
    channels, rest = divmod(len(pixels), width * height)
    if rest or channels not in CHANNELS or (bayer and channels != 1):
        raise BadImageError(f"ValueError: cannot reshape array of size {len(pixels)} into shape ({height},{width})")
    array = np.frombuffer(pixels, np.uint8)
    if channels == 1:
        return Image.fromarray(array.reshape(height, width))
    return Image.fromarray(np.ascontiguousarray(array.reshape(height, width, 3)[:, :, ::-1]))


def shared_image(name: str, width: int, height: int) -> Image.Image:
    """An image in a shared memory block that the client keeps. More than three channels are cut off, as in PEKAT."""
    if width < 1 or height < 1 or not re.fullmatch(r"[A-Za-z0-9_]{1,200}", name):
        raise BadImageError(f"ValueError: no shared memory {name[:50]!r} of {width} x {height}")
    try:
        block = _linux_block(name) if sys.platform == "linux" else _block(name)
    except OSError as error:
        raise BadImageError(f"FileNotFoundError: {error}") from error
    channels = min(len(block) // (width * height), 3)
    return raw_image(block[: width * height * channels], width, height)


def _linux_block(name: str) -> bytes:
    return (SHARED_MEMORY / name).read_bytes()


def _block(name: str) -> bytes:
    block = shared_memory.SharedMemory(name)
    try:
        return bytes(block.buf or b"")
    finally:
        block.close()
        if sys.platform != "win32" and sys.version_info < (3, 13):
            resource_tracker.unregister(f"/{name}", "shared_memory")

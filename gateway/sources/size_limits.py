"""The settings that bound encoded images, the same for every source that takes them."""

from typing import Annotated

from pydantic import Field

from gateway.images.limits import DEFAULT_LIMITS, MEGABYTE, MEGAPIXEL, ImageLimits

MaxFileMb = Annotated[
    int,
    Field(
        ge=1,
        le=1024,
        description="Larger files are refused unread, reason 18 (megabytes of 1,000,000 bytes).",
    ),
]
MaxMegapixels = Annotated[
    int,
    Field(
        ge=1,
        le=1000,
        description="Images that say in their header that they are larger are refused before anybody decodes them, "
        "reason 18 (1,000,000 pixels).",
    ),
]
DEFAULT_FILE_MB = DEFAULT_LIMITS.max_bytes // MEGABYTE
DEFAULT_MEGAPIXELS = DEFAULT_LIMITS.max_pixels // MEGAPIXEL


def limits_of(max_file_mb: int, max_megapixels: int) -> ImageLimits:
    """The settings in bytes and pixels."""
    return ImageLimits(max_file_mb * MEGABYTE, max_megapixels * MEGAPIXEL)


def limits_text(limits: ImageLimits) -> str:
    """What `check` says of them."""
    return f"images up to {limits.max_bytes // MEGABYTE} MB and {limits.max_pixels // MEGAPIXEL} megapixels"

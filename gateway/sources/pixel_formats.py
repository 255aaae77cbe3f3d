"""How a camera's frames become pictures that PEKAT takes."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.ports import Picture, RawFormat
from gateway.sources.genicam_camera import Frame


@dataclass(frozen=True, slots=True)
class _Layout:
    """How a pixel format's bytes become PEKAT's."""

    pixel_bytes: int
    channels: int = 1
    bayer: bool = False
    convert: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None
    """None: the bytes are right as they are."""


def _shifted(bits: int) -> Callable[[NDArray[np.uint8]], NDArray[np.uint8]]:
    """Little-endian 16 bit values that hold `bits` bits each, to their upper 8."""
    return lambda rows: (rows.view("<u2") >> (bits - 8)).astype(np.uint8)


def _swapped(rows: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return rows.reshape(len(rows), -1, 3)[:, :, ::-1]


LAYOUTS = {
    "Mono8": _Layout(1),
    "Mono10": _Layout(2, convert=_shifted(10)),
    "Mono12": _Layout(2, convert=_shifted(12)),
    "BGR8": _Layout(3, channels=3),
    "RGB8": _Layout(3, channels=3, convert=_swapped),
    "BayerRG8": _Layout(1, bayer=True),
}


OLDER_NAMES = {"RGB8Packed": "RGB8", "BGR8Packed": "BGR8"}
"""Names that GigE Vision 1 cameras and some libraries still use."""
FORMATS_HINT = f"set pixel_format to one of {', '.join(LAYOUTS)}"


def usual_name(pixel_format: str) -> str:
    """The name that the Pixel Format Naming Convention has for it today."""
    return OLDER_NAMES.get(pixel_format, pixel_format)


def check_format(pixel_format: str) -> None:
    """Raises SourceError where frames of this format cannot be handed to PEKAT."""
    if usual_name(pixel_format) not in LAYOUTS:
        raise SourceError(
            f"the camera sends {pixel_format}, which cannot be handed to PEKAT",
            reason=Reason.BAD_IMAGE,
            hint=FORMATS_HINT,
        )


def picture_of(name: str, frame: Frame) -> Picture:
    """A whole frame's pixels in PEKAT's layout. Raises SourceError BAD_IMAGE for a damaged one, or another format."""
    if frame.damage:
        hint = "check cable, switch, packet_size, and the receive buffer of the network (net.core.rmem_max)"
        raise SourceError(f"{name}: {frame.damage}", reason=Reason.BAD_IMAGE, hint=hint)
    check_format(frame.pixel_format)
    layout = LAYOUTS[usual_name(frame.pixel_format)]
    row = frame.width * layout.pixel_bytes
    expected = (row + frame.padding) * frame.height
    if not expected or len(frame.data) != expected:
        text = (
            f"{name}: {len(frame.data)} bytes, where {frame.width} x {frame.height} {frame.pixel_format} is {expected}"
        )
        raise SourceError(text, reason=Reason.BAD_IMAGE, hint="switch chunk data off in the camera (ChunkModeActive)")
    raw = RawFormat(frame.width, frame.height, layout.channels, layout.bayer)
    return Picture(name, _pixels(frame, layout, row), raw)


def _pixels(frame: Frame, layout: _Layout, row: int) -> bytes:
    if not frame.padding and layout.convert is None:
        return frame.data
    rows = np.frombuffer(frame.data, np.uint8).reshape(frame.height, -1)[:, :row]
    return (layout.convert(np.ascontiguousarray(rows)) if layout.convert else rows).tobytes()

"""How a camera's frames become pictures that PEKAT takes."""

from typing import Self

import numpy as np

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.ports import Picture, RawFormat
from gateway.sources.genicam_camera import Frame
from gateway.sources.pending import now_us
from gateway.sources.pixel_layouts import LAYOUTS, Bytes, Layout, usual_name
from gateway.sources.worker import Worker

FORMATS_HINT = "set pixel_format to Mono8, BGR8, BayerRG8, or one of the others that docs/cameras.md lists"
GROUPS = 30
"""Bytes: whole groups of 2, 3 and 5, in which values are packed."""
WAITING = 64
"""Frames that wait to be converted: far more than inspections can be in flight."""


class FrameConverter:
    """Part of a source. Has a thread, so that neither the camera's frames nor the event loop wait for a conversion."""

    def __init__(self, station: str) -> None:
        self._station = station
        self._thread = Worker(f"{station}-pixels", WAITING, "the conversion of pixels")

    async def __aenter__(self) -> Self:
        await self._thread.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._thread.__aexit__(*exc)

    async def picture(self, frame: Frame, deadline: int) -> Picture:
        """Raises SourceError, as `picture_of` does; at `deadline` (monotonic us) at the latest."""
        name = f"{self._station}-{frame.number}"
        if frame.damage or is_ready(frame):
            return picture_of(name, frame)
        left_s = max(deadline - now_us(), 0) / 1e6
        return await self._thread.call(lambda: picture_of(name, frame), left_s)


def check_format(pixel_format: str) -> None:
    """Raises SourceError PIXEL_FORMAT where frames of this format cannot be handed to PEKAT."""
    if usual_name(pixel_format) not in LAYOUTS:
        raise SourceError(
            f"the camera sends {pixel_format}, which cannot be handed to PEKAT",
            reason=Reason.PIXEL_FORMAT,
            hint=FORMATS_HINT,
        )


def is_ready(frame: Frame) -> bool:
    """The frame's bytes are PEKAT's already: nothing is copied."""
    layout = LAYOUTS.get(usual_name(frame.pixel_format), Layout(8))
    return not (frame.padding or layout.unpack or layout.reverse or layout.left or layout.top)


def picture_of(name: str, frame: Frame) -> Picture:
    """A whole frame's pixels in PEKAT's layout.

    Raises SourceError: FRAME_INCOMPLETE for a damaged one, PIXEL_FORMAT for another format, BAD_IMAGE where its bytes
    are not those of its size.

    Copies: none of Mono8, BGR8, BayerRG8 and BayerGB8 without padding; else one, and one more where rows are padded
    and packed. (The library's own copy, from its buffer to `Frame.data`, comes before that.)
    """
    if frame.damage:
        hint = "check cable, switch, packet_size, and the receive buffer of the network (net.core.rmem_max)"
        raise SourceError(f"{name}: {frame.damage}", reason=Reason.FRAME_INCOMPLETE, hint=hint)
    check_format(frame.pixel_format)
    layout = LAYOUTS[usual_name(frame.pixel_format)]
    padded = _padded(name, frame, layout)
    width, height = frame.width - 2 * layout.left, frame.height - 2 * layout.top
    if width < 1 or height < 1:
        text = f"{name}: of {frame.width} x {frame.height} pixels nothing is left that begins with red"
        raise SourceError(text, reason=Reason.BAD_IMAGE, hint="make region larger")
    raw = RawFormat(width, height, layout.channels, layout.bayer)
    if is_ready(frame):
        return Picture(name, frame.data, raw)
    return Picture(name, _pixels(frame, layout, padded=padded).data.cast("B"), raw)


def _padded(name: str, frame: Frame, layout: Layout) -> bool:
    """Whether each row begins with a byte of its own. Raises SourceError where the bytes are not those of the size."""
    row = -(-frame.width * layout.pixel_bits // 8) + frame.padding
    in_one = -(-frame.width * frame.height * layout.pixel_bits // 8)
    size, usual = len(frame.data), row * frame.height
    if not size or size not in (usual, in_one):
        text = f"{name}: {size} bytes, where {frame.width} x {frame.height} {frame.pixel_format} is {usual}"
        raise SourceError(text, reason=Reason.BAD_IMAGE, hint="switch chunk data off in the camera (ChunkModeActive)")
    return size == usual


def _pixels(frame: Frame, layout: Layout, *, padded: bool) -> Bytes:
    """Contiguous, as they go to PEKAT."""
    data = np.frombuffer(frame.data, np.uint8)
    row_bits = frame.width * layout.pixel_bits
    gaps = padded and (frame.padding or row_bits % 8)
    if gaps:
        data = _whole_groups(data.reshape(frame.height, -1)[:, : -(-row_bits // 8)], layout)
    values = data if layout.unpack is None else layout.unpack(data.reshape(-1))
    in_row = frame.width * layout.channels
    if not gaps:
        values = values[: in_row * frame.height]
    pixels = values.reshape(frame.height, -1)[:, :in_row]
    if layout.reverse:
        return _reversed(pixels.reshape(frame.height, -1, 3))
    left, top = layout.left, layout.top
    return np.ascontiguousarray(pixels[top : frame.height - top, left : pixels.shape[1] - left])


def _reversed(pixels: Bytes) -> Bytes:
    """Channel by channel: four times as fast as numpy's copy of the reversed view."""
    turned = np.empty_like(pixels)
    for channel in range(3):
        turned[:, :, channel] = pixels[:, :, 2 - channel]
    return turned


def _whole_groups(rows: Bytes, layout: Layout) -> Bytes:
    """Each row made longer to whole groups of values, so that all can be unpacked at once."""
    if layout.unpack is None:
        return rows
    whole = np.zeros((rows.shape[0], -(-rows.shape[1] // GROUPS) * GROUPS), np.uint8)
    whole[:, : rows.shape[1]] = rows
    return whole

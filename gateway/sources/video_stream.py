"""The home of PyAV (FFmpeg): opens a stream, decodes it frame by frame, turns a frame into raw pixels."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError, HTTPForbiddenError, HTTPUnauthorizedError
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.ports import Picture, RawFormat
from gateway.sources.pending import now_us
from gateway.sources.video_clock import ArrivalClock

STAMPED = frozenset({"rtsp", "sdp", "rtp", "mpegts", "flv", "video4linux2,v4l2", "dshow"})
"""FFmpeg's formats whose time stamps were made by the sender's clock; others (mpjpeg) are numbered, not timed."""
CHANNELS = {"bgr24": 3, "gray": 1}
"""FFmpeg's names of the raw formats that are handed on."""
LONGEST_PAUSE_S = 1.0
"""A recording with fewer frames than one in this time is played faster: its end has to be bounded."""


@dataclass(frozen=True, slots=True)
class Address:
    """What is opened and how. `secret` goes to FFmpeg and holds the password; `place` is for people and logs."""

    secret: str
    place: str
    format: str | None
    options: Mapping[str, str]
    is_file: bool
    """A recording: played at its own speed, again and again."""
    patience_s: float
    """For a connection, the first frame, and a frame after silence; then it connects anew."""
    silence_s: float
    """Without a frame for so long it counts as down."""
    max_pixels: int


@dataclass(frozen=True, slots=True)
class Frame:
    """A decoded frame. It was there at `moment` (monotonic us) or later, never sooner."""

    pixels: VideoFrame
    number: int
    moment: int


@dataclass(frozen=True, slots=True)
class _Note:
    """A frame's moment, as an object of its own: PyAV keeps notes by identity, so one int for two packets is lost."""

    moment: int


class Stream:
    """One connection: `with` opens it. Blocks for at most about twice the times in the address. For one thread."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._clock = ArrivalClock()

    def __enter__(self) -> Self:
        address = self._address
        with self._told("cannot be opened"):
            self._container: InputContainer = av.open(
                address.secret,
                "r",
                format=address.format,
                options=dict(address.options),
                timeout=address.patience_s,
            )
        try:
            self._video = self._chosen(self._container)
        except BaseException:
            self._container.close()
            raise
        return self

    def __exit__(self, *exc: object) -> None:
        self._container.close()

    def frames(self) -> Iterator[Frame]:
        """Each decoded frame, until the stream ends. Raises SourceError; the iterator is at an end then."""
        number, began, shown_at = 0, now_us(), now_us()
        while (packet := self._next_packet()) is not None:
            if self._address.is_file:
                _keep_pace(packet, began)
                packet.opaque = _Note(now_us())
            for picture in self._decoded(packet):
                number, shown_at = number + 1, now_us()
                yield Frame(picture, number, self._moment(picture))
            if now_us() - shown_at > self._address.patience_s * 1e6:
                raise self._error(
                    "data comes, but no frame can be decoded", "look at the stream in a player; is it too large?"
                )

    def _next_packet(self) -> "Packet[VideoStream] | None":
        asked = now_us()
        with self._told("broke off"):
            packet = next(self._container.demux(self._video), None)
        if packet is None or not packet.size:
            return None
        packet.opaque = _Note(self._clock.moment(asked, now_us(), self._stamp(packet)))
        if behind := self._clock.behind_us:
            wrong = f"frames are read {behind / 1e6:.1f} s late, or the camera's clock was set"
            raise self._error(wrong, "is this machine too slow for it? lower the stream's resolution or frame rate")
        return packet

    def _decoded(self, packet: "Packet[VideoStream]") -> Iterator[VideoFrame]:
        """What the packet makes visible; nothing where it is damaged, too large, or no key frame came yet."""
        try:
            pictures = packet.decode()
        except FFmpegError:  # whatever is wrong with it; without a frame for long, `frames` raises
            return
        for picture in pictures:
            self._check_size(picture.width, picture.height)
            if not picture.is_corrupt:
                yield picture

    def _moment(self, picture: VideoFrame) -> int:
        """What was noted at the packet that the picture came in, which the decoder may have kept for a while."""
        if not isinstance(picture.opaque, _Note):
            raise self._error("its decoder does not tell frames apart", "use H.264, H.265 or MJPEG")
        return picture.opaque.moment

    def _stamp(self, packet: "Packet[VideoStream]") -> int | None:
        ticks = packet.pts if packet.dts is None else packet.dts
        if ticks is None or packet.time_base is None or self._container.format.name not in STAMPED:
            return None
        return int(ticks * packet.time_base * 1_000_000)

    def _chosen(self, container: InputContainer) -> VideoStream:
        if not container.streams.video:
            raise self._error("has no video in it", "is this the address of the video stream?")
        video = container.streams.video[0]
        context = video.codec_context
        self._check_size(context.width, context.height)
        context.thread_type = "SLICE"  # threads by frame hold frames back
        context.flags |= av.codec.context.Flags.low_delay
        context.copy_opaque = True
        context.options = {**context.options, "max_pixels": str(self._address.max_pixels)}
        return video

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self._address.max_pixels:
            raise SourceError(
                f"{self._address.place}: frames of {width}x{height} are larger than max_megapixels allows",
                reason=Reason.IMAGE_TOO_LARGE,
                hint="lower the camera's resolution, or raise max_megapixels",
            )

    def _error(self, wrong: str, hint: str) -> SourceError:
        return SourceError(f"{self._address.place}: {wrong}", hint=hint)

    @contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """FFmpeg's errors as SourceError. Their own text holds the address with the password, so only the cause."""
        try:
            yield
        except (HTTPUnauthorizedError, HTTPForbiddenError):
            failure = self._error("the camera refused the log-in", "check user and password")
        except av.error.ExitError:
            failure = self._error(f"{what}: silent for too long", "is the camera on? is the network there?")
        except (FFmpegError, OSError, ValueError) as error:
            cause = getattr(error, "strerror", None) or type(error).__name__
            failure = self._error(f"{what}: {cause}", "check the address, the cable, and whether the camera is on")
        else:
            return
        raise failure from None


def picture_of(frame: Frame, name: str, pixel_format: str) -> Picture:
    """The frame's raw pixels, without an encoder. Rows are copied only where FFmpeg padded them."""
    converted = frame.pixels.reformat(format=pixel_format)
    channels, plane = CHANNELS[pixel_format], converted.planes[0]
    shape = RawFormat(converted.width, converted.height, channels)
    if plane.line_size == shape.width * channels:
        data = memoryview(plane)[: plane.line_size * shape.height]
    else:
        data = np.ascontiguousarray(converted.to_ndarray()).data.cast("B")
    return Picture(name, data, shape)


def _keep_pace(packet: "Packet[VideoStream]", began: int) -> None:
    """Wait until the recording's own time for this packet. `began`: monotonic us."""
    ticks = packet.dts if packet.dts is not None else packet.pts
    if ticks is None or packet.time_base is None:
        return
    left_s = float(ticks * packet.time_base) - (now_us() - began) / 1e6
    time.sleep(min(max(left_s, 0), LONGEST_PAUSE_S))

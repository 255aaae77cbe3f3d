"""The stream by itself: what a frame carries, and its pixels."""

from fractions import Fraction
from itertools import islice
from operator import attrgetter
from pathlib import Path

import av
import numpy as np
import pytest

from gateway.ports import RawFormat
from gateway.sources.video_clock import ArrivalClock
from gateway.sources.video_settings import VideoSettings
from gateway.sources.video_stream import Frame, Stream, picture_of
from tests.sources.stream_server import camera


@pytest.mark.parametrize("width", [320, 322])
@pytest.mark.parametrize(("name", "channels"), [("bgr24", 3), ("gray", 1)])
def test_raw_pixels_have_no_padding(width: int, name: str, channels: int) -> None:
    colours = np.random.default_rng(1).integers(0, 256, (20, width, 3), np.uint8)
    shown = Frame(av.VideoFrame.from_ndarray(colours, format="bgr24"), 7, 0)
    picture = picture_of(shown, "line-7", name)
    assert picture.raw == RawFormat(width, 20, channels)
    got = np.frombuffer(picture.data, np.uint8).reshape(20, width, channels)
    expected = colours if channels == 3 else (colours @ [0.114, 0.587, 0.299])[..., np.newaxis]
    assert np.abs(got.astype(float) - expected).max() < 3


def test_frames_that_came_at_the_same_moment_all_carry_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyAV forgets the notes of both, where two packets have one and the same object and the first frame is let go."""
    came = 123_456_789
    monkeypatch.setattr(ArrivalClock, "moment", lambda *_: came)
    with camera("mpjpeg") as (url, _), Stream(VideoSettings(url=url)._address()) as stream:
        moments = list(map(attrgetter("moment"), islice(stream.frames(), 5)))  # keeps no frame, as a loop would
    assert moments == [came] * 5


def jpeg(width: int, height: int) -> bytes:
    encoder = av.CodecContext.create("mjpeg", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuvj420p"
    encoder.time_base = Fraction(1, 25)
    gray = np.full((height, width), 90, np.uint8)
    frame = av.VideoFrame.from_ndarray(gray, format="gray").reformat(format="yuvj420p")
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))


def test_a_frame_over_the_limit_in_the_middle_is_not_decoded_and_the_next_one_is_served(tmp_path: Path) -> None:
    file = tmp_path / "recording.mjpeg"
    file.write_bytes(jpeg(320, 240) + jpeg(1280, 1024) + jpeg(320, 240) * 2)
    with Stream(VideoSettings(file=file, max_megapixels=1)._address()) as stream:
        shown = [(frame.pixels.width, frame.pixels.height) for frame in stream.frames()]
    assert len(shown) >= 2
    assert set(shown) == {(320, 240)}

"""The stream by itself: what a frame carries, and its pixels."""

from itertools import islice
from operator import attrgetter

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

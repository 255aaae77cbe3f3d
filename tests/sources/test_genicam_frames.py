"""Which frame answers which trigger, and what becomes of its pixels."""

import threading
import time
from collections import deque
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.ports import RawFormat
from gateway.sources.genicam_camera import Frame, Shutter
from gateway.sources.genicam_session import CameraSession, steps_after
from gateway.sources.pixel_formats import LAYOUTS, picture_of


def frame(number: int = 1, data: bytes = b"\x07", pixel_format: str = "Mono8", **more: object) -> Frame:
    values: dict[str, object] = {"width": 1, "height": 1, "padding": 0, **more}
    return Frame(number=number, pixel_format=pixel_format, data=data, **values)  # type: ignore[arg-type]  # test values


class ScriptedCamera:
    """Sends what the test says after each trigger: frame numbers, each once `next_frame` has been asked so often."""

    def __init__(self, *answers: list[int]) -> None:
        self.answers = deque(answers)
        self.waiting: deque[int] = deque()
        self.streams = self.triggers = 0

    def open(self) -> None:
        pass

    def configure(self, exposed: Callable[[int], None]) -> Shutter:
        self.streams += 1
        self.waiting.clear()
        return Shutter()

    def trigger(self) -> None:
        self.triggers += 1
        self.waiting.extend(self.answers.popleft())

    def next_frame(self, timeout_s: float) -> Frame | None:
        if self.waiting:
            return frame(self.waiting.popleft())
        time.sleep(timeout_s)
        return None

    def look(self) -> None:
        pass

    def close(self) -> None:
        pass


def shoot(session: CameraSession, within_s: float = 0.05) -> int | Reason:
    deadline = time.monotonic_ns() // 1000 + int(within_s * 1e6)
    try:
        return session.shoot(deadline, threading.Event()).number
    except SourceError as error:
        return error.reason


def connected(*answers: list[int], owed_s: float = 0.0) -> tuple[CameraSession, ScriptedCamera]:
    camera = ScriptedCamera(*answers)
    session = CameraSession(camera, owed_s)
    session.connect()
    return session, camera


def test_frames_in_order_are_given_on_one_stream() -> None:
    session, camera = connected([5], [6], [7])
    assert [shoot(session) for _ in range(3)] == [5, 6, 7]
    assert (camera.streams, session.dropped) == (1, 0)


def test_a_trigger_without_its_frame_begins_a_new_stream() -> None:
    session, camera = connected([1], [], [1], [2])
    assert [shoot(session) for _ in range(4)] == [1, Reason.NO_IMAGE, 1, 2]
    assert camera.streams == 2


def test_before_the_frame_that_is_owed_has_come_nothing_is_triggered() -> None:
    session, camera = connected([1], [], [3], owed_s=60)
    assert [shoot(session) for _ in range(3)] == [1, Reason.NO_IMAGE, Reason.NO_IMAGE]
    assert (camera.triggers, camera.streams) == (2, 1)
    camera.waiting.append(2)
    assert shoot(session) == 3
    assert (camera.triggers, camera.streams, session.dropped) == (3, 1, 1)


def test_a_frame_that_nobody_asked_for_is_thrown_away_before_the_trigger() -> None:
    session, camera = connected([1], [3])
    assert shoot(session) == 1
    camera.waiting.append(2)
    assert shoot(session) == 3
    assert session.dropped == 1


def test_an_older_frame_is_passed_over() -> None:
    session, _ = connected([5], [4, 5, 6])
    assert [shoot(session), shoot(session)] == [5, 6]
    assert session.dropped == 2


def test_a_frame_too_new_is_not_taken_for_the_answer() -> None:
    session, camera = connected([5], [7], [1])
    assert [shoot(session) for _ in range(3)] == [5, Reason.NO_IMAGE, 1]
    assert camera.streams == 2


def test_nothing_is_triggered_for_an_order_that_is_over() -> None:
    session, camera = connected()
    assert shoot(session, within_s=-1) is Reason.NO_IMAGE
    assert camera.triggers == 0


def test_a_trigger_that_nobody_wants_any_more_is_not_waited_for() -> None:
    session, _ = connected([])
    abandoned = threading.Event()
    threading.Timer(0.05, abandoned.set).start()
    began = time.monotonic()
    with pytest.raises(SourceError):
        session.shoot(time.monotonic_ns() // 1000 + 30_000_000, abandoned)
    assert time.monotonic() - began < 5


def test_a_camera_that_runs_free_is_found_out() -> None:
    session, camera = connected([1])
    camera.waiting.extend(range(2000))
    assert shoot(session) is Reason.SOURCE_FAILED


@given(st.integers(0, 2**20), st.integers(1, 1000))
def test_numbers_are_compared_over_the_end_of_the_counter(number: int, ahead: int) -> None:
    assert steps_after(number, number + ahead) == ahead or (number % 65536 == 65535 and ahead == 2)
    assert steps_after(number % 65536, (number + ahead) % 65536) == steps_after(number, number + ahead)
    assert steps_after(number + ahead, number) == -ahead
    assert steps_after(65535, 1) == steps_after(65535, 0) == 1
    assert steps_after(number, number) == 0


def test_colours_are_turned_round_for_pekat_and_padding_is_left_out() -> None:
    red, green = b"\xff\x00\x01", b"\x00\xfe\x02"
    rgb = frame(data=red + green + b"pad" + green + red + b"pad", pixel_format="RGB8", width=2, height=2, padding=3)
    picture = picture_of("p", rgb)
    assert (picture.raw, picture.data) == (
        RawFormat(2, 2, 3),
        red[::-1] + green[::-1] + green[::-1] + red[::-1],
    )
    bgr = frame(data=red + green, pixel_format="BGR8", width=2)
    assert picture_of("p", bgr).data == red + green
    assert picture_of("p", bgr).data is bgr.data  # not copied


@pytest.mark.parametrize(("pixel_format", "bits"), [("Mono10", 10), ("Mono12", 12)])
def test_deep_grey_keeps_its_upper_8_bits(pixel_format: str, bits: int) -> None:
    values = np.array([[0, 3, 4], [1 << (bits - 1), (1 << bits) - 1, 16]], "<u2")
    picture = picture_of("p", frame(data=values.tobytes(), pixel_format=pixel_format, width=3, height=2))
    assert picture.raw == RawFormat(3, 2)
    assert picture.data == (values >> (bits - 8)).astype(np.uint8).tobytes()
    assert picture.data[3:5] == b"\x80\xff"


def test_a_bayer_mosaic_goes_as_it_is() -> None:
    picture = picture_of("p", frame(data=b"\1\2\3\4", pixel_format="BayerRG8", width=2, height=2))
    assert (picture.raw, picture.data) == (RawFormat(2, 2, 1, bayer=True), b"\1\2\3\4")


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (frame(data=b""), "0 bytes, where"),
        (frame(data=b"", width=0), "0 bytes, where"),
        (frame(data=b"\0\0"), "2 bytes, where"),
        (frame(damage="3 packets are missing"), "3 packets"),
        (frame(pixel_format="BayerGR8"), "BayerGR8"),
    ],
)
def test_what_is_no_whole_frame_is_a_bad_image(bad: Frame, words: str) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        picture_of("p", bad)
    assert caught.value.reason is Reason.BAD_IMAGE
    assert caught.value.hint


def test_every_format_of_the_settings_has_a_layout() -> None:
    from typing import get_args

    from gateway.sources.genicam_settings import PixelFormat

    assert set(get_args(PixelFormat)) == set(LAYOUTS)

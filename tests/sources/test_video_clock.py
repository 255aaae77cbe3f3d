"""When a frame came, by the sender's time stamps or by whether its read had to wait. All times in microseconds."""

import pytest

from gateway.sources.video_clock import LATE_US, PATIENCE_US, ArrivalClock

PERIOD = 40_000


def test_a_frame_that_waited_is_known_by_its_time_stamp() -> None:
    clock = ArrivalClock()
    for number in range(50):
        read = 5_000_000 + number * PERIOD
        assert clock.moment(read - PERIOD, read, number * PERIOD) == pytest.approx(read, abs=1)
    held_up = 5_000_000 + 60 * PERIOD
    came = clock.moment(held_up - 10, held_up, 50 * PERIOD)
    assert came == pytest.approx(5_000_000 + 50 * PERIOD, abs=10 * PERIOD * 0.001)


def test_old_frames_at_the_beginning_are_found_as_soon_as_one_did_not_wait() -> None:
    clock = ArrivalClock()
    for number in range(10):
        clock.moment(1000 + number, 1000 + number, number * PERIOD)
    assert clock.moment(0, 1010, 10 * PERIOD) == 1010


@pytest.mark.parametrize("ppm", [-100, 100])
def test_a_camera_clock_that_drifts_does_no_harm(ppm: int) -> None:
    clock = ArrivalClock()
    for number in range(25 * 3600):
        read = number * PERIOD
        assert 0 <= read - clock.moment(read - PERIOD, read, int(read * (1 + ppm / 1e6))) < 50


def test_without_time_stamps_only_a_read_that_waited_is_sure() -> None:
    clock = ArrivalClock()
    assert clock.moment(100_000, 140_000, None) == 100_000
    assert clock.moment(141_000, 141_100, None) == 100_000
    assert clock.moment(142_000, 180_000, None) == 142_000


@pytest.mark.parametrize("stamped", [True, False])
def test_a_reader_that_does_not_keep_up_is_told(stamped: bool) -> None:
    clock, read, number = ArrivalClock(), 0, 0
    clock.moment(0, 2 * PERIOD, 0 if stamped else None)
    while not clock.behind_us:
        number, read = number + 1, read + 2 * PERIOD
        clock.moment(read, read + 10, number * PERIOD if stamped else None)
        assert number < 1000
    assert clock.behind_us > LATE_US
    assert read > LATE_US + PATIENCE_US


def test_a_network_that_stumbles_once_does_not_end_the_connection() -> None:
    clock = ArrivalClock()
    for number in range(25):
        clock.moment(number * PERIOD - PERIOD, number * PERIOD, number * PERIOD)
    stumble = 25 * PERIOD + 3 * LATE_US
    for number in range(25, 100):
        clock.moment(stumble, stumble, number * PERIOD)
        assert not clock.behind_us

"""What an answer is called and when it was: ids over restarts, wall-clock times of monotonic moments."""

from datetime import UTC, datetime, timedelta

from gateway.core.result import Judgement, Result, Verdict
from gateway.core.state import Counts
from gateway.ports import Recorded
from gateway.records import DRIFT_US, EPOCH, Registrar, WallClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clocks:
    """Both clocks, set by hand."""

    def __init__(self) -> None:
        self.wall = (NOON - EPOCH) // timedelta(microseconds=1)
        self.monotonic = 5_000_000

    def pass_us(self, time: int, *, drift: int = 0) -> None:
        self.monotonic += time
        self.wall += time + drift

    def wall_clock(self) -> WallClock:
        return WallClock(lambda: self.wall, lambda: self.monotonic)


def answer(exposed_at: int = 4_000_000) -> Recorded:
    result = Result(9, 1, 1, "part", 2, Judgement(Verdict.OK), 3_000_000, exposed_at, 5_000_000)
    return Recorded("s1", result, Counts(triggers=1, ok=1))


def test_times_of_an_answer_are_wall_clock_times_in_utc() -> None:
    stored = Registrar(17, {("s1", 2): "bottle"}, Clocks().wall_clock(), NOON).stored(answer())
    assert (stored.accepted, stored.exposed, stored.answered) == (
        NOON - timedelta(seconds=2),
        NOON - timedelta(seconds=1),
        NOON,
    )
    assert stored.recipe_name == "bottle"
    assert stored.result_id == "20260301T120000-17-9"


def test_an_answer_without_an_image_has_no_exposure_time() -> None:
    assert Registrar(17, {}, Clocks().wall_clock()).stored(answer(exposed_at=0)).exposed is None


def test_a_moment_has_one_time_while_the_clocks_drift_a_little() -> None:
    clocks = Clocks()
    clock = clocks.wall_clock()
    first = clock.at(5_000_000)
    clocks.pass_us(60_000_000, drift=DRIFT_US)
    assert clock.at(5_000_000) == first


def test_a_clock_that_was_set_is_followed() -> None:
    clocks = Clocks()
    clock = clocks.wall_clock()
    clocks.pass_us(1_000_000, drift=3_600_000_000)
    assert clock.at(clocks.monotonic) == NOON + timedelta(hours=1, seconds=1)


def test_ids_differ_between_starts_with_the_same_boot_id() -> None:
    one = Registrar(17, {}, started=NOON)
    other = Registrar(17, {}, started=NOON + timedelta(seconds=1))
    assert one.result_id(1) != other.result_id(1)

"""What an answer is called and when it was: ids over restarts, wall-clock times of monotonic moments."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.core.counts import Counts
from gateway.core.result import Judgement, Result, Verdict
from gateway.ports import EPOCH, Recorded
from gateway.records import DRIFT_US, Registrar, WallClock

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


def answer(
    exposed_at: int = 4_000_000, *, station: str = "s1", inspection_id: int = 9, answered_at: int = 5_000_000
) -> Recorded:
    judgement = Judgement(Verdict.OK)
    result = Result(inspection_id, 1, 1, "part", 2, judgement, 3_000_000, exposed_at, answered_at)
    return Recorded(station, result, Counts(triggers=1, ok=1))


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


def test_whoever_asks_gets_the_same_record() -> None:
    registrar, recorded = Registrar(17, {}, Clocks().wall_clock()), answer()
    assert registrar.stored(recorded) is registrar.stored(recorded)


def test_an_answer_that_is_told_again_as_it_was_is_the_same_record() -> None:
    registrar, recorded = Registrar(17, {}, Clocks().wall_clock()), answer()
    first = registrar.stored(recorded)
    assert registrar.stored(recorded._replace(result=replace(recorded.result))) is first
    counted = registrar.stored(recorded._replace(counts=Counts(triggers=2, ok=1)))
    assert (counted.counts.triggers, counted.answered) == (2, first.answered)
    withheld = registrar.stored(recorded._replace(presented=False))
    assert not withheld.presented
    other = replace(recorded.result, judgement=Judgement(Verdict.NOK))
    assert registrar.stored(recorded._replace(result=other)).result.verdict is Verdict.NOK


def test_answers_of_one_step_get_times_of_their_own_in_their_order() -> None:
    registrar = Registrar(17, {}, Clocks().wall_clock())
    first = registrar.stored(answer()).answered
    later = [registrar.stored(answer(inspection_id=one, answered_at=5_000_000 - one)).answered for one in (10, 11)]
    assert later == [first + timedelta(microseconds=1), first + timedelta(microseconds=2)]


def test_stations_do_not_push_each_others_times() -> None:
    registrar = Registrar(17, {}, Clocks().wall_clock())
    times = {registrar.stored(answer(station=station)).answered for station in ("s1", "s2")}
    assert times == {NOON}


def test_after_the_clock_was_set_back_times_are_those_of_the_clock() -> None:
    clocks = Clocks()
    registrar = Registrar(17, {}, clocks.wall_clock())
    registrar.stored(answer())
    clocks.pass_us(1_000_000, drift=-7_200_000_000)
    later = registrar.stored(answer(inspection_id=10, answered_at=6_000_000)).answered
    assert later == NOON + timedelta(hours=-2, seconds=1)

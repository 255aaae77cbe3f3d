"""Frames of a camera that a signal line triggers: each is its own trigger's or nobody's, whatever is missing."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.result import Reason
from gateway.sources.line_frames import HELD, LineFrames, Window
from tests.sources.scripted_camera import frame
from tests.sources.test_shots import Asked

BEFORE, AFTER = 50_000, 150_000
WINDOW = Window(BEFORE, AFTER)


def line(*, believed: bool = False) -> LineFrames:
    made = LineFrames(WINDOW)
    made.begin()
    if believed:  # frame 1 was told of, and nothing remembers it any more
        made.on_exposed(1, 0)
        made.on_frame(frame(1), 0)
        made.expire(10_000_000)
        made.unasked = 0
    return made


def test_the_frame_may_come_before_or_after_the_trigger_within_the_window() -> None:
    for moment, fits in ((-BEFORE - 1, False), (-BEFORE, True), (0, True), (AFTER, True), (AFTER + 1, False)):
        made, one = line(), Asked()
        if moment < 0:
            made.on_frame(frame(5), 10**6 + moment)
        made.on_trigger(one, 10**6)
        if moment >= 0:
            made.on_frame(frame(5), 10**6 + moment)
        assert one.got == (5 if fits else None), moment
        assert one.exposed == int(fits)


def test_a_signal_without_a_frame_and_a_frame_without_a_trigger_shift_nothing() -> None:
    made, first, second, third = line(), Asked(), Asked(), Asked()
    missing = made.on_trigger(first, 1_000_000)
    made.on_trigger(second, 1_300_000)
    made.on_frame(frame(1), 1_330_000)
    made.overdue(missing)
    made.on_frame(frame(2), 1_700_000)
    made.on_frame(frame(3), 2_030_000)
    made.on_trigger(third, 2_000_000)
    assert (first.got, second.got, third.got) == (Reason.NO_IMAGE, 1, 3)
    assert [one.number for one in made.expire(9_000_000)] == [2]
    assert made.unasked == 1
    assert not made.remembers


def test_two_frames_within_a_triggers_window_are_nobodys_and_the_next_is_served() -> None:
    made, one, later = line(), Asked(), Asked()
    made.on_frame(frame(1), 960_000)
    made.on_frame(frame(2), 990_000)
    made.on_trigger(one, 1_000_000)
    assert one.got is Reason.NO_IMAGE
    made.on_trigger(later, 1_500_000)
    made.on_frame(frame(3), 1_520_000)
    assert later.got == 3


def test_a_frame_in_the_windows_of_two_triggers_is_nobodys() -> None:
    made, one, other = line(), Asked(), Asked()
    made.on_trigger(one, 1_000_000)
    made.on_trigger(other, 1_010_000)
    made.on_frame(frame(1), 1_020_000)
    assert (one.got, other.got) == (Reason.NO_IMAGE, Reason.NO_IMAGE)


def test_a_second_frame_for_a_trigger_that_was_answered_is_not_given_to_the_next() -> None:
    made, one, other = line(), Asked(), Asked()
    made.on_trigger(one, 1_000_000)
    made.on_frame(frame(1), 1_020_000)
    made.on_frame(frame(2), 1_100_000)
    made.on_trigger(other, 1_110_000)
    assert (one.got, other.got) == (1, Reason.NO_IMAGE)


def test_the_part_may_move_when_the_camera_says_so() -> None:
    made, one = line(believed=True), Asked()
    made.on_trigger(one, 20_000_000)
    made.on_exposed(2, 20_010_000)
    assert (one.exposed, one.got) == (1, None)
    made.on_frame(frame(2), 20_900_000)
    assert (one.exposed, one.got) == (1, 2)


def test_an_exposure_whose_frame_got_lost_is_told_by_the_next_frame() -> None:
    made, one, other = line(believed=True), Asked(), Asked()
    made.on_trigger(one, 20_000_000)
    made.on_exposed(2, 20_010_000)
    made.on_trigger(other, 20_300_000)
    made.on_exposed(3, 20_310_000)
    made.on_frame(frame(3), 20_400_000)
    assert (one.got, other.got) == (Reason.FRAME_INCOMPLETE, 3)
    assert made.lost == 1


def test_frames_that_nobody_asked_for_are_not_kept_for_long() -> None:
    made, one = LineFrames(Window(10_000_000, 0)), Asked()
    made.begin()
    for number in range(1, HELD + 3):
        made.on_frame(frame(number), 1_000_000 + number)
    made.on_trigger(one, 1_000_000 - 10_000_001)
    assert one.got is None, "no frame is in its window"
    kept = made.expire(100_000_000)
    assert [exposure.number for exposure in kept if exposure.frame is not None] == list(range(3, HELD + 3))


@dataclass
class Signal:
    """What one signal of the line brings about."""

    gap: int
    triggers: bool
    exposes: bool
    arrives: bool
    told: bool
    trigger_late: int
    sign_late: int
    transfer: int


SIGNALS = st.lists(
    st.builds(
        Signal,
        gap=st.integers(BEFORE + AFTER + 1, 3 * (BEFORE + AFTER)),
        triggers=st.booleans(),
        exposes=st.booleans(),
        arrives=st.booleans(),
        told=st.booleans(),
        trigger_late=st.integers(0, BEFORE),
        sign_late=st.integers(0, AFTER),
        transfer=st.integers(0, BEFORE),
    ),
    max_size=15,
)


@dataclass
class Outcome:
    asked: Asked = field(default_factory=Asked)
    number: int | None = None


@settings(max_examples=200)
@given(SIGNALS, st.integers(1, 3))
def test_signals_further_apart_than_the_window_are_never_taken_for_each_other(
    signals: list[Signal], every: int
) -> None:
    """Whatever triggers, exposures, frames and events are missing, and wherever they lie in their windows."""
    made, now, number = line(believed=True), 20_000_000, 1
    happenings: list[tuple[int, int, str, Outcome]] = []
    outcomes = []
    came_at = 0
    for signal in signals:
        now += signal.gap
        outcome = Outcome()
        outcomes.append((signal, outcome))
        if signal.triggers:
            happenings.append((now + signal.trigger_late, 0, "trigger", outcome))
        if signal.exposes:
            number += 1
            outcome.number = number
            sign_at = now + signal.sign_late
            if signal.told:
                happenings.append((sign_at, number, "told", outcome))
            if signal.arrives:
                came_at = max(came_at, sign_at + signal.transfer * signal.told)
                happenings.append((came_at, number, "frame", outcome))
    for place, (at, _, what, outcome) in enumerate(sorted(happenings, key=lambda each: each[:3])):
        if what == "trigger":
            made.on_trigger(outcome.asked, at)
        elif what == "told" and outcome.number is not None:
            made.on_exposed(outcome.number, at)
        elif outcome.number is not None:
            made.on_frame(frame(outcome.number), at)
        if place % every == 0:
            made.expire(at)
    for signal, outcome in outcomes:
        if signal.triggers and signal.exposes and signal.arrives:
            assert outcome.asked.got == outcome.number
        else:
            assert outcome.asked.got in (None, Reason.FRAME_INCOMPLETE)
        seen = signal.triggers and signal.exposes and (signal.told or signal.arrives)
        assert bool(outcome.asked.exposed) == seen

"""Which frame answers which software trigger: whatever a camera does, no trigger gets another one's frame."""

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.sources.frame_count import steps_after
from gateway.sources.genicam_camera import Frame
from gateway.sources.shots import UNASKED_LIMIT, Obstacle, Shots
from tests.sources.scripted_camera import frame

OWED_US = 1000


@dataclass(eq=False)
class Asked:
    """A Wanted that notes what it is told until it is over."""

    frames: list[Frame] = field(default_factory=list)
    errors: list[SourceError] = field(default_factory=list)
    exposed: int = 0

    def over(self) -> None:
        self.exposed += 1

    def give(self, frame: Frame) -> None:
        if self.got is None:
            self.frames.append(frame)

    def fail(self, error: SourceError) -> None:
        if self.got is None:
            self.errors.append(error)

    @property
    def got(self) -> int | Reason | None:
        if self.errors:
            return self.errors[0].reason
        return self.frames[0].number if self.frames else None


def shots(*, believed: bool = False) -> Shots:
    """After the first frame of a stream, number 10; `believed`: the camera told of its exposure too."""
    made = Shots(OWED_US)
    made.begin()
    made.send(Asked(), 0)
    if believed:
        made.on_exposed(10)
    made.on_frame(frame(10))
    return made


def test_frames_answer_triggers_in_order() -> None:
    made = shots(believed=True)
    asked = [Asked() for _ in range(3)]
    for place, one in enumerate(asked):
        assert made.obstacle(0) is Obstacle.NONE
        made.send(one, 0)
        made.on_exposed(11 + place)
        assert one.exposed == 1
    for number in (11, 12, 13):
        made.on_frame(frame(number))
    assert [one.got for one in asked] == [11, 12, 13]


def test_while_a_frame_is_on_its_way_only_a_camera_that_told_of_its_exposure_is_triggered() -> None:
    silent, telling = shots(), shots(believed=True)
    for made in (silent, telling):
        made.send(Asked(), 0)
        assert made.obstacle(0) is Obstacle.FRAME_TO_COME
        made.on_exposed(11)
    assert silent.obstacle(0) is Obstacle.FRAME_TO_COME
    assert telling.obstacle(0) is Obstacle.NONE


@pytest.mark.parametrize("told", [0, 9, 11, 4711])
def test_events_with_numbers_of_their_own_are_not_believed(told: int) -> None:
    made = Shots(OWED_US)
    made.begin()
    first = Asked()
    made.send(first, 0)
    made.on_exposed(told)
    made.on_frame(frame(10))
    second = Asked()
    made.send(second, 0)
    made.on_exposed(11)  # right by chance
    assert (first.exposed, second.exposed) == (0, 0)
    made.on_frame(frame(11))
    third = Asked()
    made.send(third, 0)
    made.on_exposed(12)
    assert third.exposed == 1, "now it is proven"


def test_a_late_event_is_not_the_next_triggers() -> None:
    made = shots(believed=True)
    made.send(Asked(), 0)
    made.on_frame(frame(11))
    second = Asked()
    made.send(second, 0)
    made.on_exposed(11)
    assert second.exposed == 0
    assert made.obstacle(0) is Obstacle.FRAME_TO_COME


def test_a_frame_of_which_nothing_came_is_incomplete_and_the_next_is_not_taken_for_it() -> None:
    made = shots(believed=True)
    lost, next_one = Asked(), Asked()
    for number, one in ((11, lost), (12, next_one)):
        made.send(one, 0)
        made.on_exposed(number)
    made.on_frame(frame(12))
    assert (lost.got, next_one.got) == (Reason.FRAME_INCOMPLETE, 12)


def test_a_frame_too_new_makes_the_count_void() -> None:
    made = shots()
    one = Asked()
    made.send(one, 0)
    made.on_frame(frame(12))
    assert one.got is Reason.NO_IMAGE
    assert made.obstacle(0) is Obstacle.COUNT_VOID
    made.begin()
    assert made.obstacle(0) is Obstacle.NONE


def test_a_frame_that_is_owed_is_waited_for_until_the_camera_cannot_have_it_any_more() -> None:
    made = shots()
    made.send(Asked(), 100)
    assert made.obstacle(100 + OWED_US - 1) is Obstacle.FRAME_TO_COME
    assert made.owed_until == 100 + OWED_US
    assert made.obstacle(100 + OWED_US) is Obstacle.COUNT_VOID


def test_a_camera_that_passed_over_a_trigger_while_busy_is_not_triggered_while_busy_again() -> None:
    made = shots(believed=True)
    made.send(Asked(), 0)
    made.on_exposed(11)
    passed_over = Asked()
    made.send(passed_over, 0)
    made.on_frame(frame(11))
    assert made.obstacle(OWED_US) is Obstacle.COUNT_VOID
    made.begin()
    assert passed_over.got is Reason.NO_IMAGE
    made.send(Asked(), 0)
    made.on_exposed(1)
    made.on_frame(frame(1))
    made.send(Asked(), 0)
    made.on_exposed(2)
    assert made.obstacle(0) is Obstacle.FRAME_TO_COME


def test_frames_that_nobody_asked_for_are_counted_and_their_numbers_are_used_up() -> None:
    made = shots()
    for number in range(11, 11 + UNASKED_LIMIT + 1):
        made.on_frame(frame(number))
    assert made.unasked == UNASKED_LIMIT + 1
    one = Asked()
    made.send(one, 0)
    made.on_frame(frame(11))
    assert one.got is None
    made.on_frame(frame(11 + UNASKED_LIMIT + 1))
    assert one.got == 11 + UNASKED_LIMIT + 1


@given(st.integers(0, 2**20), st.integers(1, 1000))
def test_numbers_are_compared_over_the_end_of_the_counter(number: int, ahead: int) -> None:
    assert steps_after(number, number + ahead) == ahead or (number % 65536 == 65535 and ahead == 2)
    assert steps_after(number % 65536, (number + ahead) % 65536) == steps_after(number, number + ahead)
    assert steps_after(number + ahead, number) == -ahead
    assert steps_after(65535, 1) == steps_after(65535, 0) == 1
    assert steps_after(number, number) == 0


@dataclass
class Line:
    """A camera that takes some of its triggers, loses some of its frames and events, and a gateway that uses it.

    `truth` has for each frame of this stream the trigger that made it.
    """

    start: int
    tells: bool
    made: Shots = field(default_factory=lambda: Shots(OWED_US))
    now: int = 0
    truth: dict[int, Asked] = field(default_factory=dict)
    coming: list[int] = field(default_factory=list)
    asked: list[tuple[Asked, dict[int, Asked]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.made.begin()

    def trigger(self, *, takes: bool, lost: bool, told: bool) -> None:
        obstacle = self.made.obstacle(self.now)
        if obstacle is Obstacle.COUNT_VOID:
            self.coming, self.truth = [], {}
            self.made.begin()
        elif obstacle is Obstacle.FRAME_TO_COME:
            return
        one = Asked()
        self.made.send(one, self.now)
        self.asked.append((one, self.truth))
        if self.coming and not takes:
            return  # a camera that is busy may pass a trigger over; one that is idle takes it
        number = self.start + len(self.truth) + 1
        self.truth[number] = one
        if told and self.tells:
            self.made.on_exposed(number)
        if not lost:
            self.coming.append(number)

    def deliver(self) -> None:
        if self.coming:
            self.made.on_frame(frame(self.coming.pop(0)))

    def wait(self, for_us: int) -> None:
        """A frame that has not come within OWED_US does not come at all."""
        self.now += for_us
        if for_us >= OWED_US:
            while self.coming:
                self.deliver()


STEPS = st.lists(
    st.one_of(
        st.fixed_dictionaries({"takes": st.booleans(), "lost": st.booleans(), "told": st.booleans()}),
        st.just("deliver"),
        st.sampled_from([1, OWED_US]),
    ),
    max_size=40,
)


@settings(max_examples=500)
@given(STEPS, st.sampled_from([0, 1, 65500]), st.booleans())
def test_no_trigger_ever_gets_another_ones_frame(steps: list[object], start: int, tells: bool) -> None:
    line = Line(start, tells)
    for step in steps:
        if isinstance(step, dict):
            line.trigger(**step)
        elif isinstance(step, int):
            line.wait(step)
        else:
            line.deliver()
    for one, truth in line.asked:
        for got in one.frames:
            assert truth.get(got.number) is one
        assert one.exposed == 0 or one in truth.values()

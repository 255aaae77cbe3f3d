"""Results to be kept: made by hand or by hypothesis, with the times of a registrar that stands still at noon."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from gateway.core.counts import Counts
from gateway.core.result import UNDECIDED, Detection, Judgement, Origin, Result, Review, Verdict
from gateway.ports import EPOCH, Recorded
from gateway.records import Registrar, WallClock

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_US = (NOON - EPOCH) // timedelta(microseconds=1)
SCRATCH = Detection("Scratch", 1, 0.987, 10.5, 20.0, 30.0, 40.0)
NAMES = {("s1", 1): "bottle", ("s1", 2): "Flasche ö", ("s2", 1): "lid"}


def registrar(boot_id: int = 17) -> Registrar:
    """Monotonic moment 0 is noon."""
    return Registrar(boot_id, NAMES, WallClock(lambda: NOON_US, lambda: 0), NOON)


def recorded(number: int, at_us: int | None = None, *, station: str = "s1", **given: Any) -> Recorded:
    """Answer number `number`, at that moment after noon: by default as many milliseconds."""
    answered_at = number * 1000 if at_us is None else at_us
    judgement = given.pop("judgement", Judgement(Verdict.NOK, detections=(SCRATCH,), score=0.75, inspector_us=4_000))
    presented = given.pop("presented", True)
    values: dict[str, Any] = {"part_id": f"part {number}", "recipe": 1, "origin": Origin()}
    values |= given
    result = Result(
        number, (number - 1) % 65535 + 1, number % 65536, values["part_id"], values["recipe"], judgement,
        answered_at - 5_000, answered_at - 3_000, answered_at, values["origin"],
    )  # fmt: skip
    return Recorded(station, result, Counts(triggers=number, nok=number), presented)


_texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
_counts = st.integers(0, 2**63 - 1)
_numbers = st.floats(allow_nan=False, allow_infinity=False)
_judgements = st.one_of(
    st.builds(
        Judgement,
        st.sampled_from([Verdict.OK, Verdict.NOK]),
        detections=st.lists(
            st.builds(
                Detection, _texts, st.integers(-(2**70), 2**70), _numbers, _numbers, _numbers, _numbers, _numbers
            ),
            max_size=3,
        ).map(tuple),
        score=st.none() | _numbers,
        user_values=st.lists(
            st.tuples(_texts, st.booleans() | st.integers(-(2**80), 2**80) | _numbers | _texts), max_size=3
        ).map(tuple),
        inspector_us=st.integers(0, 10**9),
    ),
    st.builds(Judgement, st.just(Verdict.NO_DECISION), st.sampled_from(sorted(UNDECIDED)), detail=_texts),
)
_origins = st.builds(
    Origin,
    st.sampled_from(["tags", "inspect", "job", "continuous"]),
    st.sampled_from(["", "job 1", "job 2"]),
    st.sampled_from(["", "m1", "m2"]),
    st.sampled_from(["", "p1", "p2"]),
    st.booleans(),
)


def _reviews(accepted_at: int) -> st.SearchStrategy[Review | None]:
    times = st.integers(accepted_at, accepted_at + 30)
    return st.none() | st.builds(Review, times, times, st.sampled_from(Verdict), _texts, st.sampled_from(["", "opcua"]))


@st.composite
def recordeds(draw: st.DrawFn) -> list[Recorded]:
    """What stations answer one after the other: ids that rise, times that repeat or even fall back now and then."""
    made: list[Recorded] = []
    for number in range(1, draw(st.integers(0, 25)) + 1):
        accepted_at = draw(st.integers(0, 40))
        result = Result(
            number,
            draw(st.integers(1, 3) | st.integers(1, 65535)),
            draw(st.integers(0, 65535)),
            draw(st.sampled_from(["", "a", "b", "ü\0'\"%"])),
            draw(st.integers(1, 3)),
            draw(_judgements),
            accepted_at,
            draw(st.sampled_from([0, accepted_at + 1])),
            accepted_at + draw(st.integers(2, 30)),
            draw(_origins),
            review=draw(_reviews(accepted_at)),
        )
        counts = draw(st.builds(Counts, _counts, _counts, _counts, _counts, _counts, _counts))
        made.append(Recorded(draw(st.sampled_from(["s1", "s2"])), result, counts, draw(st.booleans())))
    return made

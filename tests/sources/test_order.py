"""Of a burst of files that a scan finds, each gets the place that its own time and name give it."""

import itertools
import random

from gateway.sources.pending import GRAIN_NS, in_order
from gateway.sources.shelf import Arrival, FileKey

GRAIN_US = GRAIN_NS // 1000


def arrival(name: str, at: int, mtime_ns: int) -> Arrival:
    return Arrival(name, at, FileKey(name, mtime_ns, 1, 1))


def test_a_burst_is_in_the_order_of_file_times_and_then_of_names() -> None:
    burst = [arrival(f"part{number}.png", 5_000_000, number // 4) for number in range(12)]
    shuffled = burst.copy()
    random.Random(1).shuffle(shuffled)
    ordered = in_order(shuffled)
    assert [one.name for one in ordered] == [one.name for one in burst], "part2 before part10"
    assert all(one.at < other.at for one, other in itertools.pairwise(ordered))
    assert ordered[-1].at - ordered[0].at < len(burst)


def test_what_came_apart_is_in_the_order_in_which_it_came() -> None:
    """Whatever the files' own times say: they may have been copied with the time of their original."""
    late, early = arrival("a", 9_000_000, 1), arrival("b", 9_000_000 - GRAIN_US - 1, 2)
    assert in_order([late, early]) == (early, late)


def test_each_moment_stays_within_one_grain_of_what_was_seen() -> None:
    chance = random.Random(2)
    seen = [arrival(str(number), chance.randrange(200_000), chance.randrange(50)) for number in range(300)]
    moments = {one.name: one.at for one in seen}
    ordered = in_order(seen)
    assert sorted(one.name for one in ordered) == sorted(moments)
    assert all(abs(one.at - moments[one.name]) <= GRAIN_US + len(seen) for one in ordered)


def test_nothing_is_nothing() -> None:
    assert in_order([]) == ()

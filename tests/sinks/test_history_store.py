"""The history against a plain list: whatever stations answer, each question gets what the list gives."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.core.errors import SinkError
from gateway.core.result import Detection, Judgement, Origin, Verdict
from gateway.ports import EPOCH, Recorded, ResultQuery, StoredResult, microseconds, moment
from gateway.sinks.history import READS, History
from gateway.sinks.history_place import Place, Server
from gateway.sinks.history_retention import Retention
from tests.sinks.conftest import POSTGRES
from tests.sinks.results import NOON, recorded, recordeds, registrar

EVERYTHING = Retention(0, 0)
MICROSECOND = timedelta(microseconds=1)


@asynccontextmanager
async def history(place: Place, *answers: Recorded, retention: Retention = EVERYTHING) -> AsyncIterator[History]:
    async with History(registrar(), place, retention) as opened:
        for one in answers:
            opened.put(one)
        yield opened


def expected(answers: list[Recorded]) -> list[StoredResult]:
    """What was put, as it is to be read: numbered, in order of time and number."""
    made = registrar()
    stored = [replace(made.stored(one), number=number) for number, one in enumerate(answers, 1)]
    return sorted(stored, key=lambda one: (one.answered, one.number))


def as_in(place: Place, one: StoredResult) -> StoredResult:
    """PostgreSQL keeps a question mark for a zero character."""
    if not isinstance(place, Server):
        return one
    judgement = replace(one.result.judgement, detail=one.result.judgement.detail.replace("\0", "?"))
    part_id = one.result.part_id.replace("\0", "?")
    return replace(one, result=replace(one.result, part_id=part_id, judgement=judgement))


def asked_of(place: Place, query: ResultQuery) -> ResultQuery:
    wanted = query.part_id.replace("\0", "?") if isinstance(place, Server) and query.part_id else query.part_id
    return replace(query, part_id=wanted)


def fits(query: ResultQuery, one: StoredResult) -> bool:
    origin = one.result.origin
    asked = (
        (query.station, one.station),
        (query.presented, one.presented),
        (query.simulated, origin.simulated),
        (query.recipe, one.result.recipe),
        (query.part_id, one.result.part_id),
        (query.result_seq, one.result.result_seq),
        (query.job_id, origin.job_id),
        (query.meas_id, origin.meas_id),
        (query.product_id, origin.product_id),
    )
    return (
        all(wanted in (None, found) for wanted, found in asked)
        and (not query.verdicts or one.result.verdict in query.verdicts)
        and (query.start is None or one.answered >= query.start)
        and (query.end is None or one.answered < query.end)
    )


def listed(query: ResultQuery, everything: list[StoredResult]) -> list[StoredResult]:
    """The reference: the same by plain list work."""
    found = [one for one in (reversed(everything) if query.newest_first else everything) if fits(query, one)]
    if query.after is not None:
        last = (query.after.answered, query.after.number)
        beyond = [one for one in found if ((one.answered, one.number) > last) != query.newest_first]
        found = [one for one in beyond if (one.answered, one.number) != last]
    return found[: query.limit]


_moments = st.none() | st.integers(-5, 80).map(lambda at: NOON + at * MICROSECOND)
_filters: dict[str, st.SearchStrategy[Any]] = {
    "presented": st.booleans(),
    "simulated": st.booleans(),
    "verdicts": st.frozensets(st.sampled_from(list(Verdict)[1:]), min_size=1, max_size=2),
    "recipe": st.integers(1, 3),
    "part_id": st.sampled_from(["", "a", "ü\0'\"%"]),
    "result_seq": st.integers(1, 3),
    "job_id": st.sampled_from(["", "job 1"]),
    "meas_id": st.sampled_from(["", "m1"]),
    "product_id": st.sampled_from(["", "p2"]),
}
# Few filters at a time: with all of them there is hardly a result left to be wrong about.
_some_filters = st.lists(st.sampled_from(sorted(_filters)), max_size=2, unique=True).flatmap(
    lambda names: st.fixed_dictionaries({name: _filters[name] for name in names})
)
_queries = st.builds(
    lambda station, start, end, newest_first, limit, filters: ResultQuery(
        station, start, end, newest_first, limit=limit, **filters
    ),
    st.sampled_from(["s1", "s1", "s2", "none", None]),
    _moments,
    _moments,
    st.booleans(),
    st.integers(1, 30),
    _some_filters,
)


@pytest.fixture(params=["file", "memory", POSTGRES])
def empty(request: pytest.FixtureRequest) -> Iterator[Callable[[], Place]]:
    """Makes empty places of each kind."""
    if request.param == "postgres":
        yield request.getfixturevalue("server").new
        return
    numbers = count(1)
    with TemporaryDirectory() as folder:
        yield lambda: Path(folder) / f"{next(numbers)}.db" if request.param == "file" else None


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answers=recordeds(), queries=st.lists(_queries, max_size=12))
def test_every_question_is_answered_as_by_a_list(
    empty: Callable[[], Place], answers: list[Recorded], queries: list[ResultQuery]
) -> None:
    async def play(place: Place) -> None:
        everything = [as_in(place, one) for one in expected(answers)]
        async with history(place, *answers) as store:
            assert list(await store.read(ResultQuery(limit=100))) == everything
            for query in queries:
                assert list(await store.read(query)) == listed(asked_of(place, query), everything)
                for last in everything[::4]:
                    after = replace(query, after=last)
                    assert list(await store.read(after)) == listed(asked_of(place, after), everything)

    asyncio.run(play(empty()))


async def test_everything_of_a_result_is_there_after_a_restart(place: Place) -> None:
    origin = Origin("job", "job 1", "m1", "p1", simulated=True)
    odd = recorded(7, origin=origin, presented=False, recipe=2)
    async with history(place, odd):
        pass
    async with history(place) as store:
        (kept,) = await store.read(ResultQuery("s1"))
    assert kept == replace(registrar().stored(odd), number=1)
    assert (kept.recipe_name, kept.counts.nok, kept.result.judgement.detections[0].label) == ("Flasche ö", 7, "Scratch")


async def test_a_result_is_found_by_its_id_and_station(place: Place) -> None:
    async with history(place, recorded(1), recorded(2), recorded(2, station="s2")) as store:
        wanted = registrar().result_id(2)
        found = await store.find("s2", wanted)
        assert found is not None
        assert (found.station, found.result.inspection_id) == ("s2", 2)
        assert await store.find("s3", wanted) is None
        assert await store.find("s1", registrar(18).result_id(2)) is None
        assert await store.find("s1", "'; drop table results --\ud800") is None


async def test_what_was_put_is_read_at_once(place: Place) -> None:
    async with history(place) as store:
        for number in range(1, 50):
            store.put(recorded(number))
            (newest,) = await store.read(ResultQuery("s1", newest_first=True, limit=1))
            assert newest.result.inspection_id == number


async def test_texts_and_numbers_that_no_database_takes_are_kept_as_far_as_they_can_be(
    empty: Callable[[], Place],
) -> None:
    broken = recorded(1, part_id="a\ud800b", judgement=Judgement(Verdict.OK, score=float("nan"), inspector_us=2**70))
    async with history(empty(), broken, recorded(2)) as store:
        kept = await store.read(ResultQuery("s1"))
        assert [one.result.inspection_id for one in kept] == [2]  # 2**70 fits nowhere: that one is lost, and counted
        assert store.books.lost == 1
        store.put(recorded(3, part_id="a\ud800b", judgement=Judgement(Verdict.OK, score=float("inf"))))
        (newest,) = await store.read(ResultQuery("s1", newest_first=True, limit=1))
        assert (newest.result.part_id, newest.result.judgement.score) == ("a?b", None)
        assert list(await store.read(ResultQuery("s1", part_id="a\ud800b"))) == [newest]


async def test_a_label_with_half_a_character_and_numbers_without_end_come_back_as_they_were(place: Place) -> None:
    found = tuple(
        Detection(label, 1, value, value, value, value, value)
        for label in ("Kratzer \ud800", "Flasche ö", "")
        for value in (0.1, 1e-320, 1.7976931348623157e308, float("inf"), -0.0)
    )
    async with history(place, recorded(1, judgement=Judgement(Verdict.NOK, detections=found))) as store:
        (kept,) = await store.read(ResultQuery("s1"))
    assert repr(kept.result.judgement.detections) == repr(found)  # -0.0 is no 0.0


@pytest.mark.parametrize("value", [0, 1, 1_769_817_599_999_999, (1 << 52) - 1, 1 << 52, (1 << 52) + 1, 2**53 + 1, -1])
def test_a_moment_is_kept_to_the_microsecond_whatever_the_clock_says(value: int) -> None:
    assert microseconds(moment(value)) == value


async def test_pages_follow_each_other_without_a_gap(place: Place) -> None:
    answers = [recorded(number, (number // 3) * 1000) for number in range(1, 40)]
    async with history(place, *answers) as store:
        for newest_first in (False, True):
            query, seen = ResultQuery("s1", newest_first=newest_first, limit=7), list[int]()
            while page := await store.read(query):
                seen += [one.result.inspection_id for one in page]
                query = replace(query, after=page[-1])
            assert seen == sorted(range(1, 40), reverse=newest_first)


async def test_too_many_questions_at_once_are_refused_and_the_others_answered(place: Place) -> None:
    async with history(place, recorded(1)) as store:
        asked = [store.read(ResultQuery("s1")) for _ in range(READS + 5)]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        refused = [one for one in answers if isinstance(one, SinkError)]
        assert len(refused) == 5
        assert all(len(one) == 1 for one in answers if not isinstance(one, BaseException))
        assert len(await store.read(ResultQuery("s1"))) == 1


async def test_questions_that_nobody_waits_for_any_more_make_place(place: Place) -> None:
    async with history(place, recorded(1)) as store:
        for _ in range(3):
            tasks = [asyncio.create_task(store.read(ResultQuery("s1"))) for _ in range(READS)]
            await asyncio.sleep(0)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            async with asyncio.timeout(5):
                while store.busy:
                    await asyncio.sleep(0.001)
        assert len(await store.read(ResultQuery("s1"))) == 1


@pytest.mark.parametrize("limit", [0, -1, 10_001])
def test_a_page_has_a_size(limit: int) -> None:
    with pytest.raises(ValueError, match="limit"):
        ResultQuery("s1", limit=limit)


def test_times_are_exact_to_the_microsecond_for_centuries() -> None:
    for one in (EPOCH, NOON + MICROSECOND, NOON.replace(year=9999), NOON.replace(year=1)):
        assert EPOCH + microseconds(one) * MICROSECOND == one

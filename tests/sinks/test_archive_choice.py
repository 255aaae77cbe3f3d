"""What another station, or another recipe, has archived; also changed while it runs."""

from pathlib import Path

from gateway.core.result import Judgement, Reason, Verdict, no_decision
from gateway.sinks.archive_choice import ANY_RECIPE, Choice, Choices
from tests.sinks.archived import ALL, NOK, archive, ids, images, seen
from tests.sinks.results import recorded

OK = Judgement(Verdict.OK)
OWN = Choices(
    Choice(NOK), {("s1", ANY_RECIPE): Choice(frozenset(), every_nth_ok=2), ("s1", 7): Choice(ALL, original=False)}
)


async def test_each_recipe_of_each_station_has_its_own_choice(tmp_path: Path) -> None:
    given = [
        ("s2", 1, Judgement(Verdict.NOK)), ("s2", 7, OK), ("s1", 1, no_decision(Reason.TIMEOUT)),
        ("s1", 1, OK), ("s1", 7, OK), ("s1", 2, OK), ("s1", 1, OK),
    ]  # fmt: skip
    async with archive(tmp_path) as store:
        store.choices = OWN
        for number, (station, recipe, judgement) in enumerate(given, start=1):
            store.see(seen(number, station=station))
            store.put(recorded(number, station=station, recipe=recipe, judgement=judgement))
    assert ids(images(tmp_path)) == [1, 6], "the second OK of the recipes that share the choice"


async def test_it_changes_while_it_runs_also_between_the_journal_and_the_tags(tmp_path: Path) -> None:
    async with archive(tmp_path) as store:
        store.choices = Choices(Choice(NOK))
        for number in (1, 2):
            store.see(seen(number))
            store.put(recorded(number, judgement=OK))
            store.choices = Choices(Choice(ALL))
        store.see(seen(3))
        names = store._registrar.stored(recorded(3)).archived  # as the journal asks for it
        store.choices = Choices(Choice(frozenset()))
        store.put(recorded(3))
    assert ids(images(tmp_path)) == [2, 3]
    assert names == (images(tmp_path)[1],)

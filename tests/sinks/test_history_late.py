"""What came after the decision deadline is kept, and found only by who asks for it (H36)."""

from dataclasses import replace
from pathlib import Path

from gateway.ports import Recorded, ResultQuery
from gateway.sinks.history import History
from gateway.sinks.history_reader import HistoryReader
from gateway.sinks.history_retention import Retention
from tests.cli.kept import told
from tests.sinks.results import recorded, registrar


def late(number: int, after_us: int) -> Recorded:
    """What PEKAT said of answer `number` so much later."""
    answer = recorded(number)
    result = replace(answer.result, answered_at=answer.result.answered_at + after_us, result_seq=0, late=True)
    return answer._replace(result=result, presented=False)


async def test_a_late_answer_is_beside_its_answer_and_does_not_replace_it(tmp_path: Path) -> None:
    async with History(registrar(), tmp_path / "history.db", Retention(0, 0)) as store:
        store.put(recorded(1))
        store.late(late(1, 100))
        store.late(late(1, 200))  # another view of it
        store.put(recorded(2))
        given = await store.read(ResultQuery())
        assert [(one.result.inspection_id, one.result.late) for one in given] == [(1, False), (2, False)]
        found = await store.read(ResultQuery(late=True))
        assert [(one.result.inspection_id, one.result.late, one.presented) for one in found] == [(1, True, False)] * 2
        assert len({one.result_id for one in (*given, *found)}) == 4
        first = await store.find("s1", given[0].result_id)
        assert first is not None
        assert first.result == recorded(1).result


async def test_the_command_line_shows_them_when_asked(tmp_path: Path) -> None:
    file = tmp_path / "history.db"
    async with History(registrar(), file, Retention(0, 0)) as store:
        store.put(recorded(1))
        store.late(late(1, 100))
        await store.read(ResultQuery())
    with HistoryReader(file) as reader:
        assert (reader.count(ResultQuery()), reader.count(ResultQuery(late=True))) == (1, 1)
    (kept,) = [line for line in told(tmp_path, ["list", "--late"]).splitlines() if "part 1" in line]
    assert "late" in kept
    assert "late" not in told(tmp_path, ["list"])


def test_an_older_database_has_none(tmp_path: Path) -> None:
    old = Path(__file__).parents[1] / "data" / "history-1.sqlite"
    with HistoryReader(old) as reader:
        assert reader.count(ResultQuery()) == 16
        assert reader.count(ResultQuery(late=True)) == 0
        assert [*reader.pages(ResultQuery(late=True))] == []

"""`page = false`: nothing is copied before the PLC sees it, the database alone says what a restart goes on with."""

from pathlib import Path

import pytest

from gateway.core.resume import Memory
from gateway.ports import ResultQuery
from gateway.sinks.history import History
from gateway.sinks.history_settings import HistorySettings
from gateway.sinks.pages import page_name
from tests.sinks.results import recorded, registrar
from tests.sinks.test_acceptance import COUNTS, after, flying, killed, locked
from tests.sinks.test_history_faults import until

SHOWN = Memory(2, 1, 1, 41, COUNTS, owed=(recorded(1).result,))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def journal(home: Path, *, page: bool, boot_id: int = 17) -> History:
    made = HistorySettings(file=home / "h.db", mode="fast", page=page).create(registrar(boot_id), home)
    assert made is not None
    return made


@pytest.mark.parametrize("page", [True, False])
async def test_a_page_is_there_where_it_is_asked_for(data: Path, page: bool) -> None:
    async with journal(data, page=page) as store:
        await store.recall(["s1"], offer_again=True)
        store.note("s1", Memory())
        assert store._writer._queue.urgent is not page, "the database has time where a page has it"
    assert (data / page_name("s1")).exists() is page


async def test_the_database_goes_on_with_what_was_written(data: Path) -> None:
    """A trigger without an answer, killed when the database has its note."""
    async with journal(data, page=False) as store:
        await store.recall(["s1"], offer_again=True)
        store.note("s1", Memory(2, 0, 0, 41, COUNTS, flight=(flying(1),)))
        await until(lambda: not store._writer._queue.urgent)
        left = killed(data)
    memory, rows = await after(left)
    assert memory is not None
    assert [one.trigger_seq for one in memory.owed] == [41]
    assert [one.result for one in rows] == [*memory.owed]


async def test_the_newest_note_alone_is_written(data: Path) -> None:
    """It is made when the thread writes it, of what the station was when it was noted."""
    async with journal(data, page=False) as store:
        await store.recall(["s1"], offer_again=True)
        for number in range(1, 200):
            store.note("s1", Memory(number + 1, trigger_seq=number, flight=(flying(number),)))
        store.note("s1", Memory(200, trigger_seq=199))
    memory, rows = await after(data)
    assert memory == Memory(200, trigger_seq=199)
    assert rows == []


async def test_what_an_earlier_page_has_is_not_lost(data: Path) -> None:
    """Killed with a page, while the database could not be written; the page is switched off for the next start."""
    async with journal(data, page=True) as store:
        await store.recall(["s1"], offer_again=True)
        await store.read(ResultQuery())
        with locked(data):
            store.note("s1", SHOWN, [recorded(1)])
            left = killed(data)
    page = (left / page_name("s1")).read_bytes()
    async with journal(left, page=False, boot_id=18) as store:
        assert await store.recall(["s1"], offer_again=True) == {"s1": SHOWN}
        assert [one.result for one in await store.read(ResultQuery(complete=True))] == [*SHOWN.owed]
        store.note("s1", taken := SHOWN._replace(owed=(), error_count=3))
    assert (left / page_name("s1")).read_bytes() == page
    assert (await after(left, boot_id=19))[0] == taken, "the page that was left is older"

"""The journal says of each answer that it is to keep whether anybody else waits for the disk."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from gateway.ports import ResultQuery
from gateway.sinks import history_writer
from gateway.sinks.history import History
from gateway.sinks.history_place import Place, Server
from gateway.sinks.history_retention import Retention
from gateway.sinks.history_tidings import Tidings
from tests.sinks.results import recorded, registrar
from tests.sinks.test_acceptance import locked
from tests.sinks.test_history_arrivals import unfiled
from tests.sinks.test_history_faults import until

WAIT_S = 10.0


@pytest.mark.parametrize("file", [None, "h.db"])
async def test_who_is_alone(tmp_path: Path, file: str | None) -> None:
    place: Place = tmp_path / file if file else None
    store = History(registrar(), place, Retention(0, 0), safe=True)
    heard: dict[int, bool] = {}

    def keep(number: int) -> bool:
        return store.keep(recorded(number), partial(heard.__setitem__, number)) is not None

    assert [keep(1), keep(2)] == [True, False]  # nothing is written yet
    async with store:
        await until(lambda: len(heard) == 2)
        assert keep(3), "the two before are on the disk"
        await until(lambda: len(heard) == 3)
    assert not keep(4), "nothing is written any more"
    await asyncio.sleep(0)
    assert heard == {1: True, 2: True, 3: True, 4: False}


async def test_who_is_alone_may_block_until_the_disk_has_it(tmp_path: Path) -> None:
    """And hears of it then, before the loop gets its turn; the loop has nothing to add."""
    heard: list[bool] = []
    async with History(registrar(), tmp_path / "h.db", Retention(0, 0), safe=True) as store:
        await store.read(ResultQuery())
        wait = store.keep(recorded(1), heard.append)
        assert wait is not None
        assert not wait(0.0), "nothing is that fast"
        assert wait(WAIT_S)
        assert (heard, unfiled(tmp_path / "h.db")) == ([True], [1])
        await asyncio.sleep(0.05)
        assert heard == [True]
        with locked(tmp_path):
            wait = store.keep(recorded(2), heard.append)
            assert wait is not None
            assert wait(WAIT_S), "it ends when the disk cannot have it, too"
            assert heard == [True, False]


def test_nobody_stands_still_for_a_server() -> None:
    """Whose answer takes longer than anybody could."""
    store = History(registrar(), Server("postgresql://127.0.0.1/none"), Retention(0, 0), safe=True)
    assert store.keep(recorded(1), lambda _: None) is None


def test_who_crashes_keeps_nobody_from_hearing(caplog: pytest.LogCaptureFixture) -> None:
    heard: list[bool] = []
    tidings = Tidings()

    def crash(_: bool) -> None:
        raise RuntimeError("a bug")

    assert not tidings.wait(0.0)
    tidings.tell([crash, heard.append], True)
    tidings.tell([heard.append], False)
    assert tidings.wait(0.0)
    assert heard == [True, False]
    assert "a bug" in caplog.text
    assert not tidings.wait(0.0), "nothing is heard twice"
    tidings.hear()
    assert heard == [True, False]


async def test_a_thread_that_stands_aside_is_there_for_whoever_comes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For what is to be kept, for a question, and for the end."""
    monkeypatch.setattr(history_writer, "ASIDE_S", 60.0)
    heard: list[bool] = []
    async with asyncio.timeout(WAIT_S):
        async with History(registrar(), tmp_path / "h.db", Retention(0, 0), safe=True) as store:
            store.keep(recorded(1), heard.append)
            await until(lambda: len(heard) == 1)
            assert not store.books.stored, "its own books come later"
            store.keep(recorded(2), heard.append)
            await until(lambda: len(heard) == 2)
            assert len(await store.read(ResultQuery())) == 2
            store.keep(recorded(3), heard.append)
            await until(lambda: len(heard) == 3)
    assert heard == [True] * 3

"""The journal says of each answer that it is to keep whether anybody else waits for the disk."""

import asyncio
from functools import partial
from pathlib import Path

import pytest

from gateway.sinks.history import History
from gateway.sinks.history_place import Place
from gateway.sinks.history_retention import Retention
from tests.sinks.results import recorded, registrar
from tests.sinks.test_history_faults import until


@pytest.mark.parametrize("file", [None, "h.db"])
async def test_who_is_alone(tmp_path: Path, file: str | None) -> None:
    place: Place = tmp_path / file if file else None
    store = History(registrar(), place, Retention(0, 0), safe=True)
    heard: dict[int, bool] = {}

    def keep(number: int) -> bool:
        return store.keep(recorded(number), partial(heard.__setitem__, number))

    assert [keep(1), keep(2)] == [True, False]  # nothing is written yet
    async with store:
        await until(lambda: len(heard) == 2)
        assert keep(3), "the two before are on the disk"
        await until(lambda: len(heard) == 3)
    assert not keep(4), "nothing is written any more"
    await asyncio.sleep(0)
    assert heard == {1: True, 2: True, 3: True, 4: False}

"""The playlist: order, rounds, its end."""

import os
from pathlib import Path

import pytest

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.sources.playlist import PlaylistSettings
from tests.sources.pictures import order, png


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, age in ((1, 1), (2, 3), (10, 2)):
        path = tmp_path / f"part{number}.png"
        path.write_bytes(png(number))
        os.utime(path, (1e9 - age, 1e9 - age))
    return tmp_path


async def play(folder: Path, count: int, **settings: object) -> list[str]:
    values = {"folder": str(folder), **settings}
    async with PlaylistSettings.model_validate(values).create("line") as source:
        return [(await source.acquire(order(number))).name for number in range(count)]


async def test_by_name_in_rounds(folder: Path) -> None:
    assert await play(folder, 4) == ["part1.png", "part2.png", "part10.png", "part1.png"]


async def test_by_time(folder: Path) -> None:
    assert await play(folder, 3, order="time") == ["part2.png", "part10.png", "part1.png"]


async def test_shuffled_alike_for_the_same_seed_and_anew_each_round(folder: Path) -> None:
    played = await play(folder, 30, order="random", seed=3)
    assert played == await play(folder, 30, order="random", seed=3)
    rounds = [tuple(played[at : at + 3]) for at in range(0, 30, 3)]
    assert all(set(one) == {"part1.png", "part2.png", "part10.png"} for one in rounds)
    assert len(set(rounds)) > 1


async def test_checking_does_not_change_the_order(folder: Path) -> None:
    settings = PlaylistSettings(folder=folder, order="random", seed=3)
    async with settings.create("line") as source:
        played = []
        for number in range(9):
            await source.check()
            played.append((await source.acquire(order(number))).name)
    assert played == await play(folder, 9, order="random", seed=3)


async def test_it_ends_where_it_shall_not_loop(folder: Path) -> None:
    with pytest.raises(SourceError, match="at its end") as caught:
        await play(folder, 4, loop=False)
    assert caught.value.reason is Reason.NO_IMAGE


async def test_new_files_are_played_in_the_next_round(folder: Path) -> None:
    async with PlaylistSettings(folder=folder).create("line") as source:
        await source.acquire(order())
        (folder / "part0.png").write_bytes(png())
        assert [(await source.acquire(order())).name for _ in range(3)] == ["part2.png", "part10.png", "part0.png"]


async def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no picture"):
        await play(tmp_path, 1)

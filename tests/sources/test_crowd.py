"""Ten thousand pictures that lie in the drop already: none of them is another part's, and none costs a trigger time."""

import asyncio
from pathlib import Path
from time import monotonic_ns

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import SourceError
from gateway.core.result import Reason
from gateway.ports import Fate
from gateway.sources.drop_settings import FileDropSettings
from gateway.sources.file_drop import FileDrop
from gateway.sources.look import key_of
from gateway.sources.naming import PartFilter, part_filter
from gateway.sources.pending import GRAIN_NS
from gateway.sources.shelf import Arrival, Shelf
from tests.sources.pictures import OK, drop, order, png, until

CROWD = 10_000
MARKED = (1, 999, 9999)
"""Those of them that are looked into."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A drop with pictures that were written before the gateway starts."""
    folder = tmp_path / "drop"
    folder.mkdir()
    (tmp_path / "one").write_bytes(png())
    for number in range(CROWD):
        name = folder / f"cam1_old{number}_1.png"
        if number in MARKED:
            name.write_bytes(png(number))
        else:
            name.hardlink_to(tmp_path / "one")  # ten times as fast, and as good a file
    return folder


def drop_of(folder: Path, **settings: object) -> FileDrop:
    return FileDropSettings.model_validate({"folder": str(folder), "scan_ms": 100, **settings}).create("line")


async def refused(source: FileDrop, part_id: str = "") -> SourceError:
    with pytest.raises(SourceError) as caught:
        await source.acquire(order(within_s=0.3, part_id=part_id))
    return caught.value


async def test_old_pictures_are_no_parts_and_the_new_one_is(folder: Path) -> None:
    async with drop_of(folder, window_ms=0, afterwards="keep") as source:
        await asyncio.sleep(2 * GRAIN_NS / 1e9)  # file times are no more exact than that
        assert (await refused(source)).reason is Reason.NO_IMAGE
        drop(folder, "new.png", png(7))
        await until(lambda: "new.png" in source._shelf._arrivals, "it is known")
        assert (await refused(source)).reason is Reason.NO_IMAGE  # it came before this trigger
        taking = asyncio.create_task(source.acquire(order(2)))
        await asyncio.sleep(0)
        drop(folder, "newer.png", png(8))
        picture = await taking
        assert (picture.name, bytes(picture.data)) == ("newer.png", png(8))
        await source.settle(picture, Fate.JUDGED, OK)


async def test_among_ten_thousand_parts_each_gets_its_own(folder: Path) -> None:
    settings = {"pick": "part_id", "part_id_name": "cam1_{part_id}_*", "window_ms": 86_400_000, "scan_ms": 60_000}
    async with drop_of(folder, afterwards="keep", **settings) as source:
        await until(lambda: len(source._shelf) == CROWD, "all are known, without a pause between the first scans")
        for mark in MARKED:
            picture = await source.acquire(order(part_id=f"old{mark}"))
            assert (picture.name, bytes(picture.data)) == (f"cam1_old{mark}_1.png", png(mark))
            await source.settle(picture, Fate.JUDGED, OK)
        error = await refused(source, "old1")  # given already; old10 to old1999 have its id in their names
        assert error.reason is Reason.NO_IMAGE
        assert (await refused(source, "other")).reason is Reason.NO_IMAGE


async def test_those_that_were_given_already_are_passed_over(tmp_path: Path) -> None:
    """As many as a scan can tell of at once; each is found out only when it is read, which is at once."""
    (tmp_path / "drop").mkdir()
    async with drop_of(tmp_path / "drop", window_ms=10_000, watch="inotify", scan_ms=60_000) as source:
        for number in range(3_000):
            file = tmp_path / "drop" / f".old{number}.png"  # hidden: no watcher tells of it
            file.write_bytes(png())
            source._shelf.give(key_of(file.name, file.stat(), shared=False))
            source._shelf.put(Arrival(file.name, monotonic_ns() // 1000))
        assert (await refused(source)).reason is Reason.NO_IMAGE
        assert len(source._shelf) == 0


names = st.text("ab1_.", min_size=1, max_size=6)


@given(
    st.lists(st.tuples(names, st.integers(0, 20)), max_size=30),
    st.text("ab1", min_size=1, max_size=2),
    st.sampled_from(["{part_id}", "{part_id}*", "*_{part_id}", "a?{part_id}"]),
    st.integers(0, 20),
)
def test_a_part_gets_the_newest_of_its_own(
    arrivals: list[tuple[str, int]], part: str, template: str, since: int
) -> None:
    shelf, matches = Shelf(), part_filter(template, part)
    for name, at in arrivals:
        shelf.put(Arrival(name, at))
    there = dict(arrivals)
    fitting = [(at, name) for name, at in there.items() if at >= since and matches(name)]
    taken = shelf.take(since, "part_id", matches)
    assert (taken and (taken.at, taken.name)) == (max(fitting) if fitting else None)
    assert len(shelf) == len(there) - bool(fitting)


def test_the_pattern_is_asked_only_for_names_with_the_part_id(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    real = PartFilter.__call__

    def counted(self: PartFilter, name: str) -> bool:
        asked.append(name)
        return real(self, name)

    monkeypatch.setattr(PartFilter, "__call__", counted)
    shelf = Shelf()
    for number in range(2_000):
        shelf.put(Arrival(f"cam1_part{number}_1.png", number))
    found = shelf.take(0, "part_id", part_filter("cam1_{part_id}_*", "part1999"))
    assert found is not None
    assert asked == [found.name] == ["cam1_part1999_1.png"]

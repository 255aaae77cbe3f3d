"""What the archive drops, by each rule, the oldest first; and what it never touches."""

import asyncio
import logging
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.sinks import archive_shelf
from gateway.sinks.archive_names import hour_name, own_stem, time_word
from gateway.sinks.archive_shelf import INDEX, Amount, Shelf
from gateway.sinks.archive_writer import Limits
from tests.sinks.archived import PNG, archive, files, ids, images, inspected, until

HOUR_US = 3_600_000_000


async def filled(folder: Path, numbers: range, limits: Limits, *, hours_apart: int = 1) -> None:
    """One image for each number, so many hours apart."""
    async with archive(folder, limits=limits) as store:
        for number in numbers:
            inspected(store, number, at_us=number * hours_apart * HOUR_US)
        await until(lambda: store.books.kept == len(numbers))


async def test_by_number(tmp_path: Path) -> None:
    await filled(tmp_path, range(1, 8), Limits(images=3))
    assert ids(images(tmp_path)) == [5, 6, 7]
    assert len(files(tmp_path)) == 6  # their side files went with them


async def test_by_number_within_one_hour(tmp_path: Path) -> None:
    await filled(tmp_path, range(1, 8), Limits(images=3), hours_apart=0)
    assert ids(images(tmp_path)) == [5, 6, 7]


async def test_by_size(tmp_path: Path) -> None:
    await filled(tmp_path, range(1, 2), Limits())
    size = sum((tmp_path / one).stat().st_size for one in files(tmp_path))
    await filled(tmp_path, range(2, 10), Limits(bytes=4 * size + size // 2))
    assert ids(images(tmp_path)) == [6, 7, 8, 9]


async def test_by_age(tmp_path: Path) -> None:
    """The images are of March 2026, and that is over."""
    age = datetime.now(UTC) - datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert age > timedelta(days=30)
    await filled(tmp_path, range(6), Limits(days=age.days - 1), hours_apart=24)
    assert ids(images(tmp_path)) == [2, 3, 4, 5] if age.seconds else [1, 2, 3, 4, 5]


async def test_what_becomes_too_old_goes_without_anything_new(tmp_path: Path) -> None:
    await filled(tmp_path, range(1, 200), Limits())
    async with archive(tmp_path, limits=Limits(days=1)):
        await until(lambda: not files(tmp_path))
    assert os.listdir(tmp_path) == [INDEX]  # the folders went too


async def test_by_free_space(tmp_path: Path) -> None:
    """More than the disk has: all that is old goes, and then new images are refused rather than the disk filled."""
    await filled(tmp_path, range(1, 4), Limits())
    async with archive(tmp_path, limits=Limits(free_bytes=10**18)) as store:
        inspected(store, 4, at_us=4 * HOUR_US)
        await until(lambda: store.books.fault)
        assert "would be free" in store.books.fault
    assert not files(tmp_path)


async def test_a_lowered_limit_takes_effect_little_by_little_and_new_images_do_not_wait(tmp_path: Path) -> None:
    await filled(tmp_path, range(1, 301), Limits(), hours_apart=0)
    async with archive(tmp_path, limits=Limits(images=10)) as store:
        inspected(store, 999, at_us=HOUR_US)
        await until(lambda: len(images(tmp_path)) == 10)
    assert 999 in ids(images(tmp_path))


async def test_other_peoples_files_are_neither_counted_nor_touched(tmp_path: Path) -> None:
    await filled(tmp_path, range(1, 3), Limits())
    hour = (tmp_path / images(tmp_path)[0]).parent
    name = Path(images(tmp_path)[0]).name
    others = [tmp_path / "notes.txt", hour / "notes.txt", hour / f"copy of {name}", hour / f"{name}.bak"]
    for other in others:
        other.write_text("mine")
    (tmp_path / "2026-03-01" / "reports").mkdir()
    outside = tmp_path.parent / "outside"
    (outside / "00").mkdir(parents=True)
    kept = outside / "00" / name
    kept.write_bytes(PNG)
    (tmp_path / "2025-01-01").symlink_to(outside)
    (hour / name.replace("_1.", "_77.")).symlink_to(kept)
    await filled(tmp_path, range(3, 5), Limits(images=1))
    assert ids(one for one in images(tmp_path) if own_stem(Path(one).name)) == [77, 4]
    assert all(other.read_text() == "mine" for other in others)
    assert kept.read_bytes() == PNG
    assert (tmp_path / "2026-03-01" / "reports").is_dir()


async def test_what_somebody_removed_by_hand_is_no_fault(tmp_path: Path) -> None:
    await filled(tmp_path, range(1, 5), Limits())
    async with archive(tmp_path, limits=Limits(images=2)) as store:
        await asyncio.sleep(0)
        for name in files(tmp_path)[:2]:
            (tmp_path / name).unlink(missing_ok=True)
        inspected(store, 5, at_us=5 * HOUR_US)
        await until(lambda: store.books.kept == 1)
        assert not store.books.fault
    assert len(images(tmp_path)) <= 2


def test_what_is_known_is_not_counted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = filled_shelf(tmp_path, hours=3, each=2)
    listed: list[Path] = []
    real = archive_shelf._entries
    monkeypatch.setattr(archive_shelf, "_entries", lambda folder: listed.append(folder) or real(folder))  # type: ignore[func-returns-value]  # append has none
    again = Shelf(tmp_path)
    again.open()
    assert (again.total, listed) == (shelf.total, [])
    changed = tmp_path / hour_name(datetime(2026, 3, 1, 1, tzinfo=UTC))
    next(changed.iterdir()).unlink()
    third = Shelf(tmp_path)
    third.open()
    assert listed == [changed]
    assert third.total.bytes < shelf.total.bytes


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"hours": {"2026-03-01/00": [1]}}', '{"hours": 3}', "\x80"])
def test_a_damaged_index_costs_a_count(tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    shelf = filled_shelf(tmp_path, hours=2, each=3)
    (tmp_path / INDEX).write_bytes(damage.encode("latin-1"))
    again = Shelf(tmp_path)
    with caplog.at_level(logging.WARNING):
        again.open()
    assert again.total == shelf.total
    assert "is damaged, all images are counted" in caplog.text


def test_dropping_one_costs_the_same_with_many(tmp_path: Path) -> None:
    """The oldest hour is listed once, not for each image; other hours are never looked at."""
    times = {}
    for each in (20, 2000):
        shelf = filled_shelf(tmp_path / str(each), hours=2, each=each)
        shelf.drop_oldest()
        began = time.perf_counter()
        for _ in range(10):
            assert shelf.drop_oldest()
        times[each] = time.perf_counter() - began
    assert times[2000] < 10 * times[20] + 0.02


def filled_shelf(folder: Path, *, hours: int, each: int) -> Shelf:
    """Images of the first hours of a day, and the index as it is at the gateway's end."""
    shelf = Shelf(folder)
    shelf.open()
    for hour in range(hours):
        moment = datetime(2026, 3, 1, hour, tzinfo=UTC)
        (folder / hour_name(moment)).mkdir(parents=True)
        for number in range(each):
            at = time_word(moment + timedelta(milliseconds=number))
            (folder / hour_name(moment) / f"{at}_s1_part_nok_{number}.png").write_bytes(PNG)
        shelf.add(hour_name(moment), Amount(each, each * len(PNG)))
    shelf.save()
    assert os.listdir(folder)
    return shelf

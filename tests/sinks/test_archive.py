"""The image archive: what is kept, under which names, with what beside it."""

import asyncio
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gateway.core.result import Detection, Judgement, Origin, Reason, Verdict, no_decision
from gateway.ports import Picture, Pictured
from gateway.sinks.archive_choice import Choice
from gateway.sinks.archive_names import own_stem, safe
from gateway.sinks.archive_writer import Room
from tests.sinks.archived import ALL, GREY, NOK, PNG, archive, files, ids, images, inspected, seen, sides, until
from tests.sinks.results import recorded


async def test_an_image_and_its_result_are_kept_under_a_name_that_says_what_it_is(tmp_path: Path) -> None:
    async with archive(tmp_path / "new" / "archive") as store:
        inspected(store, 812, part_id="A4711", at_us=1_500_000)
        await until(lambda: store.books.kept == 1)
    stem = "2026-03-01/12/20260301T120001.500000Z_s1_A4711_nok_812"
    assert files(tmp_path / "new" / "archive") == [f"{stem}.json", f"{stem}.png"]
    assert (tmp_path / "new" / "archive" / f"{stem}.png").read_bytes() == PNG


async def test_the_side_file_has_all_of_the_result(tmp_path: Path) -> None:
    spot = Detection("Spot", 2, 0.5, 1.0, 2.0, 3.0, float("inf"))
    judgement = Judgement(
        Verdict.NOK, detections=(spot,), score=float("nan"), user_values=(("code", "Ä"), ("n", 3)), inspector_us=4_000
    )
    async with archive(tmp_path) as store:
        inspected(store, 7, part_id="Flasche \ud83d", judgement=judgement, origin=Origin("job", "j1"))
        await until(lambda: store.books.kept == 1)
    (side,) = sides(tmp_path)
    assert side["result_id"] == "20260301T120000-17-7"
    assert (side["station"], side["part_id"], side["recipe_name"]) == ("s1", "Flasche \ud83d", "bottle")
    assert (side["verdict"], side["reason"], side["score"], side["total_ms"]) == ("nok", "none", None, 5.0)
    assert side["answered"] == "2026-03-01T12:00:00.007000+00:00"
    assert side["detections"][0] | {"height": None} == side["detections"][0]
    assert (side["detections"][0]["label"], side["user_values"]) == ("Spot", {"code": "Ä", "n": 3})
    assert (side["origin"]["job_id"], side["counts"]["triggers"]) == ("j1", 7)
    assert side["images"] == [Path(images(tmp_path)[0]).name]


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        (Choice(NOK), [2, 6]),
        (Choice(frozenset({Verdict.NO_DECISION})), [3, 7]),
        (Choice(ALL), [1, 2, 3, 4, 5, 6, 7, 8]),
        (Choice(NOK, every_nth_ok=2), [2, 4, 6, 8]),
        (Choice(frozenset()), []),
    ],
)
async def test_verdicts_are_chosen(tmp_path: Path, choice: Choice, kept: list[int]) -> None:
    nok, none, ok = Judgement(Verdict.NOK), no_decision(Reason.TIMEOUT), Judgement(Verdict.OK)
    async with archive(tmp_path, choice) as store:
        for number, judgement in enumerate([ok, nok, none, ok, ok, nok, none, ok], start=1):
            inspected(store, number, judgement=judgement)
    assert ids(images(tmp_path)) == kept


async def test_every_nth_ok_counts_each_station_for_itself(tmp_path: Path) -> None:
    async with archive(tmp_path, Choice(NOK, every_nth_ok=2)) as store:
        for number, station in enumerate(["s1", "s2", "s1", "s2"], start=1):
            store.see(seen(number, station=station))
            store.put(recorded(number, station=station, judgement=Judgement(Verdict.OK)))
    assert ids(images(tmp_path)) == [3, 4]


async def test_what_was_simulated_or_has_no_picture_is_not_kept(tmp_path: Path) -> None:
    async with archive(tmp_path) as store:
        inspected(store, 1, origin=Origin(simulated=True))
        store.put(recorded(2))
        inspected(store, 3)
        store.put(recorded(3))
    assert ids(images(tmp_path)) == [3]
    assert len(sides(tmp_path)) == 1


@pytest.mark.parametrize(
    ("choice", "kept"),
    [
        (Choice(ALL), ["side.png", "top.png"]),
        (Choice(ALL, drawn=True), ["side.png", "top.drawn.png", "top.png"]),
        (Choice(ALL, original=False, drawn=True), ["top.drawn.png"]),
    ],
)
async def test_views_and_drawings_have_names_of_their_own(tmp_path: Path, choice: Choice, kept: list[str]) -> None:
    async with archive(tmp_path, choice) as store:
        for one in (seen(5, view="top"), seen(5, view="side"), seen(5, PNG + b"!", view="top", drawn=True)):
            store.see(one)
        store.put(recorded(5))
    assert [name.split("_5.")[1] for name in images(tmp_path)] == kept
    assert sorted(sides(tmp_path)[0]["images"]) == [Path(name).name for name in images(tmp_path)]


async def test_pixels_become_a_png_and_files_stay_as_they_are(tmp_path: Path) -> None:
    forms = {1: b"\xff\xd8\xff jpeg", 2: b"BM bitmap", 3: b"who knows"}
    async with archive(tmp_path) as store:
        for number, data in forms.items():
            inspected(store, number, data)
        store.see(Pictured("s1", 4, "", GREY))
        store.put(recorded(4))
    names = images(tmp_path)
    assert [name.rsplit(".", 1)[1] for name in names] == ["jpg", "bmp", "bin", "png"]
    assert [(tmp_path / name).read_bytes() for name in names[:3]] == [*forms.values()]
    with Image.open(io.BytesIO((tmp_path / names[3]).read_bytes())) as image:
        assert (image.mode, image.size, image.tobytes()) == ("L", (4, 3), bytes(range(12)))


async def test_a_picture_that_cannot_be_made_an_image_costs_no_other(tmp_path: Path) -> None:
    async with archive(tmp_path) as store:
        store.see(Pictured("s1", 1, "", Picture("short", b"123", GREY.raw)))
        store.put(recorded(1))
        inspected(store, 2)
        await until(lambda: store.books.kept == 1)
        assert (store.books.lost, store.books.fault) == (1, "")
    assert ids(images(tmp_path)) == [2]


@pytest.mark.parametrize(
    ("part_id", "name"),
    [
        ("A-47.11_x", "A-47.11_x"),
        ("../../etc/passwd", "..%2F..%2Fetc%2Fpasswd"),
        ("C:\\CON", "C%3A%5CCON"),
        ("..", ".."),
        ("", "-"),
        ("a\0b\n", "a%00b%0A"),
        ("🍾", "%F0%9F%8D%BE"),
        ("Ä", "%C3%84"),
        ("\udc80", "%3F"),
        ("🍾" * 8, "%F0%9F%8D%BE" * 8),
        ("🍾" * 9, "%F0%9F%8D%BE" * 8),
    ],
)
async def test_part_ids_are_safe_in_names(tmp_path: Path, part_id: str, name: str) -> None:
    async with archive(tmp_path) as store:
        inspected(store, 1, part_id=part_id)
    assert images(tmp_path) == [f"2026-03-01/12/20260301T120000.001000Z_s1_{name}_nok_1.png"]
    assert sides(tmp_path)[0]["part_id"] == part_id


@given(st.text(max_size=80))
def test_every_part_id_makes_a_name_that_is_known_again(part_id: str) -> None:
    stem = f"20260301T120000.001000Z_s1_{safe(part_id)}_nok_1"
    for ending in (".png", ".json", ".top.drawn.jpg"):
        assert own_stem(stem + ending) == stem
    assert len(stem) < 200
    assert not set(stem) & set('<>:"/\\|?* \0')


def test_different_part_ids_have_different_names() -> None:
    assert len({safe(one) for one in ("a/b", "a:b", "a_b", "a%2Fb", "a b")}) == 5


async def test_a_burst_is_dropped_and_counted_and_nobody_waits(tmp_path: Path) -> None:
    """A second of 1000 images a second, with room for 50."""
    took: list[float] = []
    async with archive(tmp_path, room=Room(images=50, bytes=10**9)) as store:
        faults: list[str] = []
        store.on_fault(faults.append)
        loop = asyncio.get_running_loop()
        for number in range(1, 1001):
            began = loop.time()
            inspected(store, number, PNG * 1000)
            took.append(loop.time() - began)
        assert store.books.waiting <= 50
        assert store.books.lost > 500
        await until(lambda: store.books.waiting == 0 and len(faults) == 2)
        books = store.books
        assert books.kept + books.lost == 1000
        assert (bool(faults[0]), faults[1]) == (True, "")
    assert len(images(tmp_path)) == books.kept
    assert sorted(took)[-20] < 0.05, "now and then somebody else has the machine"

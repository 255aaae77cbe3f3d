"""`pekat-gateway review`: a real station in doubt, the real channel, the real command line."""

import asyncio
import base64
import getpass
import io
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.cli.review_answers import LONGEST_NAME, PAGE, _Encoder, review_answers
from gateway.control.place import place_of
from gateway.control.server import ControlServer
from gateway.core.result import Detection, Judgement, Reason, Verdict
from gateway.images.ends import PNG_MAGIC
from gateway.ports import Picture, Pictured, RawFormat
from tests.station.parts import MemoryInspector
from tests.station.rig import Rig, running

FOUND = (Detection("Scratch", 1, 0.9, 1, 2, 3, 4),)
DOUBT = Judgement(Verdict.NO_DECISION, Reason.REVIEW, FOUND, score=0.4, detail="score 0.4 is not below 0.3")
CONFIG = """
[gateway]
data = "data"

[links.modbus]
host = "127.0.0.1"
port = 0

[[stations]]
name = "s1"
[stations.source]
kind = "file_drop"
folder = "drop"
[[stations.recipes]]
number = 1
name = "bottle"
url = "http://127.0.0.1:9"
"""
ID = "s1:7-1"
PNG = PNG_MAGIC + os.urandom(2 * PAGE)


class Drawing(MemoryInspector):
    """Finds every part doubtful, and draws what it saw."""

    draws = True

    def __init__(self) -> None:
        super().__init__(verdicts={"A1": DOUBT})

    def drawn(self, inspection_id: int) -> bytes | None:
        return f"drawn {inspection_id}".encode()


@dataclass
class Desk:
    """The station, and the command line beside it."""

    rig: Rig
    config: Path

    async def told(self, *words: str) -> Result:
        arguments = ["review", *words, "--config", str(self.config)]
        return await asyncio.to_thread(CliRunner().invoke, app, arguments, env={"COLUMNS": "200"})

    async def says(self, *words: str) -> str:
        told = await self.told(*words)
        assert told.exit_code == 0, told.output
        return told.output


@asynccontextmanager
async def asked(folder: Path, inspector: MemoryInspector | None = None, **options: Any) -> AsyncIterator[Desk]:
    """A station that asks about part A1."""
    config = folder / "gateway.toml"
    config.write_text(CONFIG)
    inspector = inspector or MemoryInspector(verdicts={"A1": DOUBT})
    wait = {"inspection_timeout_ms": 60_000, "review_wait_ms": 50_000} | options
    async with running(inspector=inspector, **wait) as rig:
        answers = review_answers(lambda: [rig.station])
        async with ControlServer(place_of(folder / "data", config), answers) as server:
            assert server.serving
            await rig.trigger("A1")
            await rig.until(lambda: bool(rig.station.reviews.pending))
            yield Desk(rig, config)


async def test_the_list_says_what_waits_and_how_long(tmp_path: Path) -> None:
    async with asked(tmp_path) as desk:
        table = await desk.says("list")
        assert all(word in table for word in (ID, "A1", "0.400", "not below 0.3", "parts in doubt: 1"))
        (one,) = json.loads(await desk.says("list", "--json"))
        assert 0 < one.pop("seconds_left") <= 50
        assert (one["id"], one["station"], one["part_id"], one["score"]) == (ID, "s1", "A1", 0.4)
        assert one["detections"][0]["label"] == "Scratch"
        assert one["pictures"] == [{"view": "", "name": "A1", "drawn": False}]


@pytest.mark.parametrize(
    ("word", "bit", "reason"),
    [("ok", "ok", Reason.BY_OPERATOR), ("nok", "nok", Reason.BY_OPERATOR), ("undecided", "no_decision", Reason.REVIEW)],
)
async def test_a_decision_is_the_plcs_answer(tmp_path: Path, word: str, bit: str, reason: Reason) -> None:
    async with asked(tmp_path) as desk:
        assert "'A1'" in await desk.says(word, ID)
        assert (desk.rig.tag(bit), desk.rig.tag("reason")) == (True, reason)
        (result,) = desk.rig.sink.results
        assert result.review is not None
        assert (result.review.operator, result.review.over) == (getpass.getuser(), "command line")
        assert "no part waits" in await desk.says("list")


async def test_who_decides_can_be_said(tmp_path: Path) -> None:
    async with asked(tmp_path) as desk:
        await desk.says("nok", ID, "--operator", "Jana Nováková")
        assert desk.rig.sink.results[0].judgement.detail.endswith("NOK by Jana Nováková")


@pytest.mark.parametrize("name", [" ", "a\nb", "x" * (LONGEST_NAME + 1)])
async def test_a_name_that_is_none_decides_nothing(tmp_path: Path, name: str) -> None:
    async with asked(tmp_path) as desk:
        told = await desk.told("ok", ID, "--operator", name)
        assert told.exit_code == 2
        assert "operator's name" in told.output
        assert desk.rig.tag("review_waiting")


@pytest.mark.parametrize("other", ["s1:7-2", "s2:7-1", "7-1", "s1:6-1"])
async def test_another_id_decides_nothing_and_shows_nothing(tmp_path: Path, other: str) -> None:
    async with asked(tmp_path) as desk:
        for words in (("ok", other), ("show", other, "--picture", str(tmp_path / "part.png"))):
            told = await desk.told(*words)
            assert told.exit_code == 2
            assert "no operator is asked about" in told.output
        assert desk.rig.tag("review_waiting")
        assert not (tmp_path / "part.png").exists()


async def test_the_second_decision_is_told_of_the_first(tmp_path: Path) -> None:
    async with asked(tmp_path) as desk:
        await desk.says("nok", ID, "--operator", "anna")
        told = await desk.told("ok", ID)
        assert told.exit_code == 2
        assert "too late" in told.output
        assert "NOK by anna" in told.output
        assert desk.rig.tag("nok")


async def test_the_picture_is_what_was_drawn_or_the_original(tmp_path: Path) -> None:
    picture = tmp_path / "part.png"
    async with asked(tmp_path, Drawing()) as desk:
        assert "as PEKAT drew it" in await desk.says("show", ID, "--picture", str(picture))
        assert picture.read_bytes() == b"drawn 1"
        assert "as it was taken" in await desk.says("show", ID, "--picture", str(picture), "--original")
        assert picture.read_bytes() == b"picture of A1"
        told = await desk.told("show", ID, "--picture", str(picture), "--view", "side")
        assert (told.exit_code, "no picture of view side" in told.output) == (2, True)


async def test_a_large_picture_comes_page_by_page(tmp_path: Path) -> None:
    class Large(Drawing):
        def drawn(self, inspection_id: int) -> bytes | None:
            return PNG

    picture = tmp_path / "part.png"
    async with asked(tmp_path, Large()) as desk:
        assert "png" in await desk.says("show", ID, "--picture", str(picture))
        assert picture.read_bytes() == PNG


def test_raw_pixels_become_a_png() -> None:
    pixels = Picture("frame 1", bytes(1000 * 1000), RawFormat(1000, 1000))
    encoder, review = _Encoder(), Pictured("s1", 1, "", pixels)
    page = encoder.page(review, 0)
    with Image.open(io.BytesIO(base64.b64decode(str(page["data"])))) as image:
        assert (image.size, page["form"]) == ((1000, 1000), "png")
    assert encoder._last is None, "nothing is kept of a picture that was given"


async def test_a_picture_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    async with asked(tmp_path) as desk:
        told = await desk.told("show", ID, "--picture", str(tmp_path / "nowhere" / "part.png"))
        assert (told.exit_code, "cannot be written" in told.output) == (2, True)
        assert desk.rig.tag("review_waiting")

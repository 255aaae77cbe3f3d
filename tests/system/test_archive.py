"""The archive of a whole line: the pictures of what the PLC was told, and its error bit where they get lost."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from gateway.core.errors import Cause, ErrorCode
from gateway.core.result import Verdict
from tests.sinks.archived import images, sides
from tests.system.line import ANSWER_S, CONFIG, bad_part, good_part, running

ARCHIVE = '\n[archive]\nfolder = "archive"\nmin_free_mb = 0\n{more}\n'


def with_archive(more: str = "") -> str:
    return CONFIG + ARCHIVE.format(more=more)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(ANSWER_S):
        while not true():
            await asyncio.sleep(0.01)


async def test_what_is_not_good_is_kept_with_all_that_was_said_of_it(tmp_path: Path) -> None:
    pictures = {"A1": good_part(), "B/2": bad_part(), "A3": good_part()}
    async with running(tmp_path, config=with_archive()) as line:
        told = {part: await line.inspect(part, picture) for part, picture in pictures.items()}
        await until(lambda: sides(tmp_path / "archive"))
    assert [tags["verdict"] for tags in told.values()] == [Verdict.OK, Verdict.NOK, Verdict.OK]
    (name,) = images(tmp_path / "archive")
    assert "_station1_B%2F2_nok_" in name
    assert (tmp_path / "archive" / name).read_bytes() == pictures["B/2"]
    (side,) = sides(tmp_path / "archive")
    assert (side["part_id"], side["result_seq"]) == ("B/2", told["B/2"]["result_seq"])
    assert len(side["detections"]) == told["B/2"]["detection_count"] == 2


async def test_what_pekat_drew_is_kept_where_that_is_asked(tmp_path: Path) -> None:
    config = with_archive("drawn = true").replace('name = "part"', 'name = "part"\nresponse_type = "annotated_image"')
    async with running(tmp_path, config=config) as line:
        await line.inspect("B1", bad_part())
        await until(lambda: sides(tmp_path / "archive"))
    drawn, original = images(tmp_path / "archive")
    assert drawn == original.replace(".png", ".drawn.png")
    assert (tmp_path / "archive" / drawn).read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "archive" / drawn).read_bytes() != (tmp_path / "archive" / original).read_bytes()


async def test_an_archive_that_cannot_be_written_is_told_and_costs_no_verdict(tmp_path: Path) -> None:
    """A file stands where its folder should be; then somebody takes it away."""
    (tmp_path / "archive").write_text("no folder")
    async with running(tmp_path, config=with_archive("queue_images = 2")) as line:
        tags = await line.until("error_code", ErrorCode.ARCHIVE_DOWN)
        assert (tags["error_cause"], tags["error"], tags["ready"]) == (Cause.ARCHIVE, True, True)
        for number in range(4):
            tags = await line.inspect(f"B{number}", bad_part())
            assert (tags["verdict"], tags["result_part_id"]) == (Verdict.NOK, f"B{number}")
        assert line.gateway.archive is not None
        assert line.gateway.archive.books.lost == 2
        await line.until("images_lost", 2)
        (tmp_path / "archive").unlink()
        await until(lambda: len(sides(tmp_path / "archive")) == 2)
        await line._write(error_ack=True)
        tags = await line.until("error", False)
        assert tags["error_code"] == ErrorCode.NONE

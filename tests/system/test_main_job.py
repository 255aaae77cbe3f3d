"""Trigger over real Modbus, real file drop, real HTTP to the PEKAT simulator, result in the registers."""

import asyncio
import io
from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from gateway.core.result import Reason, Verdict
from tests.system.line import bad_part, good_part, running

FAULTS = {
    "status_400": Reason.BAD_IMAGE,
    "status_401": Reason.UNAUTHORISED,
    "status_500": Reason.SERVER_ERROR,
    "close_mid_body": Reason.BAD_REPLY,
    "bad_json": Reason.BAD_REPLY,
    "processing_off": Reason.PROCESSING_OFF,
    "result_absent": Reason.UNDEFINED,
    "result_null": Reason.UNDEFINED,
    "result_text": Reason.UNDEFINED,
    "flow_error": Reason.FLOW_ERROR,
    "hang": Reason.TIMEOUT,
    "trickle": Reason.TIMEOUT,
}


async def test_good_and_bad_parts_with_their_detections(tmp_path: Path) -> None:
    async with running(tmp_path) as line:
        tags = await line.inspect("GOOD-1", good_part())
        assert (tags["verdict"], tags["result_part_id"], tags["ok"]) == (Verdict.OK, "GOOD-1", True)
        tags = await line.inspect("BAD-2", bad_part())
        assert (tags["verdict"], tags["result_part_id"], tags["nok"]) == (Verdict.NOK, "BAD-2", True)
        assert tags["detection_count"] == 2
        assert tags["defect_class"] in (1, 2)
        assert tags["detections[1].confidence_milli"] >= tags["detections[2].confidence_milli"] > 0  # type: ignore[operator]
        assert tags["detections[1].width"] > 0  # type: ignore[operator]
        image = line.gateway.stations["station1"].image
        assert image.values["user.part_seen"] == "BAD-2"
        assert (tags["count_triggers"], tags["count_ok"], tags["count_nok"]) == (2, 1, 1)


@pytest.mark.parametrize(("mode", "reason"), FAULTS.items(), ids=FAULTS)
async def test_pekat_that_misbehaves_is_no_decision_and_the_next_part_is_judged(
    tmp_path: Path, mode: str, reason: Reason
) -> None:
    """H7, H10: verdict 3 with its reason within the time, ready again, and no stale answer for the next part."""
    slow = mode in ("hang", "trickle")
    async with running(tmp_path, timeout_ms=700 if slow else 10_000) as line:
        line.pekat.misbehave(mode, count=1)
        tags = await line.inspect("P1", good_part())
        assert (tags["verdict"], tags["reason"], tags["ok"]) == (Verdict.NO_DECISION, reason, False)
        assert tags["error_code"] == 100 + reason
        tags = await line.inspect("P2", bad_part())
        assert (tags["verdict"], tags["result_part_id"]) == (Verdict.NOK, "P2")
        if mode == "status_400":
            assert [file.name for file in (tmp_path / "drop" / "rejected").glob("*.png")] == ["0001.png"]


async def test_no_image_is_no_decision_at_the_deadline(tmp_path: Path) -> None:
    async with running(tmp_path, timeout_ms=200) as line:
        tags = await line.inspect("NOBODY")
        assert (tags["verdict"], tags["exposure_done"]) == (Verdict.NO_DECISION, False)
        assert tags["reason"] in (Reason.NO_IMAGE, Reason.TIMEOUT)


async def test_image_of_a_trigger_without_answer_is_not_given_to_the_next_part(tmp_path: Path) -> None:
    """The picture of part A comes after its deadline: part B gets its own one."""
    async with running(tmp_path, timeout_ms=150) as line:
        assert (await line.inspect("A"))["verdict"] == Verdict.NO_DECISION
        line.drop(bad_part())
        tags = await line.inspect("B", good_part())
        assert (tags["verdict"], tags["result_part_id"]) == (Verdict.OK, "B")


async def test_second_picture_of_a_part_is_not_given_to_the_next_part(tmp_path: Path) -> None:
    """A camera that exposes twice: what came while A was inspected is A's, even within B's window."""
    async with running(tmp_path) as line:
        line.pekat.misbehave("delay", count=1, delay_ms=150)
        inspecting = asyncio.create_task(line.inspect("A", good_part()))
        await line.until("exposure_done")
        line.drop(bad_part())
        assert (await inspecting)["verdict"] == Verdict.OK
        tags = await line.inspect("B", good_part())
        assert (tags["verdict"], tags["result_part_id"]) == (Verdict.OK, "B")


async def test_picture_just_before_its_trigger_is_taken(tmp_path: Path) -> None:
    async with running(tmp_path) as line:
        assert (await line.inspect("A", good_part()))["verdict"] == Verdict.OK
        line.drop(bad_part())
        tags = await line.inspect("B")
        assert (tags["verdict"], tags["result_part_id"]) == (Verdict.NOK, "B")


PHOTOGRAPHS = {"camera": "PNG", "coins": "PNG", "astronaut": "PNG", "rocket": "JPEG", "page": "BMP"}


@pytest.mark.parametrize(("photograph", "kind"), PHOTOGRAPHS.items(), ids=PHOTOGRAPHS)
async def test_photographs_are_judged_too(tmp_path: Path, photograph: str, kind: str) -> None:
    out = io.BytesIO()
    Image.fromarray(getattr(skimage.data, photograph)()).save(out, kind)
    async with running(tmp_path) as line:
        tags = await line.inspect("PHOTO", out.getvalue(), {"PNG": "png", "JPEG": "jpg", "BMP": "bmp"}[kind])
        assert tags["verdict"] in (Verdict.OK, Verdict.NOK)
        assert line.pekat.analysed == 1

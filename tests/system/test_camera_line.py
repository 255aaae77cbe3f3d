"""The whole line with a GigE Vision camera: trigger over Modbus, frame over its protocol, raw pixels to PEKAT."""

import asyncio
from pathlib import Path

import pytest

from gateway.core.errors import ErrorCode
from gateway.core.result import Reason, Verdict
from tests.sources.gige_port import gige_port
from tests.system.line import ANSWER_S, CONFIG, Line, running

testing = pytest.importorskip("viva_genicam.testing", reason="viva-genicam has no wheel for this platform")

CAMERA = CONFIG.replace('kind = "file_drop"\nfolder = "drop"', 'kind = "genicam"\ninterface = "127.0.0.1"')


@pytest.fixture(autouse=True, scope="module")
def library_runs() -> None:
    """The library's own event loop keeps its two sockets as long as the process lives."""
    with testing.FakeGigeCamera():
        pass


async def judged(line: Line) -> bool:
    """Inspect once; whether there was a decision, else the source must be the reason."""
    tags = await line.inspect("P")
    if tags["verdict"] in (Verdict.OK, Verdict.NOK):
        return True
    assert tags["reason"] == Reason.SOURCE_FAILED
    assert tags["error_code"] == ErrorCode.NO_DECISION_SOURCE_FAILED
    return False


@pytest.mark.parametrize("pixel_format", ["Mono8", "RGB8", "BayerRG8"])
async def test_frames_are_judged_as_raw_pixels(tmp_path: Path, pixel_format: str) -> None:
    with gige_port(), testing.FakeGigeCamera(width=64, height=48, fps=50, pixel_format=pixel_format) as fake:
        async with running(tmp_path, config=CAMERA) as line:
            for number in (1, 2, 3):
                tags = await line.inspect(f"PART-{number}")
                assert tags["verdict"] in (Verdict.OK, Verdict.NOK)
                assert tags["result_part_id"] == f"PART-{number}"
        assert fake.software_triggers() == 3


async def test_a_camera_that_goes_and_comes_back_costs_decisions_and_nothing_else(tmp_path: Path) -> None:
    with gige_port(), testing.FakeGigeCamera(width=64, height=48, fps=50) as fake:
        async with running(tmp_path, config=CAMERA) as line:
            assert await judged(line)
            fake.stop()
            assert not await judged(line)
            assert not await judged(line)
            with testing.FakeGigeCamera(width=64, height=48, fps=50):
                async with asyncio.timeout(ANSWER_S):
                    while not await judged(line):
                        pass
                assert await judged(line)

"""Several parts in flight over the whole chain: each answer is its own part's, and they leave in trigger order."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.core.result import Verdict
from gateway.sim.camera import DropCamera
from gateway.sim.plc import Answer, Play, Style
from gateway.sim.plc_pipelined import PipelinedPlc
from tests.system.pipeline import PICTURES, Pipeline, camera_over_http, deserved, picture_of, pipeline

COUNT = 24
SLOW_PART, SLOW_MS = 6, 3_000
"""Its answer is overtaken, however long the machine takes from one trigger to the next."""


@asynccontextmanager
async def played_by(kind: str, folder: Path, control: str = "modbus") -> AsyncIterator[Pipeline]:
    """A line whose camera takes picture n for the n-th trigger, by each kind of source."""
    if kind == "playlist":
        (folder / "parts").mkdir()
        for number, picture in enumerate(PICTURES, start=1):
            (folder / "parts" / f"part{number}.png").write_bytes(picture)
        async with pipeline(folder, 'kind = "playlist"\nfolder = "parts"', control=control) as line:
            yield line
    elif kind == "file_drop":
        with DropCamera(folder / "drop", picture_of) as camera:
            async with pipeline(folder, 'kind = "file_drop"\nfolder = "drop"', control=control) as line:
                line.station.watch(camera.see)
                yield line
    else:
        lines: list[Pipeline] = []
        with camera_over_http(lambda: lines[0].station.state.counts.triggers if lines else 0) as url:
            async with pipeline(folder, f'kind = "http_camera"\nurl = "{url}"', control=control) as line:
                lines.append(line)
                yield line


async def play(line: Pipeline, style: Style, *, buffered: bool, count: int = COUNT) -> PipelinedPlc:

    def seen(answer: Answer) -> None:
        if answer.number == SLOW_PART:
            line.pekat.misbehave("delay", count=1, delay_ms=SLOW_MS)

    plc = PipelinedPlc(line.face, Play(count=count, style=style, buffered=buffered, expected=deserved), seen)
    outcome = await plc.run()
    assert outcome.slips == []
    assert len(outcome.answers) + plc.unseen == count
    return plc


@pytest.mark.parametrize("kind", ["playlist", "file_drop", "http_camera"])
@pytest.mark.parametrize("buffered", [True, False], ids=["buffered", "free_running"])
@pytest.mark.parametrize("style", ["bits", "sequence"])
async def test_answers_out_of_order_leave_in_trigger_order_over_modbus(
    tmp_path: Path, kind: str, style: Style, buffered: bool
) -> None:
    async with played_by(kind, tmp_path) as line:
        plc = await play(line, style, buffered=buffered)
        line.assert_each_its_own(COUNT)
        assert all(result.verdict is not Verdict.NO_DECISION for result in line.sink.results)
        assert plc.most_open == 3
        assert line.overtaken > 0
        assert plc.unseen == 0 or not buffered


@pytest.mark.parametrize("buffered", [True, False], ids=["buffered", "free_running"])
@pytest.mark.parametrize("style", ["bits", "sequence"])
async def test_answers_out_of_order_leave_in_trigger_order_over_opcua(
    tmp_path: Path, style: Style, buffered: bool
) -> None:
    async with played_by("playlist", tmp_path, "opcua") as line:
        plc = await play(line, style, buffered=buffered)
        line.assert_each_its_own(COUNT)
        assert plc.most_open == 3
        assert line.overtaken > 0

"""A GigE Vision camera with several parts in flight, over its protocol."""

from pathlib import Path

import pytest

from gateway.core.result import Verdict
from gateway.sim.plc import Play
from gateway.sim.plc_pipelined import PipelinedPlc
from tests.system.pipeline import pipeline

testing = pytest.importorskip("viva_genicam.testing", reason="viva-genicam has no wheel for this platform")

COUNT = 24


@pytest.fixture(autouse=True, scope="module")
def library_runs() -> None:
    """The library's own event loop keeps its two sockets as long as the process lives."""
    with testing.FakeGigeCamera():
        pass


async def test_a_gige_camera_with_three_parts_in_flight(tmp_path: Path) -> None:
    """Its frames show no part, so only whose answer it is can be told, and that PEKAT decided."""
    with testing.FakeGigeCamera(width=64, height=48, fps=50) as fake:
        async with pipeline(tmp_path, 'kind = "genicam"\ninterface = "127.0.0.1"') as line:
            plc = PipelinedPlc(line.face, Play(count=COUNT, style="sequence", buffered=True))
            outcome = await plc.run()
            assert outcome.slips == []
            line.assert_each_its_own(COUNT, lambda _: None)
            assert all(result.verdict is not Verdict.NO_DECISION for result in line.sink.results)
            assert plc.most_open > 1
            assert line.overtaken > 0
        assert fake.software_triggers() == COUNT

"""A whole gateway that logs JSON: every line parses, and each inspection can be followed by its id."""

import asyncio
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from gateway.core.result import Verdict
from gateway.sim.plc import Outcome, Play, Plc
from gateway.sim.plc_modbus import ModbusFace
from gateway.tagmap import load_map
from tests.cli.patient import healthy

PATIENCE_S = 60


def logged(process: "subprocess.Popen[str]") -> list[dict[str, Any]]:
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    return [json.loads(line) for line in rest.splitlines()]


async def played(port: int) -> Outcome:
    async with ModbusFace("127.0.0.1", port, load_map("standard")) as face:
        return await Plc(face, Play(count=3)).run()


def test_each_inspections_story(tmp_path: Path) -> None:
    source = 'kind = "file_drop"\nfolder = "parts"\nwindow_ms = 0\n[stations.handshake]\ninspection_timeout_ms = 300\n'
    with healthy(tmp_path, source=source) as (site, pekat):
        site.config.write_text(site.config.read_text().replace("[gateway]", '[gateway]\nlog_format = "json"'))
        command = [sys.executable, "-m", "gateway", "run", str(site.config)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            assert any(json.loads(line)["message"].startswith("ready:") for line in process.stderr)
            outcome = asyncio.run(played(site.port))  # no picture comes for any of them
            lines = logged(process)
    assert [answer.verdict for answer in outcome.answers] == [Verdict.NO_DECISION] * 3
    stories = [[line for line in lines if line.get("inspection") == number] for number in (1, 2, 3)]
    for number, (story, answer) in enumerate(zip(stories, outcome.answers, strict=True), start=1):
        assert {(line["station"], line["part_id"]) for line in story} == {("station1", answer.part_id)}
        assert any(f"result {number} for trigger" in line["message"] for line in story)
        assert all(line["level"] == "warning" for line in story)
    assert any("no image" in line["message"] for story in stories for line in story)
    assert pekat.analysed == 0

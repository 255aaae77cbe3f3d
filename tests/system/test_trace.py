"""`pekat-gateway trace` beside a running gateway, both real processes, with a PLC that plays the handshake."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from gateway.blackbox.spans import SPANS
from gateway.cli.trace import PAGE
from gateway.sim.plc import Play, Plc
from gateway.sim.plc_modbus import ModbusFace
from gateway.tagmap import load_map
from tests.blackbox.test_perfetto import nested, well_formed
from tests.cli.patient import Site, healthy

PATIENCE_S = 60


def command(*words: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *words], capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout if code == 0 else done.stderr


@contextmanager
def gateway(folder: Path) -> Iterator[Site]:
    with healthy(folder) as (site, _):
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", str(site.config)], stderr=subprocess.PIPE, text=True
        )
        with process:
            assert process.stderr is not None
            try:
                assert any("ready:" in line for line in process.stderr)
                yield site
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE_S)


async def test_table_json_and_perfetto_tell_of_every_inspection(tmp_path: Path) -> None:
    count = PAGE + 30  # more than one answer of the control channel holds
    with gateway(tmp_path) as site:
        face = ModbusFace("127.0.0.1", site.port, load_map("standard"))
        async with face:
            outcome = await Plc(face, Play(count=count)).run()
        assert outcome.good
        told: list[dict[str, Any]] = json.loads(command("trace", str(site.config), "--json", "--latest", "10000"))
        slow = json.loads(command("trace", str(site.config), "--json", "--slowest", "5"))
        lines = command("trace", str(site.config), "--latest", "3").splitlines()
        file = tmp_path / "trace.json"
        command("trace", str(site.config), "--perfetto", str(file))
    answers = [(answer.part_id, answer.verdict.name.lower()) for answer in outcome.answers]
    assert [(one["part_id"], one["verdict"]) for one in reversed(told)] == answers
    for one in told:
        spans = [one[f"{name}_ms"] for name in SPANS]
        assert all(span >= 0 for span in spans)
        assert one["total_ms"] == pytest.approx(sum(spans[:-1]), abs=0.001)  # all but the PLC's own time
        assert one["pekat_ms"] > 0
    assert [one["total_ms"] for one in slow] == sorted((one["total_ms"] for one in told), reverse=True)[:5]
    assert sum(told[0]["part_id"] in line for line in lines) == 1
    rows = well_formed(json.loads(file.read_text(encoding="utf-8")))
    assert all(nested(events) for events in rows.values())
    assert sum(event["cat"] == "inspection" for events in rows.values() for event in events) == count


def test_without_a_gateway_it_says_so(tmp_path: Path) -> None:
    with healthy(tmp_path) as (site, _):
        assert "no gateway answers" in command("trace", str(site.config), code=2)
        assert "there is no station x" in command("trace", str(site.config), "--station", "x", code=2)

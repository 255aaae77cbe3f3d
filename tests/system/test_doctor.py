"""doctor beside a running gateway, both real processes: it knows the gateway, and does not disturb it."""

import json
import signal
import subprocess
import sys
from pathlib import Path

from pymodbus.client import ModbusTcpClient

from tests.cli.patient import healthy

PATIENCE_S = 60


def doctor(config: Path, code: int) -> list[dict[str, str]]:
    command = [sys.executable, "-m", "gateway", "doctor", str(config), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    findings: list[dict[str, str]] = json.loads(done.stdout)["findings"]
    return findings


def texts(findings: list[dict[str, str]], check: str) -> list[str]:
    return [finding["text"] for finding in findings if finding["check"] == check]


def defects(findings: list[dict[str, str]]) -> set[tuple[str, str]]:
    return {(finding["check"], finding["text"]) for finding in findings if finding["grade"] == "defect"}


def test_it_knows_the_gateway_and_leaves_pictures_and_connections_alone(tmp_path: Path) -> None:
    source = 'kind = "file_drop"\nfolder = "parts"\nwindow_ms = 60000\n'
    with healthy(tmp_path, source=source) as (site, pekat):
        command = [sys.executable, "-m", "gateway", "run", str(site.config)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            try:
                assert any("ready:" in line for line in process.stderr)
                with ModbusTcpClient("127.0.0.1", port=site.port) as plc:
                    before = plc.read_holding_registers(0, count=120).registers
                    findings = doctor(site.config, 0)
                    after = plc.read_holding_registers(0, count=120).registers
                assert texts(findings, "ports") == [f"served by the running gateway (pid {process.pid})"]
                assert texts(findings, "sources")[0].startswith(f"runs as pid {process.pid}")
                assert "the clock was not set" in texts(findings, "clock")
                assert before[16:30] == after[16:30]  # counters, error, reject reason
                assert [path.name for path in (tmp_path / "parts").glob("*.png")] == ["1.png"]
                assert pekat.analysed == 0
                _without_folder(site.config, tmp_path / "parts")
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(PATIENCE_S)


def _without_folder(config: Path, folder: Path) -> None:
    """The folder goes while the gateway runs."""
    folder.rename(folder.with_name("elsewhere"))
    assert ("folders", "the folder is missing") in defects(doctor(config, 1))

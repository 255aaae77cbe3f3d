"""How doctor tells: a table, JSON, an exit code; and a check that hangs or fails is told too."""

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from typer.testing import CliRunner

from gateway.cli.doctor.examination import CHECKS, Check, count, examine
from gateway.cli.doctor.finding import Finding, Grade, Patient, Running, StationNow, defect, ok, warning
from gateway.cli.doctor.machine import WANTED_RMEM, most_files, receive_buffer
from gateway.cli.doctor.pictures import look_at_sources
from gateway.cli.doctor.report import report, summary
from gateway.cli.main import app
from gateway.cli.ports import free_port
from gateway.config import load_settings
from tests.cli.patient import healthy, write


def test_the_table_says_what_to_do_and_is_plain_when_piped(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    site = write(tmp_path, url)
    result = CliRunner().invoke(app, ["doctor", str(site.config)], env={"COLUMNS": "160"})
    assert result.exit_code == 1
    assert "\x1b" not in result.output
    (at,) = [number for number, line in enumerate(result.output.splitlines()) if "does not answer" in line]
    first, second = result.output.splitlines()[at : at + 2]
    assert first.split()[:3] == ["defect", "pekat", url]
    assert "-> start the project" in result.output
    assert second.strip()
    assert "1 defects" in result.output.splitlines()[-1]


def test_a_terminal_gets_colours() -> None:
    screen = io.StringIO()
    Console(file=screen, force_terminal=True, width=120, color_system="standard").print(
        report([("ports", [defect("modbus", "taken", "end it"), ok("opcua", "free")])])
    )
    assert "\x1b[1;31mdefect" in screen.getvalue()
    assert "\x1b[32mok" in screen.getvalue()


def test_warnings_alone_are_no_failure(tmp_path: Path) -> None:
    with healthy(tmp_path) as (site, _):
        site.data.chmod(0o777)
        lines = site.told(code=0)
    assert [(line.grade, line.cure) for line in lines if "every user" in line.text] == [
        ("warning", f"chmod o-w {site.data}")
    ]


def test_a_check_that_hangs_is_a_defect_and_keeps_nobody_else(tmp_path: Path) -> None:
    let_go = threading.Event()

    def hang(patient: Patient) -> Iterator[Finding]:
        let_go.wait(30)
        yield ok("", "")

    def well(patient: Patient) -> Iterator[Finding]:
        yield ok("well", "")

    patient = write(tmp_path, "http://127.0.0.1:9").patient()
    began = time.monotonic()
    examined = examine(patient, [Check("hangs", "", hang), Check("well", "", well)], longest_s=0.2)
    assert time.monotonic() - began < 5
    let_go.set()
    assert [(name, finding.grade) for name, (finding,) in examined] == [("hangs", Grade.DEFECT), ("well", Grade.OK)]


def test_a_check_that_fails_keeps_what_it_found_and_says_that_the_rest_was_not_seen(tmp_path: Path) -> None:
    def fail(patient: Patient) -> Iterator[Finding]:
        yield warning("first", "this", "that")
        raise PermissionError(13, "Permission denied", "/proc/secret")

    ((_, findings),) = examine(write(tmp_path, "http://127.0.0.1:9").patient(), [Check("fails", "", fail)])
    assert [finding.grade for finding in findings] == [Grade.WARNING, Grade.UNSEEN]
    assert "/proc/secret" in findings[1].text
    assert summary([("fails", findings)]) == "0 defects, 1 warnings, 1 things not seen"
    assert count([("fails", findings)], Grade.WARNING) == 1


def test_what_stations_of_a_running_gateway_say(tmp_path: Path) -> None:
    told = (
        StationNow("a", True, "none", "none"),
        StationNow("b", False, "source", "source_down"),
        StationNow("c", True, "none", "inspector_down"),
        StationNow("d", True, "none", "ack_overdue"),
        StationNow("e", False, "simulation", "none"),
    )
    site = write(tmp_path, "http://127.0.0.1:9")
    _, *findings = site.looked(look_at_sources, running=Running(1, "1", 0.0, told))
    assert [finding.grade.value for finding in findings] == ["ok", "defect", "defect", "ok", "defect"]
    assert all(finding.cure for finding in findings if finding.grade is Grade.DEFECT)
    assert "simulation" in findings[-1].cure


def test_the_receive_buffer(tmp_path: Path) -> None:
    file = tmp_path / "rmem_max"
    assert receive_buffer(file).grade is Grade.UNSEEN
    file.write_text("212992\n")
    assert receive_buffer(file).grade is Grade.WARNING
    assert f"sysctl -w net.core.rmem_max={WANTED_RMEM}" in receive_buffer(file).cure
    file.write_text(f"{WANTED_RMEM}\n")
    assert receive_buffer(file).grade is Grade.OK


def test_every_connection_needs_a_file(tmp_path: Path) -> None:
    site = write(tmp_path, "http://127.0.0.1:9")
    before = most_files(load_settings(site.config))
    site.config.write_text(
        site.config.read_text().replace("[[stations]]", "[links.opcua]\nmax_connections = 900\n[[stations]]")
    )
    assert most_files(load_settings(site.config)) == before + 900


def test_checks_have_names_of_their_own() -> None:
    assert len({check.name for check in CHECKS}) == len(CHECKS)

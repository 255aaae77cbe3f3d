"""`pekat projects`, `check` and `doctor` ask a Projects Manager: plain lines in a pipe, and exit codes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.cli.ports import free_port
from gateway.sim.parts import part_image
from tests.cli.patient import CONFIG, PLAYLIST, Site
from tests.system.managers import CAP, LABEL, ManagerAt


@pytest.fixture(scope="module")
def manager() -> Iterator[ManagerAt]:
    with ManagerAt(start_ms=0) as process:
        yield process


def said(manager: ManagerAt, verb: str, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["pekat", "projects", verb, *arguments, "--port", str(manager.port)])


def site(folder: Path, port: int, project: str) -> Site:
    """A station whose recipe has its project started by a manager at this port."""
    (folder / "parts").mkdir()
    (folder / "parts" / "1.png").write_bytes(part_image(1))
    (folder / "data").mkdir()
    url, modbus = f"http://127.0.0.1:{free_port()}", free_port()
    recipe = f"project = '{project}'\n[stations.inspector.manager]\nport = {port}\n"
    text = CONFIG.format(port=modbus, links="", source=PLAYLIST, pekat=url, recipe=recipe)
    (folder / "gateway.toml").write_text(text, encoding="utf-8")
    return Site(folder, modbus)


def test_a_project_is_started_switched_from_and_stopped_and_its_state_is_told(manager: ManagerAt) -> None:
    assert said(manager, "start", CAP).output == f"{CAP}\trunning\n"
    result = said(manager, "status", CAP, LABEL)
    assert (result.exit_code, result.output) == (0, f"{CAP}\trunning\n{LABEL}\tstopped\n")
    assert said(manager, "switch", LABEL, "--yes").output == f"{LABEL}\trunning\n"
    assert said(manager, "status", CAP).output == f"{CAP}\tstopped\n"
    assert said(manager, "stop", LABEL, "--yes", "--separator", "|").output == f"{LABEL}\tstopped\n"


def test_stopping_and_switching_ask_first(manager: ManagerAt) -> None:
    for verb in ("stop", "switch"):
        result = CliRunner().invoke(app, ["pekat", "projects", verb, CAP, "--port", str(manager.port)], input="n\n")
        assert result.exit_code == 1
        assert "Really stop" in result.output


def test_exit_codes_tell_an_unknown_project_from_a_manager_that_is_off(manager: ManagerAt) -> None:
    result = said(manager, "status", CAP, "/projects/gone")
    assert result.exit_code == 1
    assert f"{CAP}\tstopped\n/projects/gone\t?\n" in result.output
    assert "knows no such project" in result.output
    assert said(manager, "start", "/projects/gone").exit_code == 2
    result = CliRunner().invoke(app, ["pekat", "projects", "status", CAP, "--port", str(free_port())])
    assert result.exit_code == 2
    assert "cannot be connected to" in result.output


def test_list_and_check_show_what_the_configuration_names(manager: ManagerAt, tmp_path: Path) -> None:
    config = site(tmp_path, manager.port, CAP).config
    result = CliRunner().invoke(app, ["pekat", "projects", "list", str(config)])
    assert (result.exit_code, result.output) == (0, f"{CAP}\tstopped\tstation1, recipe 1\n")
    result = CliRunner().invoke(app, ["check", str(config)], env={"COLUMNS": "250"})
    assert result.exit_code == 0
    assert any(CAP in line and "stopped" in line for line in result.output.splitlines())


def test_doctor_finds_nothing_wrong_with_a_project_that_waits_for_its_recipe(
    manager: ManagerAt, tmp_path: Path
) -> None:
    lines = {line.check: line for line in site(tmp_path, manager.port, CAP).told(code=0)}
    assert (lines["projects"].grade, lines["pekat"].grade) == ("ok", "ok")
    assert "stopped, says the Projects Manager" in lines["projects"].text


@pytest.mark.parametrize("off", [False, True])
def test_doctor_names_a_manager_that_is_off_and_a_project_that_is_not_there(
    manager: ManagerAt, tmp_path: Path, off: bool
) -> None:
    line = site(tmp_path, free_port() if off else manager.port, "/projects/gone").one_defect()
    assert line.check == "projects"
    assert ("cannot be connected to" if off else "knows no such project") in line.text

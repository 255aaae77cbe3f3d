"""`pekat-gateway cameras`: what each driver finds, and what installs the others. On loopback only."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.sources.viva_camera import find_usb_cameras
from tests.contract.cameras import Bench, harvesters, pylon, viva
from tests.sources.debian_gi import aravis_installed, gi_folder
from tests.sources.gige import LOOPBACK, fake_camera

testing = pytest.importorskip("viva_genicam.testing", reason="viva-genicam has no wheel for this platform")


@pytest.fixture(autouse=True, scope="module")
def library_runs() -> None:
    """The library's own event loop keeps its two sockets as long as the process lives."""
    with viva() as bench:
        bench.camera().close()


@pytest.fixture
def fake() -> Iterator[Any]:
    with fake_camera() as camera:
        yield camera


@pytest.fixture
def producer() -> Iterator[Bench]:
    with harvesters() as bench:
        yield bench


def cameras(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["cameras", *arguments])


def rows(result: Result) -> list[list[str]]:
    return [line.split("\t") for line in result.stdout.splitlines()]


def test_a_line_for_each_in_a_pipe(fake: Any) -> None:
    result = cameras("--interface", LOOPBACK)
    assert result.exit_code == 0, result.output
    (row,) = rows(result)
    assert row[:5] == ["viva", LOOPBACK, fake.MAC, "viva-genicam", "FakeGigE"]
    assert row[7] == "free"
    assert fake.controller() is None


def test_what_somebody_controls_is_listed_too(fake: Any) -> None:
    import viva_genicam

    other = viva_genicam.connect_gige(fake.device_info(200), iface=LOOPBACK)
    (row,) = rows(cameras("--driver", "viva", "--interface", LOOPBACK))
    assert (row[1], row[7]) == (LOOPBACK, "used by a program")
    assert other.control_state.name == "HELD"
    other.close()


def test_all_that_all_drivers_find_on_one_interface(fake: Any) -> None:
    with pylon():
        result = cameras("--interface", LOOPBACK)
    assert result.exit_code == 0, result.output
    assert [row[0] for row in rows(result)] == ["viva", "pylon"]
    assert rows(result)[1][3:6] == ["Basler", "Emulation", "0815-0000"]
    assert "harvesters: it cannot search on one interface" in result.stderr


def test_a_producer_is_named_or_known_to_the_environment(producer: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    file = producer.settings.producer
    assert file is not None
    monkeypatch.delenv("GENICAM_GENTL64_PATH", raising=False)
    none = cameras("--driver", "harvesters")
    assert (none.exit_code, none.stdout) == (2, "")
    assert "--producer FILE.cti" in none.stderr
    named = cameras("--driver", "harvesters", "--producer", str(file))
    assert [row[1] for row in rows(named)] == ["VikyTL_DEV_red", "VikyTL_DEV_green", "VikyTL_DEV_blue"]
    monkeypatch.setenv("GENICAM_GENTL64_PATH", os.pathsep.join(["/nowhere", str(file.parent)]))
    assert cameras("--driver", "harvesters").stdout == named.stdout


def test_drivers_that_are_missing_are_told_with_what_installs_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "viva_genicam", None)
    monkeypatch.setitem(sys.modules, "harvesters", None)
    with pylon():
        result = cameras("--interface", LOOPBACK)
    assert result.exit_code == 0, result.output
    assert [row[0] for row in rows(result)] == ["pylon"]
    assert "viva: viva-genicam is not installed: pip install 'pekat-plc-gateway[genicam]'" in result.stderr
    assert "harvesters: harvesters is not installed: pip install 'pekat-plc-gateway[harvesters]'" in result.stderr
    assert cameras("--driver", "viva").exit_code == 2


def test_no_camera_is_no_line_and_a_wrong_interface_an_error() -> None:
    assert cameras("--driver", "viva", "--interface", LOOPBACK).stdout == ""
    for driver in ("viva", "pylon"):
        result = cameras("--driver", driver, "--interface", "192.0.2.x")
        assert result.exit_code == 2
        assert "192.0.2.x" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal is made by pty, which is POSIX")
def test_a_table_in_a_terminal(fake: Any) -> None:
    import pty

    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "gateway", "cameras", "--driver", "viva", "--interface", LOOPBACK]
    try:
        subprocess.run(
            command, stdout=theirs, stderr=theirs, check=True, timeout=60, env={**os.environ, "COLUMNS": "140"}
        )
        shown = os.read(ours, 20_000).decode()
    finally:
        os.close(ours)
        os.close(theirs)
    assert "user name" in shown
    assert fake.MAC in shown
    assert "\t" not in shown


@pytest.mark.foreign
def test_aravis_lists_its_own_camera(tmp_path: Path) -> None:
    """In a network of its own: Aravis searches on every interface."""
    if not aravis_installed() or shutil.which("arv-fake-gv-camera-0.8") is None:
        pytest.skip("Aravis is not installed (Debian: aravis-tools, gir1.2-aravis-0.8, python3-gi)")
    script = f"""
ip link set lo up
arv-fake-gv-camera-0.8 -i 127.0.0.1 -s GV01 & camera=$!
trap 'kill $camera' EXIT
for _ in $(seq 20); do
    {sys.executable} -m gateway cameras --driver aravis | grep . && exit
    sleep 0.2
done
exit 1
"""
    command = ["unshare", "--net", "bash", "-c", script]
    if subprocess.run(["unshare", "--net", "true"], check=False, capture_output=True).returncode:
        pytest.skip("no right to make a network of its own")
    env = {**os.environ, "PYTHONPATH": str(gi_folder(tmp_path))}
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=60)
    assert done.stdout.split("\t")[:6] == ["aravis", LOOPBACK, "00:00:00:00:00:00", "Aravis", "Fake", "GV01"]


def test_a_machine_without_usb_has_no_usb_cameras(caplog: pytest.LogCaptureFixture) -> None:
    """The bus is not a loopback; what is on it is only read."""
    found = find_usb_cameras()
    assert Path("/sys/bus/usb/devices").exists() or "no search for USB cameras" in caplog.text
    assert all(one.driver == "viva" and one.ip.startswith("usb ") for one in found)

"""`pekat-gateway doctor` names each defect that is planted, and nothing else."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import requests

from gateway.cli.doctor.clocks import WRITTEN_ON, look_at_clock
from gateway.cli.doctor.finding import Clock, Grade, Running
from gateway.cli.doctor.listening import look_at_ports
from gateway.cli.ports import free_port
from gateway.plc.opcua.security.certificate import CERTIFICATE_FILE, KEY_FILE
from gateway.sim.parts import part_image
from tests.cli.patient import Site, grades, healthy, hours_off, write
from tests.opcua.papers import paper
from tests.vision.servers import answering, http

OPCUA = '[links.opcua]\nhost = "127.0.0.1"\nport = 0\n'


def test_a_healthy_site_has_no_defect(tmp_path: Path) -> None:
    with healthy(tmp_path, links=OPCUA) as (site, _):
        lines = site.told(code=0)
    assert {line.check for line in lines} == {
        *("ports", "firewall", "clock", "folders", "pekat", "sources", "certificates", "machine")
    } - {"sources"}  # a playlist is a folder
    assert not [line for line in lines if line.grade == "defect"]
    assert not list(site.data.iterdir()), "doctor left something behind"


def test_port_taken_and_by_whom(tmp_path: Path) -> None:
    with healthy(tmp_path) as (site, _):
        code = f"import socket, sys; s = socket.create_server(('127.0.0.1', {site.port})); print(flush=True); input()"
        command = [sys.executable, "-c", code]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as thief:
            assert thief.stdout is not None
            thief.stdout.readline()
            line = site.one_defect()
            thief.communicate("\n")
        assert site.defects(code=0) == []  # and it is free again
    assert (line.check, line.subject) == ("ports", f"modbus 127.0.0.1:{site.port}")
    assert f"(pid {thief.pid})" in line.text
    assert "python" in line.text
    assert "another port" in line.cure


def test_an_address_that_is_not_ours(tmp_path: Path) -> None:
    with healthy(tmp_path) as (site, _):
        site.config.write_text(site.config.read_text().replace('host = "127.0.0.1"', 'host = "192.0.2.1"'))
        line = site.one_defect()
    assert line.check == "ports"
    assert "nothing can listen here" in line.text
    assert "0.0.0.0" in line.cure


def test_looking_at_a_port_is_not_in_the_way_of_a_server_that_starts(tmp_path: Path) -> None:
    site = write(tmp_path, "http://127.0.0.1:9")
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", site.port))  # bound, and not yet listening: the start of any server
        assert grades(site.looked(look_at_ports)) == {f"modbus 127.0.0.1:{site.port}": Grade.OK}
        server.listen()
        assert [finding.grade for finding in site.looked(look_at_ports)] == [Grade.DEFECT]


def test_pekat_is_off(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    line = write(tmp_path, url).one_defect()
    assert (line.check, line.subject) == ("pekat", url)
    assert "does not answer" in line.text
    assert "station1, recipe 1" in line.text
    assert "start the project" in line.cure


def test_processing_is_off_and_no_image_is_sent_to_find_out(tmp_path: Path) -> None:
    with healthy(tmp_path) as (site, pekat):
        requests.post(f"{pekat.url}/analyze_image", data=part_image(1), timeout=5)
        pekat.misbehave("processing_off")
        line = site.one_defect()
        assert pekat.analysed == 1
    assert (line.check, line.subject) == ("pekat", pekat.url)
    assert "'Process incoming images' is switched off" in line.text


@pytest.mark.parametrize("hours", [-3.0, 3.0])
def test_pekats_clock_is_hours_off(tmp_path: Path, hours: float) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    with answering(http(b"pong", "200 OK", f"Date: {date}")) as pekat:
        line = write(tmp_path, pekat.url).one_defect()
    assert (line.check, line.subject) == ("pekat", pekat.url)
    apart = int(line.text.split("clock and ours are ")[1].split(" s apart")[0])
    assert abs(apart - 10_800) <= 3
    assert line.text.endswith("ours is behind" if hours > 0 else "ours is ahead")


def test_pekats_clock_is_right(tmp_path: Path) -> None:
    date = format_datetime(datetime.now(UTC), usegmt=True)
    with answering(http(b"pong", "200 OK", f"Date: {date}")) as pekat:
        lines = write(tmp_path, pekat.url).told(code=0)
    assert "its clock shows the same time as ours" in [line.text for line in lines if line.subject == pekat.url]


def test_our_date_is_impossible(tmp_path: Path) -> None:
    site = write(tmp_path, "http://127.0.0.1:9")
    hours = (datetime(2019, 5, 1, tzinfo=UTC) - datetime.now(UTC)).total_seconds() / 3600
    found = grades(site.looked(look_at_clock, hours_off(hours)))
    assert found["date"] is Grade.DEFECT
    assert grades(site.looked(look_at_clock))["date"] is Grade.OK
    assert datetime.now(UTC) > WRITTEN_ON


@pytest.mark.parametrize(("moved_s", "grade"), [(-3600, "defect"), (3600, "defect"), (5, "warning"), (0, "ok")])
def test_the_clock_was_set_since_the_gateways_start(tmp_path: Path, moved_s: float, grade: str) -> None:
    site = write(tmp_path, "http://127.0.0.1:9")
    running = Running(os.getpid(), "1", time.time() - time.monotonic())
    clock = Clock(wall=lambda: time.time() + moved_s)
    found = {finding.subject: finding for finding in site.looked(look_at_clock, clock, running)}
    line = found["since the gateway's start"]
    assert line.grade == grade
    if moved_s:
        assert f"set {'forward' if moved_s > 0 else 'back'} by {abs(moved_s)} s" in line.text


def test_files_of_the_future_tell_of_a_clock_that_was_set_back(tmp_path: Path) -> None:
    with healthy(tmp_path) as (site, _):
        (site.data / "boot_id").write_text("7\n")
        os.utime(site.data / "boot_id", (time.time() + 7200,) * 2)
        line = site.one_defect()
    assert (line.check, line.subject) == ("clock", f"data: {site.data}")
    assert "7200 s from now" in line.text or "7199 s from now" in line.text


@pytest.mark.foreign
@pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed")
def test_a_clock_that_is_off_as_a_whole_process_sees_it(tmp_path: Path) -> None:
    with healthy(tmp_path) as (site, _):
        command = ["faketime", "2019-05-01 12:00:00", sys.executable, "-m", "gateway", "doctor", str(site.config)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if "it shows 2019-05-01" in line]
    assert line.split()[:2] == ["defect", "clock"]


@pytest.mark.parametrize("missing", ["data", "parts"])
def test_a_folder_is_missing(tmp_path: Path, missing: str) -> None:
    with healthy(tmp_path) as (site, _):
        shutil.rmtree(tmp_path / missing)
        if missing == "data":  # the gateway makes that one
            (line,) = [line for line in site.told(code=0) if line.subject.startswith("data")]
            assert (line.grade, line.text) == ("ok", "not there yet: the gateway makes it at its start")
            assert not (tmp_path / missing).exists()
            return
        line = site.one_defect()
    assert (line.check, line.subject) == ("folders", f"station1 source: {tmp_path / missing}")
    assert line.text == "the folder is missing"
    assert f"mkdir -p {tmp_path / missing}" in line.cure


def test_a_drop_folder_is_missing_and_another_is_a_file(tmp_path: Path) -> None:
    with healthy(tmp_path, source='kind = "file_drop"\nfolder = "drop"') as (site, _):
        assert site.one_defect().text == "the folder is missing"
        (tmp_path / "drop").write_text("no folder")
        assert site.one_defect().text == "this is a file, not a folder"
        (tmp_path / "drop").unlink()
        (tmp_path / "drop").mkdir()
        assert site.defects(code=0) == []
        assert not list((tmp_path / "drop").iterdir())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)], capture_output=True, text=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no disk can be mounted here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(sys.platform != "linux" or shutil.which("mount") is None, reason="mounts a Linux tmpfs")
def test_the_disk_is_full(tmp_path: Path, small_disk: Path) -> None:
    with healthy(tmp_path) as (site, _):
        site.config.write_text(site.config.read_text().replace('data = "data"', f'data = "{small_disk}"'))
        (small_disk / "history.db").write_bytes(b"x" * (1 << 20))
        lines = site.defects()
    assert {(line.check, line.subject) for line in lines} == {("folders", f"data: {small_disk}")}
    assert [line.text for line in lines] == ["the disk is full: 0.00 GB free"]
    assert "make room" in lines[0].cure
    assert [path.name for path in small_disk.iterdir()] == ["history.db"]


def certificates(site: Site, days: tuple[float, float]) -> None:
    folder = site.folder / "certificates"
    (folder / "own").mkdir(parents=True)
    made = paper(site.folder, days=days)
    shutil.copy(made.file, folder / "own" / CERTIFICATE_FILE)
    shutil.copy(made.key_file, folder / "own" / KEY_FILE)
    (folder / "own" / KEY_FILE).chmod(0o600)


@pytest.mark.parametrize(
    ("days", "grade", "text"),
    [((-9, -1), "defect", "expired on"), ((2, 9), "defect", "not valid before"), ((-1, 9), "warning", "expires on")],
)
def test_a_certificate_is_not_valid(tmp_path: Path, days: tuple[float, float], grade: str, text: str) -> None:
    with healthy(tmp_path, links=OPCUA) as (site, _):
        certificates(site, days)
        found = [line for line in site.told(code=1 if grade == "defect" else 0) if line.subject == "own certificate"]
    assert [line.grade for line in found] == [grade]
    assert text in found[0].text
    assert "certs renew" in found[0].cure


def test_the_database_is_off(tmp_path: Path) -> None:
    url = f"postgresql://gateway@127.0.0.1:{free_port()}/results"
    with healthy(tmp_path, links=f'[history]\nurl = "{url}"\n') as (site, _):
        line = site.one_defect()
    assert (line.check, line.subject) == ("database", url)
    assert "does not answer" in line.text


def test_a_camera_does_not_answer(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}/snapshot.jpg"
    with healthy(tmp_path, source=f'kind = "http_camera"\nurl = "{url}"') as (site, _):
        line = site.one_defect()
    assert line.check == "sources"
    assert line.subject.startswith(f"station1 source: http_camera {url}")
    assert line.cure


def test_a_wrong_configuration_is_told_and_nothing_else(tmp_path: Path) -> None:
    site = write(tmp_path, "http://127.0.0.1:9")
    site.config.write_text(site.config.read_text().replace("port =", "prot ="))
    lines = site.told(code=1)
    assert {line.check for line in lines} == {"config"}
    assert any("links.modbus.prot" in line.subject for line in lines)

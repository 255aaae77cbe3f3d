"""The newcomer's command as a real process: both links, a killed PEKAT, busy ports, Ctrl-C."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.cli.ports import free_port

DEMO_S = 90
"""Far above what fifty inspections take, far below the patience of CI."""
PORTS = ("--modbus-port", "--opcua-port", "--pekat-port")

SUMMARY = re.compile(
    r"(\d+) inspections: (\d+) OK, (\d+) NOK, (\d+) no decision, overhead p50 [\d.]+ ms, p99 [\d.]+ ms"
)


@contextmanager
def demo(*arguments: str, ports: Sequence[str] = PORTS) -> Iterator[subprocess.Popen[str]]:
    """`pekat-gateway demo`, ended by its own pid.

    It is given free `ports`, but for those that stand in `arguments`: two demos that began at the same time would both
    find the usual ones free.
    """
    given = [word for port in ports if port not in arguments for word in (port, str(free_port()))]
    command = [sys.executable, "-m", "gateway", "demo", *arguments, *given]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def finish(process: subprocess.Popen[str]) -> tuple[str, re.Match[str]]:
    output, _ = process.communicate(timeout=DEMO_S)
    summary = SUMMARY.search(output)
    assert summary is not None, output
    return output, summary


def line_with(process: subprocess.Popen[str], text: str) -> str:
    """The next line of the demo's output that holds `text`."""
    assert process.stdout is not None
    seen = []
    for line in process.stdout:
        seen.append(line)
        if text in line:
            return line
    raise AssertionError("".join(seen))


@pytest.mark.parametrize("plc", ["modbus", "opcua"])
def test_demo_plays_the_main_job(plc: str) -> None:
    with demo("--inspections", "20", "--plc", plc, "--rate", "0", "--pekat-delay-ms", "0") as process:
        output, summary = finish(process)
    total, ok, nok, undecided = map(int, summary.groups())
    assert process.returncode == 0, output
    assert (total, undecided) == (20, 0), output
    assert ok + nok == 20
    assert ok
    assert nok
    assert "wrong:" not in output


@pytest.mark.parametrize("plc", ["modbus", "opcua"])
def test_demo_with_three_parts_under_way(plc: str) -> None:
    """Answers that PEKAT gave out of order come in the order of the parts."""
    with demo(
        "--inspections", "20", "--plc", plc, "--rate", "0", "--pekat-delay-ms", "100", "--in-flight", "3"
    ) as process:
        output, summary = finish(process)
    assert process.returncode == 0, output
    assert (int(summary[1]), int(summary[4])) == (20, 0), output
    parts = re.findall(r"^\d+ +(P\d{6})", output, re.MULTILINE)
    assert parts == [f"P{number:06d}" for number in range(1, 21)], output
    assert re.search(r"; [1-9]\d* answers waited for an older part's", output), output


@pytest.mark.parametrize("views", [2, 8])
def test_demo_with_several_views_shows_what_each_said(views: int) -> None:
    with demo("--inspections", "24", "--views", str(views), "--rate", "0", "--pekat-delay-ms", "0") as process:
        output, summary = finish(process)
    total, ok, nok, undecided = map(int, summary.groups())
    assert process.returncode == 0, output
    assert (total, undecided, ok + nok) == (24, 0, 24), output
    said = re.findall(r" (OK|NOK): ((?:OK |NOK )+)", output)
    assert len(said) == 24, output
    for verdict, each in said:
        assert len(each.split()) == views
        assert each.split().count("NOK") == (verdict == "NOK"), "one view sees what is wrong with a part"
    assert len({each for verdict, each in said if verdict == "NOK"}) > 1, "not always the same one"


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to another process is POSIX")
def test_killed_pekat_gives_no_decision_and_recovers_by_itself() -> None:
    """H7, H10: while PEKAT is gone every trigger is answered "no decision"; afterwards it decides again."""
    with demo("--rate", "20") as process:
        found = re.search(r"process (\d+)", line_with(process, "PEKAT simulator"))
        assert found is not None
        line_with(process, "P000005")
        os.kill(int(found[1]), signal.SIGKILL)
        line_with(process, "no decision (inspector offline)")
        line_with(process, "NOK")
        process.send_signal(signal.SIGINT)
        output, summary = finish(process)
    assert process.returncode == 0, output
    assert int(summary[4]) > 0, output


def test_busy_port_is_replaced_and_said_so_but_not_where_it_was_asked_for(tmp_path: Path) -> None:
    with socket.socket() as busy:
        try:
            busy.bind(("127.0.0.1", 5020))
            busy.listen()
        except OSError:
            pytest.skip("port 5020 is taken on this machine, so it cannot be taken by this test")
        with demo("--inspections", "1", "--drop", str(tmp_path), ports=PORTS[1:]) as process:
            output, _ = finish(process)
        assert process.returncode == 0, output
        assert "port 5020 (Modbus TCP) is busy, taking" in output
        with demo("--inspections", "1", "--modbus-port", "5020") as process:
            output, _ = process.communicate(timeout=DEMO_S)
        assert process.returncode == 2, output
        assert "5020" in output
        assert "Traceback" not in output


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to another process is POSIX")
def test_ctrl_c_ends_the_demo_cleanly_in_under_two_seconds() -> None:
    with demo("--no-plc") as process:
        line_with(process, "drop folder")
        line_with(process, "verdict")  # the table's head: everything is up
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=DEMO_S)
    assert process.returncode == 0, output
    assert time.monotonic() - asked < 2.0
    assert "Traceback" not in output

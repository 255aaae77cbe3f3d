"""`pekat-gateway demo --camera gige` as a real process: the real protocol, every answer checked against its frame."""

import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.cli.demo_camera import FrameBook, installed_fake
from gateway.core.counts import Counts
from gateway.core.errors import GatewayError
from gateway.core.result import Judgement, Reason, Result, Verdict
from gateway.ports import Recorded
from gateway.sim.gige_camera import FAKES
from tests.sources.debian_gi import aravis_installed, gi_folder
from tests.sources.gige_port import gige_port
from tests.system.test_demo import demo, finish, line_with

pytest.importorskip("viva_genicam", reason="viva-genicam has no wheel for this platform")
QUICK = ("--rate", "0", "--pekat-delay-ms", "0")


@pytest.fixture
def port_3956() -> Iterator[None]:
    with gige_port():
        yield


@pytest.mark.usefixtures("port_3956")
@pytest.mark.parametrize("plc", ["modbus", "opcua"])
def test_it_plays_the_main_job(plc: str) -> None:
    with demo("--camera", "gige", "--inspections", "30", "--plc", plc, *QUICK) as process:
        output, summary = finish(process)
    total, ok, nok, undecided = map(int, summary.groups())
    assert process.returncode == 0, output
    assert (total, undecided) == (30, 0), output
    assert 5 < ok < 25, "a wave of 21 frames"
    assert ok + nok == 30
    assert "simulated by viva-genicam" in output
    assert "wrong:" not in output


@pytest.mark.usefixtures("port_3956")
@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to another process is POSIX")
def test_a_killed_camera_gives_no_decision_and_comes_back_with_its_first_frame() -> None:
    with demo("--camera", "gige", "--rate", "20") as process:
        found = re.search(r"process (\d+)", line_with(process, "GigE Vision camera"))
        assert found is not None
        line_with(process, "P000005")
        os.kill(int(found[1]), signal.SIGKILL)
        line_with(process, "no decision (source failed)")
        for _ in range(20):
            line_with(process, "OK")
        process.send_signal(signal.SIGINT)
        output, _ = finish(process)
    assert process.returncode == 0, output
    assert "wrong:" not in output


@pytest.mark.usefixtures("port_3956")
def test_a_port_that_is_taken_is_told() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 3956))
        with demo("--camera", "gige", "--inspections", "1") as process:
            output, _ = process.communicate(timeout=60)
    assert process.returncode == 2, output
    assert "UDP port 3956 on 127.0.0.1, which GigE Vision prescribes, is taken" in output
    assert "Traceback" not in output


def test_without_a_camera_it_says_what_installs_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "viva_genicam", None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(GatewayError, match="no simulated GigE Vision camera is installed") as caught:
        installed_fake()
    assert caught.value.hint.startswith("pip install 'pekat-plc-gateway[genicam]'")


@pytest.mark.foreign
@pytest.mark.usefixtures("port_3956")
def test_where_only_aravis_is_installed_its_camera_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """200 frames: over the end of its 16-bit count, and once through all brightnesses."""
    if not aravis_installed() or not FAKES["aravis"].installed():
        pytest.skip("Aravis is not installed (Debian: aravis-tools, gir1.2-aravis-0.8, python3-gi)")
    hidden = tmp_path / "viva_genicam"
    hidden.mkdir()
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['viva_genicam'] = None\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(gi_folder(tmp_path)))
    with demo("--camera", "gige", "--inspections", "200", *QUICK) as process:
        output, summary = finish(process)
    assert process.returncode == 0, output
    assert "simulated by Aravis" in output
    assert summary[1] == "200"
    assert int(summary[2])
    assert int(summary[3])


def recorded(inspection: int, frame: int | None) -> Recorded:
    """The answer to a trigger that PEKAT saw this frame for; None: no decision."""
    judgement = Judgement(Verdict.NO_DECISION, Reason.SOURCE_FAILED)
    if frame is not None:
        darkness = 1 - int(FAKES["viva"].brightness(frame)) / 255
        judgement = Judgement(Verdict.NOK if darkness > 0.5 else Verdict.OK, score=round(darkness, 4))
    result = Result(inspection, inspection, inspection, f"P{inspection}", 1, judgement, 0, 0, 0)
    return Recorded("station1", result, Counts())


def test_the_answer_of_another_frame_is_found_out() -> None:
    book = FrameBook(FAKES["viva"])
    for number in (1, 2, 3):
        book.put(recorded(number, number))
    assert book.slips == []
    book.put(recorded(4, 3))
    assert len(book.slips) == 1
    assert "P4" in book.slips[0]


def test_after_a_restart_of_the_gateway_the_first_frame_is_that_of_its_next_number() -> None:
    book = FrameBook(FAKES["viva"])
    book.begin(36)
    book.put(recorded(37, 1))
    book.put(recorded(38, 2))
    assert book.slips == []
    book.put(recorded(39, 2))
    assert len(book.slips) == 1


def test_after_no_decision_the_count_may_begin_anew_and_only_then() -> None:
    book = FrameBook(FAKES["viva"])
    book.put(recorded(1, 1))
    book.put(recorded(2, 2))
    book.put(recorded(3, None))
    assert book.deserved(4) is None
    book.put(recorded(4, 1))
    book.put(recorded(5, 2))
    assert book.slips == []
    assert book.deserved(15) is Verdict.OK
    book.put(recorded(6, 1))
    assert len(book.slips) == 1

"""`pekat-gateway run` and `sim plc` as real processes."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gateway.cli.ports import free_port
from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator

PATIENCE_S = 60

CONFIG = """
[links.modbus]
host = "127.0.0.1"
port = {modbus}

[links.opcua]
host = "127.0.0.1"
port = {opcua}
allow_unencrypted = true

[[links.opcua.users]]
name = "plc"
role = "engineer"
password_env = "TEST_PLC_PASSWORD"

[[stations]]
name = "station1"
control = "{control}"

[stations.source]
kind = "playlist"
folder = "parts"

[[stations.recipes]]
number = 1
name = "part"
url = "{pekat}"
"""


ENVIRONMENT = {**os.environ, "TEST_PLC_PASSWORD": "only for this test"}


def gateway(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "gateway", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=ENVIRONMENT)


@contextmanager
def running(folder: Path, control: str) -> Iterator[tuple["subprocess.Popen[str]", Path, int, int]]:
    """A gateway process that is ready, its configuration, its Modbus and its OPC UA port."""
    (folder / "parts").mkdir()
    for number in range(5):
        (folder / "parts" / f"{number}.png").write_bytes(part_image(number))
    with PekatSimulator() as pekat:
        modbus, opcua, config = free_port(), free_port(), folder / "gateway.toml"
        config.write_text(CONFIG.format(modbus=modbus, opcua=opcua, control=control, pekat=pekat.url), encoding="utf-8")
        command = [sys.executable, "-m", "gateway", "run", str(config)]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT)
        assert process.stderr is not None
        try:
            seen = []
            for line in process.stderr:
                seen.append(line)
                if "ready:" in line:
                    break
            else:
                raise AssertionError("".join(seen))
            yield process, config, modbus, opcua
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stderr.close()


@pytest.mark.parametrize("style", ["bits", "sequence"])
@pytest.mark.parametrize("buffered", ["--buffered", "--no-buffered"])
def test_simulated_plc_plays_modbus_and_ends_with_0(tmp_path: Path, style: str, buffered: str) -> None:
    with running(tmp_path, "modbus") as (_, _, modbus, _):
        played = gateway("sim", "plc", "--port", str(modbus), "--style", style, buffered, "--inspections", "15")
    assert played.returncode == 0, played.stdout + played.stderr
    assert re.search(r"15 of 15 answered: \d+ OK, \d+ NOK, 0 NO DECISION; latency p50 [\d.]+ ms", played.stdout)


def test_simulated_plc_plays_opcua_and_ends_with_0(tmp_path: Path) -> None:
    with running(tmp_path, "opcua") as (_, _, _, opcua):
        played = gateway(
            *("sim", "plc", "--link", "opcua", "--url", f"opc.tcp://127.0.0.1:{opcua}/pekat"),
            *("--user", "plc", "--password-env", "TEST_PLC_PASSWORD", "--inspections", "15"),
        )
    assert played.returncode == 0, played.stdout + played.stderr
    assert "15 of 15 answered" in played.stdout


def test_second_gateway_on_the_same_port_is_one_clear_line_and_2(tmp_path: Path) -> None:
    with running(tmp_path, "modbus") as (_, config, modbus, _):
        second = gateway("run", str(config))
    assert second.returncode == 2
    errors = [line for line in second.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1, second.stderr
    assert f"port {modbus} on 127.0.0.1 is taken" in errors[0]
    assert "Traceback" not in second.stderr


def test_probe_and_its_exit_codes(tmp_path: Path) -> None:
    with running(tmp_path, "modbus") as (_, _, modbus, _):
        alive = gateway("probe", "--port", str(modbus))
    assert alive.returncode == 0, alive.stderr
    assert "a gateway, online" in alive.stdout
    dead = gateway("probe", "--port", str(modbus))
    assert dead.returncode == 2
    assert "Traceback" not in dead.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="SIGTERM to another process is POSIX")
def test_sigterm_ends_it_cleanly(tmp_path: Path) -> None:
    with running(tmp_path, "modbus") as (process, _, _, _):
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
        assert time.monotonic() - asked < 2.0


def test_wrong_configuration_names_everything_and_ends_with_2(tmp_path: Path) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text('[links.modbus]\nprot = 502\n[[stations]]\nname = "S 1"\n', encoding="utf-8")
    for command in ("check", "run"):
        done = gateway(command, str(config))
        assert done.returncode == 2, done.stdout
        assert "links.modbus.prot" in done.stderr
        assert "stations[0].name" in done.stderr or "stations[1].name" in done.stderr
        assert "Traceback" not in done.stderr

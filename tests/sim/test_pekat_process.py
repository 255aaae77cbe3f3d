"""How the simulator starts and ends, as a process and as a part."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from gateway.core.errors import LinkError
from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator, listening
from gateway.sim.pekat_settings import PekatSimSettings

GOOD = part_image(1, 0)


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.5).close()
    except OSError:
        return False
    return True


RUN = """
from gateway.sim.pekat import run
from gateway.sim.pekat_settings import PekatSimSettings
run(PekatSimSettings(port={port}), exit_with_parent={exit_with_parent})
"""


@contextmanager
def process(port: int = 0, *, exit_with_parent: bool = False) -> Iterator[subprocess.Popen[str]]:
    code = RUN.format(port=port, exit_with_parent=exit_with_parent)
    child = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    with child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def announced(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    line = child.stdout.readline()
    assert line.startswith("PEKAT simulator on http://127.0.0.1:"), line
    return line.split()[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_says_when_it_listens_and_a_signal_ends_it_within_a_second(number: signal.Signals) -> None:
    """Even with a request that hangs, a connection that idles and one that never asked."""
    with process() as child, requests.Session() as http, requests.Session() as idle:
        url = announced(child)
        assert idle.get(f"{url}/ping", timeout=5).status_code == 200
        http.post(f"{url}/sim/misbehave", json={"mode": "hang"}, timeout=5)
        ends: list[int] = []
        hanging = threading.Thread(target=lambda: ends.append(http.post(f"{url}/analyze_image", data=GOOD).status_code))
        hanging.start()
        deadline = time.monotonic() + 5
        while idle.get(f"{url}/sim/state", timeout=5).json()["analysed"] == 0:
            assert time.monotonic() < deadline
        with socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1]))):
            began = time.monotonic()
            child.send_signal(number)
            assert child.wait(5) == 0
            assert time.monotonic() - began < 1.5
        hanging.join(5)
        assert ends == [503]
        assert child.stderr is not None
        assert child.stderr.read() == ""


def test_it_ends_with_its_parent() -> None:
    with process(exit_with_parent=True) as child:
        announced(child)
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(5) == 0


def test_a_taken_port_is_said_clearly() -> None:
    with PekatSimulator() as pekat:
        with pytest.raises(LinkError, match=f"cannot listen on 127.0.0.1:{pekat.port}: Address already in use"):
            listening("127.0.0.1", pekat.port)
        with pytest.raises(LinkError), PekatSimulator(PekatSimSettings(port=pekat.port)):
            pass


async def test_it_is_an_asynchronous_part_too() -> None:
    async with PekatSimulator() as pekat:
        assert accepts(pekat.port)
    assert not accepts(pekat.port)


def test_a_simulator_starts_quickly() -> None:
    began = time.monotonic()
    with PekatSimulator() as pekat:
        assert accepts(pekat.port)
    assert time.monotonic() - began < 2

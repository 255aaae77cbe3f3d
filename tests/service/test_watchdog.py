"""systemd's watchdog and notify socket, on a real datagram socket."""

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.service import watchdog
from gateway.service.notify import Notifier, watchdog_s
from gateway.service.watchdog import Watchdog

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no Unix sockets")


@pytest.fixture
def ears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket of a service manager, by a path, as systemd's own."""
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("notify")
        listening.setblocking(False)
        yield listening


def heard(ears: socket.socket) -> list[str]:
    said = []
    while True:
        try:
            said.append(ears.recv(4096).decode())
        except BlockingIOError:
            return said


class Beats:
    """Two stations; those in `alive` step."""

    def __init__(self) -> None:
        self.alive = {"one", "two"}
        self.count = 0

    def __call__(self) -> dict[str, int]:
        self.count += 1
        return {name: self.count if name in self.alive else 0 for name in ("one", "two")}


async def test_one_station_that_stands_still_is_enough_not_to_be_fed(
    ears: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "SHORTEST_S", 0.02)
    beats = Beats()
    async with Watchdog(Notifier({"NOTIFY_SOCKET": "notify"}), beats, lambda: "well", limit_s=0.04):
        await _looks(beats, 3)
        assert heard(ears).count("WATCHDOG=1") >= 2
        beats.alive = {"one"}
        await _looks(beats, 2)
        heard(ears)
        await _looks(beats, 3)
        assert heard(ears) == [], "one stands still"
        beats.alive = {"one", "two"}
        await _looks(beats, 2)
        assert "WATCHDOG=1" in heard(ears)


async def _looks(beats: Beats, more: int) -> None:
    until = beats.count + more
    async with asyncio.timeout(5):
        while beats.count < until:
            await asyncio.sleep(0.005)
    await asyncio.sleep(0)


async def test_a_new_status_is_told_once(ears: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog, "STATUS_S", 0.01)
    status, asked = ["fine"], 0

    def now() -> str:
        nonlocal asked
        asked += 1
        return status[0]

    async with Watchdog(Notifier({"NOTIFY_SOCKET": "notify"}), dict, now, limit_s=0):
        assert heard(ears) == ["READY=1\nSTATUS=fine"]
        status[0], until = "station1: source", asked + 4
        async with asyncio.timeout(5):
            while asked < until:
                await asyncio.sleep(0.005)
        assert heard(ears) == ["STATUS=station1: source"]


def test_reloading_tells_the_moment(ears: socket.socket) -> None:
    Notifier({"NOTIFY_SOCKET": "notify"}).reloading()
    (said,) = heard(ears)
    state, moment = said.split("\n")
    assert state == "RELOADING=1"
    assert int(moment.removeprefix("MONOTONIC_USEC=")) > 0


@pytest.mark.parametrize("address", ["", "nobody/is/there", "@nobody-is-there"])
def test_nobody_who_listens_is_no_error(address: str) -> None:
    Notifier({"NOTIFY_SOCKET": address}).alive()


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "10000000"}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_the_watchdog_is_whose_it_is(environment: dict[str, str], seconds: float) -> None:
    assert watchdog_s(environment) == seconds

"""`pekat-gateway run` as a systemd service: what it says to a real notify socket, and how it goes down."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from gateway.cli.ports import free_port
from gateway.core.commands import Commands
from gateway.core.errors import ErrorCode, OfflineReason, RejectReason
from gateway.core.result import Reason
from gateway.core.tags import TagValue
from gateway.sim.parts import part_image
from gateway.sim.pekat import PekatSimulator
from gateway.sim.pekat_settings import PekatSimSettings
from gateway.sim.plc_modbus import ModbusFace
from gateway.tagmap import load_map

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals and notify sockets are POSIX")

PATIENCE_S = 30.0

CONFIG = """
[gateway]
stop_timeout_ms = {stop_ms}

[links.modbus]
host = "127.0.0.1"
port = {modbus}

[[stations]]
name = "station1"
source = {{ kind = "playlist", folder = "parts" }}

[stations.handshake]
inspection_timeout_ms = 20000
max_in_flight = 2

[[stations.recipes]]
number = 1
name = "part"
url = "{pekat}"
"""

HANGS = """
import asyncio, sys, time
from gateway.service import watchdog
run = watchdog.Watchdog._run
async def planted(self):
    asyncio.get_running_loop().call_later(1.5, time.sleep, 6)
    await run(self)
watchdog.Watchdog._run = planted
sys.argv = ["pekat-gateway", "run", sys.argv[1]]
from gateway.__main__ import main
main()
"""
"""A gateway whose event loop hangs in a blocking call for six seconds."""


CRASHES = """
import sys
from gateway.sources.playlist import Playlist
real, checks = Playlist.check, []
async def planted(self):
    checks.append(1)
    if len(checks) in (2, 3):
        raise ValueError("planted")
    await real(self)
Playlist.check = planted
sys.argv = ["pekat-gateway", "run", sys.argv[1]]
from gateway.__main__ import main
main()
"""
"""A gateway whose source crashes while it runs, and once more when it is started again."""


@dataclass
class Service:
    """The process, and what it told the notify socket, with the moments."""

    process: "subprocess.Popen[bytes]"
    ears: socket.socket
    modbus: int
    heard: list[tuple[float, str]] = field(default_factory=list)

    def listen(self, seconds: float) -> None:
        """Take down what is said within that time."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.ears.settimeout(left)
            try:
                self.heard.append((time.monotonic(), self.ears.recv(4096).decode()))
            except TimeoutError:
                return

    def until(self, word: str) -> float:
        """When this was said."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            for at, said in self.heard:
                if word in said:
                    return at
            self.listen(0.1)
        raise AssertionError(f"{word} was not said: {self.heard}")

    def said_after(self, moment: float, word: str) -> bool:
        self.listen(2.0)
        return any(at >= moment and word in said for at, said in self.heard)

    def pets(self, since: float, until: float) -> int:
        return sum(since <= at <= until and "WATCHDOG=1" in said for at, said in self.heard)


@contextmanager
def service(
    folder: Path, *, stop_ms: int = 5_000, watchdog_s: float = 0, delay_ms: int = 0, script: str = ""
) -> Iterator[Service]:
    (folder / "parts").mkdir()
    (folder / "parts" / "1.png").write_bytes(part_image(1, defects=0))
    with (
        PekatSimulator(PekatSimSettings(port=0, delay_ms=delay_ms)) as pekat,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ears,
    ):
        ears.bind(address := f"\0pekat-gateway-test-{os.getpid()}-{free_port()}")
        modbus, config = free_port(), folder / "gateway.toml"
        config.write_text(CONFIG.format(modbus=modbus, pekat=pekat.url, stop_ms=stop_ms), encoding="utf-8")
        environment = {**os.environ, "NOTIFY_SOCKET": address.replace("\0", "@")}
        if watchdog_s:
            environment["WATCHDOG_USEC"] = str(round(watchdog_s * 1e6))
        start = ["-c", script, str(config)] if script else ["-m", "gateway", "run", str(config)]
        process = subprocess.Popen([sys.executable, *start], env=environment, stderr=subprocess.DEVNULL)
        try:
            yield Service(process, ears, modbus)
        finally:
            process.kill()
            process.wait()


async def until(face: ModbusFace, tag: str, value: TagValue = True) -> dict[str, TagValue]:
    end = time.monotonic() + PATIENCE_S
    while (tags := dict(await face.read()))[tag] != value:
        assert time.monotonic() < end, f"{tag} is {tags[tag]}"
    return tags


def test_it_says_that_it_serves_that_it_lives_and_that_it_stops(tmp_path: Path) -> None:
    with service(tmp_path, watchdog_s=1.0) as one:
        ready = one.until("READY=1")
        with socket.create_connection(("127.0.0.1", one.modbus)):
            pass
        one.listen(4.0)
        assert one.pets(ready, time.monotonic()) >= 4, one.heard
        assert any("STATUS=1 stations on modbus" in said for _, said in one.heard)
        one.process.send_signal(signal.SIGHUP)
        asked = one.until("RELOADING=1\nMONOTONIC_USEC=")
        assert one.said_after(asked, "READY=1\nSTATUS=1 stations on modbus")
        one.process.send_signal(signal.SIGTERM)
        one.until("STOPPING=1")
        assert one.process.wait(PATIENCE_S) == 0


def test_a_loop_that_hangs_does_not_feed_the_watchdog(tmp_path: Path) -> None:
    with service(tmp_path, watchdog_s=1.0, script=HANGS) as one:
        ready = one.until("READY=1")
        one.listen(5.0)
        assert one.pets(ready, ready + 1.6) >= 1, "it lives before"
        assert one.pets(ready + 2.2, ready + 5.0) == 0, "and is dead while it hangs"


async def _begin(face: ModbusFace) -> None:
    await face.write(Commands())
    await face.write(Commands(enable=True))
    await until(face, "ready")


async def test_a_source_that_crashes_is_started_again_and_the_plc_sees_it(tmp_path: Path) -> None:
    with service(tmp_path, script=CRASHES) as one:
        one.until("READY=1")
        async with ModbusFace("127.0.0.1", one.modbus, load_map("standard")) as face:
            await _begin(face)
            await until(face, "offline_reason", OfflineReason.SOURCE)
            tags = await until(face, "ready")
            assert tags["error_code"] == ErrorCode.SOURCE_DOWN
            await face.write(Commands(enable=True, trigger_seq=1, part_id="after"))
            tags = await until(face, "result_trigger_seq", 1)
            assert tags["ok"]


async def test_a_stop_finishes_what_is_judged_and_takes_nothing_more(tmp_path: Path) -> None:
    with service(tmp_path, delay_ms=1_500, stop_ms=10_000) as one:
        one.until("READY=1")
        async with ModbusFace("127.0.0.1", one.modbus, load_map("standard")) as face:
            await _begin(face)
            await face.write(Commands(enable=True, trigger_seq=1, part_id="last"))
            await until(face, "exposure_done")
            one.process.send_signal(signal.SIGTERM)
            tags = await until(face, "online", False)
            assert (tags["offline_reason"], tags["busy"]) == (OfflineReason.STOPPING, True)
            await face.write(Commands(enable=True, trigger_seq=2))
            tags = await until(face, "trigger_rejected")
            assert tags["reject_reason"] == RejectReason.OFFLINE
            tags = await _last_words(face)
            assert (tags["ok"], tags["result_part_id"]) == (True, "last"), "what was judged has its verdict"
        assert one.process.wait(PATIENCE_S) == 0


async def _last_words(face: ModbusFace) -> dict[str, TagValue]:
    """The tags as they were last read before the connection ended."""
    tags: dict[str, TagValue] = {}
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        try:
            tags = dict(await face.read())
        except ConnectionError:
            break
    return tags


@pytest.mark.parametrize("signals", [1, 2])
async def test_what_takes_too_long_or_a_second_signal_is_answered_shutdown(tmp_path: Path, signals: int) -> None:
    """One signal: after stop_timeout_ms. Two: at once, however long that is."""
    with service(tmp_path, delay_ms=15_000, stop_ms=1_000 if signals == 1 else 60_000) as one:
        one.until("READY=1")
        async with ModbusFace("127.0.0.1", one.modbus, load_map("standard")) as face:
            await _begin(face)
            await face.write(Commands(enable=True, trigger_seq=1))
            await until(face, "exposure_done")
            asked = time.monotonic()
            one.process.send_signal(signal.SIGTERM)
            await until(face, "online", False)
            if signals == 2:
                one.process.send_signal(signal.SIGTERM)
            ended = asyncio.create_task(asyncio.to_thread(_ended, one.process))
            tags = await _last_words(face)
            took = await ended - asked
        assert one.process.returncode == 0
        assert not tags["ok"]
        if tags["no_decision"]:  # seen before the connection ended
            assert tags["reason"] == Reason.SHUTDOWN
        assert took >= 0.9 if signals == 1 else took < 10, took


def _ended(process: "subprocess.Popen[bytes]") -> float:
    process.wait(PATIENCE_S)
    return time.monotonic()

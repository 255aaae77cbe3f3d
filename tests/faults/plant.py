"""A plant of real processes: gateway, PEKAT simulator, and the proxy that all their connections go through."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from pathlib import Path

from gateway.cli.ports import free_port
from gateway.config import load_settings
from gateway.core.registers import RegisterMap
from gateway.ports import ResultQuery, StoredResult
from gateway.sim.parts import part_image
from gateway.sim.plc import PlcFace
from gateway.sim.plc_modbus import ModbusFace
from gateway.sim.plc_opcua import OpcUaFace
from gateway.sinks.history_reader import HistoryReader
from tests.faults.faces import ANSWER_S, Link
from tests.faults.housing import Housing
from tests.faults.plant_settings import PASSWORD, TAGS, Handshake, config

ROOT = Path(__file__).parents[2]
START_S = 60.0
"""Only a machine that has a hundred other things to do takes more than three."""
PEKAT = """
import sys
from gateway.sim.pekat import run
from gateway.sim.pekat_settings import PekatSimSettings

run(PekatSimSettings(port=int(sys.argv[1])), exit_with_parent=True)
"""
"""What `pekat-gateway sim pekat` does, without the rest of the command line, which takes four times as long to load."""


@cache
def _picture(*, good: bool) -> bytes:
    return part_image(1, defects=0 if good else 2)


_given: set[int] = set()


def own_port() -> int:
    """A free port that no other plant of this run has: that of a gateway which is down just now looks free."""
    while (port := free_port()) in _given:
        pass
    _given.add(port)
    return port


class Plant:
    """Everything but the PLC. `begin` brings it up, `end` takes it down; the gateway and PEKAT can be killed between.

    Nothing here holds a socket: what is under way lives in processes.
    """

    def __init__(self, home: Path, housing: Housing, handshake: Handshake | None = None, link: Link = "modbus") -> None:
        self.home, self.housing, self._handshake, self._link = home, housing, handshake or Handshake(), link
        self.plc_port = own_port()
        self._ports = {name: own_port() for name in ("gateway", "pekat", "route", "route2")}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._modes = dict.fromkeys(("plc", "pekat", "pekat2"), "open")
        self.starts: list[float] = []
        """How long each start of the gateway took, in seconds."""

    # ---- life ----------------------------------------------------------------------------------------------

    def begin(self) -> None:
        """What was brought up is taken down again where the rest does not come."""
        try:
            self._begin()
        except BaseException:
            self.end()
            raise

    def _begin(self) -> None:
        data = self.home / "data"
        for folder in (data, self.home / "drop"):
            folder.mkdir(parents=True)
        self.housing.begin(data)
        self.config.write_text(config(data, self._link, self._ports, self._handshake), encoding="utf-8")
        self._begin_proxy()
        self.begin_pekat()
        self.begin_gateway()

    def end(self) -> None:
        for name in tuple(self._processes):
            self._kill(name)
        self.housing.end()

    @property
    def config(self) -> Path:
        return self.home / "gateway.toml"

    @property
    def drop(self) -> Path:
        return self.home / "drop"

    @property
    def data(self) -> Path:
        """The gateway's data, as this process reaches it."""
        return self.housing.seen(self.home / "data")

    @property
    def gateway_port(self) -> int:
        """Without the proxy."""
        return self._ports["gateway"]

    @property
    def gateway_pid(self) -> int:
        return self._processes["gateway"].pid

    def gateway_log(self) -> str:
        """What the gateway has logged since its last start."""
        log = self.home / f"gateway-{len(self.starts) - 1}.log"
        return log.read_text(encoding="utf-8", errors="replace")

    @cached_property
    def registers(self) -> RegisterMap:
        return load_settings(self.config).stations[0].registers

    def reach(self) -> PlcFace:
        """A new connection for the PLC, which goes through the proxy; it is made when it is entered."""
        if self._link == "opcua":
            url = f"opc.tcp://127.0.0.1:{self.plc_port}"
            return OpcUaFace(url, user="plc", password=PASSWORD, tags=TAGS, timeout_s=ANSWER_S)
        return ModbusFace("127.0.0.1", self.plc_port, self.registers)

    # ---- processes -----------------------------------------------------------------------------------------

    def begin_gateway(self) -> None:
        """Until it says that it is ready."""
        began, log = time.monotonic(), self.home / f"gateway-{len(self.starts)}.log"
        command = [*self.housing.prefix(), sys.executable, "-m", "gateway", "run", str(self.config)]
        self._spawn("gateway", command, log, self.housing.environment())
        self._await("gateway", lambda: "ready:" in log.read_text(encoding="utf-8", errors="replace"), log)
        self.starts.append(time.monotonic() - began)

    def kill_gateway(self) -> None:
        self._kill("gateway")

    def begin_pekat(self) -> None:
        """Until it listens."""
        log = self.home / "pekat.log"
        self._spawn("pekat", [sys.executable, "-c", PEKAT, str(self._ports["pekat"])], log, {})
        self._await("pekat", lambda: "PEKAT simulator on" in log.read_text(encoding="utf-8"), log)

    def kill_pekat(self) -> None:
        self._kill("pekat")

    def _begin_proxy(self) -> None:
        ports = self._ports
        routes = {
            "plc": (self.plc_port, ports["gateway"]),
            "pekat": (ports["route"], ports["pekat"]),
            "pekat2": (ports["route2"], ports["pekat"]),
        }
        words = [f"{name}:{listen}:{target}" for name, (listen, target) in routes.items()]
        command = [sys.executable, "-m", "tests.faults.proxy", *words]
        process = self._spawn("proxy", command, None, {})
        assert process.stdout is not None
        assert process.stdout.readline() == b"ok\n"

    def _spawn(
        self, name: str, command: list[str], log: Path | None, environment: Mapping[str, str]
    ) -> "subprocess.Popen[bytes]":
        out = subprocess.PIPE if log is None else os.open(log, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        more = {**os.environ, "FAULTS_PLC_PASSWORD": PASSWORD, **environment}
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=out, stderr=out if log else None, cwd=ROOT, env=more
        )
        if log is not None:
            os.close(out)
        self._processes[name] = process
        return process

    def _await(self, name: str, is_up: Callable[[], bool], log: Path) -> None:
        deadline = time.monotonic() + START_S
        while not is_up():
            if self._processes[name].poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"{name} does not come up:\n{log.read_text(encoding='utf-8', errors='replace')}")
            time.sleep(0.01)

    def _kill(self, name: str) -> None:
        """As by power: nobody is asked."""
        process = self._processes.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    # ---- what can be done to it ----------------------------------------------------------------------------

    def route(self, name: str, mode: str, delay_ms: int = 0) -> None:
        """Switch a route of the proxy: `plc`, `pekat` (recipe 1), `pekat2` (recipe 2)."""
        process = self._processes["proxy"]
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{name} {mode} {delay_ms}\n".encode())
        process.stdin.flush()
        assert process.stdout.readline() == b"ok\n"
        self._modes[name] = mode

    def mode(self, name: str) -> str:
        """What a route does now."""
        return self._modes[name]

    def pekat_routes(self, mode: str, delay_ms: int = 0) -> None:
        for name in ("pekat", "pekat2"):
            self.route(name, mode, delay_ms)

    def misbehave(self, mode: str, count: int, delay_ms: int) -> None:
        """Have the simulator misbehave for its next images."""
        connection = http.client.HTTPConnection("127.0.0.1", self._ports["pekat"], timeout=5)
        body = json.dumps({"mode": mode, "count": count, "delay_ms": delay_ms})
        connection.request("POST", "/sim/misbehave", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
        connection.close()

    def picture(self, part_id: str, *, good: bool) -> bool:
        """What the camera does: a whole file, renamed in. False where its folder is away."""
        writing = self.home / "writing"
        writing.write_bytes(_picture(good=good))
        try:
            writing.replace(self.drop / f"{part_id}.png")
        except FileNotFoundError:
            return False
        return True

    def journal(self, since: StoredResult | None = None) -> list[StoredResult]:
        """Every row, or those that were answered after this one, in the order of their numbers."""
        with HistoryReader(self.housing.journal(self.home / "data")) as reader:
            rows = [one for page in reader.pages(ResultQuery(after=since)) for one in page]
        return sorted(rows, key=lambda one: one.number)

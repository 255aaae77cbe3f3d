"""`pekat-gateway demo`: the whole main job on an embedded default, over real sockets, files and processes."""

import asyncio
import json
import secrets
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from gateway.app import Gateway
from gateway.cli.demo_camera import DemoCamera, Dropping, Gige
from gateway.cli.demo_display import DemoDisplay
from gateway.cli.demo_views import SeveralDropping
from gateway.cli.pekat_process import PekatProcess
from gateway.cli.ports import choose_port
from gateway.cli.runner import settle_memory
from gateway.config import Settings, load_settings
from gateway.core.errors import GatewayError
from gateway.sim.plc import Outcome, Play, Plc, PlcFace
from gateway.sim.plc_modbus import ModbusFace
from gateway.sim.plc_opcua import OpcUaFace
from gateway.sim.plc_pipelined import PipelinedPlc

ENDLESS = 10**9
"""Inspections until Ctrl-C."""
CANCEL_AGAIN_S = 0.1
"""Ctrl-C has to end the demo within two seconds."""

MODBUS_PORT, OPCUA_PORT, PEKAT_PORT = 5020, 4840, 8000
"""502, Modbus' own, needs rights that a newcomer does not have."""

STATION = "station1"
USER, PASSWORD_FILE = "plc", "plc_password"
"""The simulated PLC logs in over OPC UA: a reset is an engineer's right. The password is a new one in each demo."""
CONFIG = """\
# The demo's configuration; `pekat-gateway run` takes the same.
[gateway]
name = "demo"
{data}
[links.modbus]
host = "127.0.0.1"
port = {modbus}

[links.opcua]
host = "127.0.0.1"
port = {opcua}
allow_unencrypted = true
client_certificates = "any"
anonymous = "operate"

[[links.opcua.users]]
name = "{user}"
role = "engineer"
password_file = "{password_file}"

[[stations]]
name = "{station}"
control = "{control}"
map = "standard"

{source}

[stations.inspector]
kind = "pekat"

[stations.handshake]
max_in_flight = {in_flight}

[[stations.recipes]]
number = 1
name = "demo part"
url = "http://127.0.0.1:{pekat}"
data = "{{part_id}}"
classes = {{ Scratch = 1, Spot = 2 }}

[[stations.recipes]]
number = 2
name = "demo part, second recipe"
url = "http://127.0.0.1:{pekat}"
data = "second|{{part_id}}"
classes = {{ Scratch = 1, Spot = 2 }}
{archive}"""
ARCHIVE = """\

[archive]
keep_mb = 1000
min_free_mb = 100
"""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What the command line says. Ports None: the usual ones, or free ones where those are busy."""

    inspections: int = 0
    plc: Literal["modbus", "opcua"] = "modbus"
    play_plc: bool = True
    modbus_port: int | None = None
    opcua_port: int | None = None
    pekat_port: int | None = None
    pekat_delay_ms: int = 20
    drop: Path | None = None
    rate: float = 10.0
    data: Path | None = None
    camera: Literal["drop", "gige"] = "drop"
    views: int = 1
    in_flight: int = 1
    """Parts under way at a time. More than 1: PEKAT takes up to three times as long for some: answers overtake."""

    @property
    def jitter_ms(self) -> int:
        return 2 * self.pekat_delay_ms if self.in_flight > 1 else 0


@dataclass(frozen=True, slots=True)
class _Ports:
    modbus: int
    opcua: int
    pekat: int

    @classmethod
    def choose(cls, options: DemoOptions, console: Console) -> "_Ports":
        ports = cls(
            choose_port(options.modbus_port, MODBUS_PORT),
            choose_port(options.opcua_port, OPCUA_PORT),
            choose_port(options.pekat_port, PEKAT_PORT),
        )
        usual = (("Modbus TCP", ports.modbus, MODBUS_PORT), ("OPC UA", ports.opcua, OPCUA_PORT))
        for name, port, standard in (*usual, ("PEKAT", ports.pekat, PEKAT_PORT)):
            wanted = {"Modbus TCP": options.modbus_port, "OPC UA": options.opcua_port}.get(name, options.pekat_port)
            if wanted is None and port != standard:
                console.print(f"port {standard} ({name}) is busy, taking {port}", highlight=False)
        return ports


async def run_demo(options: DemoOptions, console: Console, stop: asyncio.Event) -> int:
    """Run until the inspections are done or `stop`. The exit code: 0 where every answer was right."""
    ports = _Ports.choose(options, console)
    async with AsyncExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pekat-gateway-demo-")))
        camera = _camera(options, home)
        settings = _settings(options, ports, home, camera.source)
        pekat = PekatProcess(ports.pekat, options.pekat_delay_ms, camera.judge, options.jitter_ms)
        with console.status("starting the simulators and the gateway"):
            try:
                await stack.enter_async_context(camera)
                await stack.enter_async_context(pekat)
            except RuntimeError as error:
                raise GatewayError(str(error), hint="see its message above; --pekat-port takes another port") from error
            head = [*_where(options, settings, ports, home, pekat.pid), camera.where, *_rows(settings)]
            display = DemoDisplay(console, head, camera.shown_at)
            gateway = await stack.enter_async_context(Gateway(settings, [display, *camera.sinks]))
        camera.begin(gateway.stations[STATION])
        stack.callback(gateway.stations[STATION].watch(camera.see))
        display.begin()
        settle_memory()
        outcome = await _play(options, _face(options, settings, ports, home), display, camera, stop)
    display.conclude()
    slips = outcome.slips + camera.slips
    for slip in slips:
        console.print(f"wrong: {slip}", style="bold red", highlight=False, soft_wrap=True)
    return 1 if slips else 0


def _camera(options: DemoOptions, home: Path) -> DemoCamera:
    if options.camera == "gige":
        if options.views > 1:
            raise GatewayError("there is one simulated GigE Vision camera", hint="leave out --views or --camera gige")
        return Gige()
    folder = _drop_folder(options, home)
    return SeveralDropping(folder, options.views) if options.views > 1 else Dropping(folder)


def _rows(settings: Settings) -> list[tuple[str, str]]:
    """Where each of several views says what it thinks."""
    if (block := settings.stations[0].registers.views) is None:
        return []
    return [("views", f"registers {block.start}.. (4{block.start + 1:04d}..): result_seq, count, rows of 6 words")]


def _drop_folder(options: DemoOptions, home: Path) -> Path:
    folder = (options.drop or home / "drop").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _settings(options: DemoOptions, ports: _Ports, home: Path, source: str) -> Settings:
    file = home / "gateway.toml"
    text = CONFIG.format(
        data=f"data = {json.dumps(str(options.data.resolve()))}\n" if options.data is not None else "",
        modbus=ports.modbus,
        archive=ARCHIVE if options.data is not None else "",
        opcua=ports.opcua,
        pekat=ports.pekat,
        station=STATION,
        control=options.plc,
        source=source,
        in_flight=options.in_flight,
        user=USER,
        password_file=PASSWORD_FILE,
    )
    password_file = home / PASSWORD_FILE
    password_file.touch(mode=0o600)
    password_file.write_text(secrets.token_urlsafe(12), encoding="utf-8")
    file.write_text(text, encoding="utf-8")
    return load_settings(file)


def _where(
    options: DemoOptions, settings: Settings, ports: _Ports, home: Path, pekat_pid: int
) -> list[tuple[str, str]]:
    registers = settings.stations[0].registers
    status, control = registers.status.start, registers.control.start
    return [
        ("Modbus TCP", f"127.0.0.1:{ports.modbus}, any unit id"),
        ("  status block", f"holding or input registers {status}.. (4{status + 1:04d}..): signature 20555, bits, ids"),
        ("  verdict", f"register {status + 9} (4{status + 10:04d}): 1 OK, 2 NOK, 3 no decision"),
        ("  control block", f"holding registers {control}.. (4{control + 1:04d}..): command bits, trigger_seq, .."),
        ("OPC UA", f"{_opcua_url(ports)}, ns=2;s={STATION}.status.verdict"),
        ("  log in", f"anonymous (operator), or {USER} (engineer), password in {home / PASSWORD_FILE}"),
        ("control tags", f"owned by {options.plc}; the other link mirrors them"),
        ("PEKAT simulator", f"http://127.0.0.1:{ports.pekat} (process {pekat_pid})"),
    ]


def _face(options: DemoOptions, settings: Settings, ports: _Ports, home: Path) -> PlcFace:
    if options.plc == "modbus":
        return ModbusFace("127.0.0.1", ports.modbus, settings.stations[0].registers)
    return OpcUaFace(_opcua_url(ports), STATION, USER, (home / PASSWORD_FILE).read_text(encoding="utf-8"))


def _opcua_url(ports: _Ports) -> str:
    return f"opc.tcp://127.0.0.1:{ports.opcua}/pekat"


async def _play(
    options: DemoOptions, face: PlcFace, display: DemoDisplay, camera: DemoCamera, stop: asyncio.Event
) -> Outcome:
    if not options.play_plc:
        await stop.wait()
        return Outcome()
    several = options.in_flight > 1
    play = Play(count=options.inspections or ENDLESS, rate=options.rate, expected=camera.deserved, buffered=several)
    plc = (PipelinedPlc if several else Plc)(face, play, display.seen_by_plc)
    async with face:
        playing = asyncio.create_task(plc.run(), name="plc")
        stopping = asyncio.create_task(stop.wait(), name="stop")
        await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if playing.done():
            return playing.result()
        while (
            not playing.done()
        ):  # Python 3.11's wait_for, in pymodbus, loses a cancellation that comes with the answer
            playing.cancel()
            await asyncio.wait({playing}, timeout=CANCEL_AGAIN_S)
        return Outcome()

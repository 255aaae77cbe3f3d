"""A line with several parts in flight: real sources, PEKAT's simulator out of order, a pipelined PLC on either link."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any

from gateway.app import Gateway
from gateway.config import load_settings
from gateway.core.commands import Commands
from gateway.core.result import Reason, Result, Verdict
from gateway.core.tags import TagValue
from gateway.ports import Recorded
from gateway.sim.parts import defects_of, part_image
from gateway.sim.pekat import PekatSimulator
from gateway.sim.pekat_settings import PekatSimSettings
from gateway.sim.plc import PlcFace
from gateway.sim.plc_modbus import ModbusFace
from gateway.sim.plc_opcua import OpcUaFace
from gateway.station.station import Station

ANSWER_S = 15.0
JITTER_MS = 80
"""Far above the time between two triggers: most answers overtake others."""
PASSWORD = "only for these tests"
PICTURES = [part_image(number) for number in range(1, 9)]

CONFIG = """
[links.modbus]
host = "127.0.0.1"
port = 0

[links.opcua]
host = "127.0.0.1"
port = 0
allow_unencrypted = true
client_certificates = "any"
machine_vision = false

[[links.opcua.users]]
name = "plc"
role = "engineer"
password_file = "{password_file}"

[[stations]]
name = "station1"
control = "{control}"

[stations.source]
{source}

[stations.inspector]
kind = "pekat"
{inspector}

[stations.handshake]
max_in_flight = {in_flight}
result_depth = {depth}
inspection_timeout_ms = {timeout_ms}

[[stations.recipes]]
number = 1
name = "part"
urls = [{urls}]
classes = {{ Scratch = 1, Spot = 2 }}

[[stations.user_values]]
name = "part_seen"
path = "data"
type = "string"
"""


def picture_of(number: int) -> bytes:
    """What the camera sees of part `number`, from 1."""
    return PICTURES[(number - 1) % len(PICTURES)]


def deserved(number: int) -> Verdict:
    """What part `number` deserves."""
    return Verdict.NOK if defects_of((number - 1) % len(PICTURES) + 1) else Verdict.OK


@dataclass
class Sink:
    """Every answer, in the order in which they left the station."""

    results: list[Result] = field(default_factory=list)

    async def __aenter__(self) -> "Sink":
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Nothing to close."""

    def put(self, recorded: Recorded) -> None:
        self.results.append(recorded.result)


@dataclass
class Pipeline:
    """The running line."""

    gateway: Gateway
    station: Station
    pekat: PekatSimulator
    face: PlcFace
    sink: Sink
    commands: Commands = field(default_factory=Commands)

    async def write(self, **tags: Any) -> None:
        """What a PLC of the test's own writes, in one request."""
        self.commands = replace(self.commands, **tags)
        await self.face.write(self.commands)

    async def begin(self, *, buffered: bool = True) -> None:
        """Enabled and ready."""
        await self.write(enable=False, buffer_results=buffered)
        await self.write(enable=True)
        await self.until("ready")

    async def until(self, tag: str, value: TagValue = True) -> Mapping[str, TagValue]:
        """The tags when `tag` has this value."""
        async with asyncio.timeout(ANSWER_S):
            while (tags := await self.face.read())[tag] != value:
                await asyncio.sleep(0.002)
        return tags

    async def trigger(self, number: int) -> None:
        """Part `number`, as soon as the station is ready."""
        await self.until("ready")
        await self.write(trigger_seq=number, part_id=f"P{number:06d}")
        await self.until("trigger_seq_accepted", number)

    async def take(self) -> tuple[str, Verdict, Reason]:
        """The next result's part, verdict and reason, acknowledged."""
        tags = await self.until("result_valid")
        await self.write(result_ack_seq=int(tags["result_seq"]))
        return str(tags["result_part_id"]), Verdict(int(tags["verdict"])), Reason(int(tags["reason"]))

    def assert_each_its_own(self, count: int, expected: Callable[[int], Verdict | None] = deserved) -> None:
        """`count` answers in the order of the triggers, and PEKAT was asked for each with its own part id."""
        results = self.sink.results
        assert [result.inspection_id for result in results] == list(range(1, count + 1))
        assert [result.result_seq for result in results] == list(range(1, count + 1))
        for number, result in enumerate(results, start=1):
            assert result.part_id == f"P{number:06d}"
            assert result.verdict in (expected(number) or result.verdict, Verdict.NO_DECISION)
            if result.verdict is not Verdict.NO_DECISION:
                assert dict(result.judgement.user_values) == {"part_seen": result.part_id}

    @property
    def overtaken(self) -> int:
        """How many answers were there before that of an older trigger."""
        answered = [result.answered_at for result in self.sink.results]
        return sum(later < earlier for earlier, later in pairwise(answered))


@asynccontextmanager
async def pipeline(
    folder: Path,
    source: str,
    *,
    control: str = "modbus",
    in_flight: int = 3,
    depth: int = 16,
    timeout_ms: int = 10_000,
    jitter_ms: int = JITTER_MS,
    delay_ms: int = 20,
    url: str = "",
    urls: Sequence[str] = (),
    inspector: str = "",
) -> AsyncIterator[Pipeline]:
    """The line with this `[stations.source]` and these keys of `[stations.inspector]`.

    `url` or `urls`: PEKATs of the test's own, instead of the simulator's.
    """
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(PASSWORD, encoding="utf-8")
    async with PekatSimulator(PekatSimSettings(port=0, delay_ms=delay_ms, jitter_ms=jitter_ms)) as pekat:
        file, sink = folder / "gateway.toml", Sink()
        text = CONFIG.format(
            control=control,
            source=source,
            in_flight=in_flight,
            depth=depth,
            timeout_ms=timeout_ms,
            urls=", ".join(f'"{one}"' for one in urls or (url or pekat.url,)),
            inspector=inspector,
            password_file=password_file.name,
        )
        file.write_text(text, encoding="utf-8")
        settings = load_settings(file)
        async with Gateway(settings, [sink]) as gateway:
            servers = {endpoint.link: endpoint.url for endpoint in gateway.endpoints}
            face: PlcFace
            if control == "opcua":
                face = OpcUaFace(servers["opcua"], user="plc", password=PASSWORD)
            else:
                port = int(servers["modbus"].rsplit(":", 1)[1])
                face = ModbusFace("127.0.0.1", port, settings.stations[0].registers)
            async with face:
                yield Pipeline(gateway, gateway.stations["station1"], pekat, face, sink)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    accepted: Callable[[], int]
    blind_at: int

    def do_GET(self) -> None:
        number = max(1, type(self).accepted())
        body = picture_of(number)
        self.send_response(200 if number != self.blind_at else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
        """Nothing."""


@contextmanager
def camera_over_http(accepted: Callable[[], int], blind_at: int = 0) -> Iterator[str]:
    """A snapshot URL that shows the part in front of the camera: that of trigger number `accepted()`. 503 for one."""
    handler = type("Handler", (_Handler,), {"accepted": staticmethod(accepted), "blind_at": blind_at})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, name="camera")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/snapshot"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

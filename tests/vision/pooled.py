"""What the tests of several endpoints use: servers that are ill in every way, and an inspector that knows them all."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.core.errors import InspectorError
from gateway.core.result import Judgement, Reason
from gateway.ports import Picture
from gateway.vision.inspector import PekatInspector
from gateway.vision.pool import Endpoint
from gateway.vision.settings import PekatSettings, RecipeSettings
from tests.vision.judging import order
from tests.vision.servers import OK_BODY, ScriptedServer, answering, http, read_request

PONG = http(b"pong")


def pooled(*urls: str, in_flight: int = 1, **settings: int) -> PekatInspector:
    """The inspector of a station with one recipe at all of these."""
    recipe = RecipeSettings.model_validate({"number": 1, "name": "part", "urls": list(urls)})
    return PekatSettings.model_validate(settings).create("station1", [recipe], [], in_flight)


def endpoints(part: PekatInspector) -> list[Endpoint]:
    return list(part._dispatch._routes[1].endpoints)


def standings(part: PekatInspector) -> list[str]:
    return [endpoint.standing.value for endpoint in endpoints(part)]


async def judged(part: PekatInspector, part_id: str = "P-1", seconds: float = 5.0) -> Judgement:
    return await part.inspect(Picture("part.png", b"image" * 100), order(seconds, part_id=part_id))


async def outcome(part: PekatInspector, seconds: float = 5.0) -> Reason:
    try:
        return Reason((await judged(part, seconds=seconds)).reason)
    except InspectorError as error:
        return error.reason


def one_flight(part: PekatInspector) -> int:
    return sum(endpoint.in_flight for endpoint in endpoints(part))


@contextmanager
def black_hole() -> Iterator[str]:
    """The URL of a full backlog: it drops the SYN, as a host that is switched off does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        fillers = [socket.socket() for _ in range(4)]
        try:
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(address)
            yield f"http://127.0.0.1:{address[1]}"
        finally:
            for filler in fillers:
                filler.close()


def dying(ping: bytes = PONG) -> ScriptedServer:
    """Takes the first bytes of an image and resets the connection; pings are answered."""

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        got = connection.recv(64)
        while got.startswith(b"GET"):
            connection.sendall(ping)
            got = connection.recv(64)
        server.heads.append(got)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        connection.close()

    return ScriptedServer(script)


def hanging(*, pings_too: bool = False) -> ScriptedServer:
    """Takes an image and never answers; pings it answers, or not."""

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        while head := read_request(connection):
            server.heads.append(head)
            if pings_too or not head.startswith(b"GET"):
                server.left.wait(30)
                return
            connection.sendall(PONG)

    return ScriptedServer(script)


def replying(status: str, body: bytes = OK_BODY) -> ScriptedServer:
    """Answers images so, and pings well."""

    def script(server: ScriptedServer, connection: socket.socket) -> None:
        while head := read_request(connection):
            server.heads.append(head)
            connection.sendall(PONG if head.startswith(b"GET") else http(body, status))

    return ScriptedServer(script)


def well() -> ScriptedServer:
    return answering(http())


def images(server: ScriptedServer) -> int:
    """How many images have come to this server."""
    return sum(head.startswith(b"POST") for head in server.heads)


async def settled(part: PekatInspector) -> None:
    """Every ping that is under way has ended."""
    async with asyncio.timeout(5):
        while part._dispatch._pings._pings:
            await asyncio.sleep(0.005)

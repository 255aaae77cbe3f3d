"""asyncua's server with the parts replaced that a machine cannot live with.

- sessions are counted for each server and are made by us (see session.py), requests are checked (see processor.py),
- a connection that breaks the protocol's rules is told so and closed, with one line in the log (see transport_guard.py;
  asyncua drops each message with a stack trace, as often as somebody likes),
- it starts without a stack trace where its port is taken, knows the port it was given, and leaves no task behind.

Everything here leans on asyncua 2.1's inner structure; the dependency is pinned below 2.2.
"""

import asyncio
import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer, ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession
from asyncua.server.server import Server
from asyncua.ua.status_codes import StatusCodes
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.core.errors import LinkError
from gateway.plc.opcua.network.discovery import Discovery, Peer, SocketName
from gateway.plc.opcua.network.endpoints import Addresses
from gateway.plc.opcua.processor import CallingProcessor, end_tasks
from gateway.plc.opcua.requests import Gate
from gateway.plc.opcua.security.access import Access
from gateway.plc.opcua.security.certificate import ServerCertificate
from gateway.plc.opcua.security.certificate_checks import CertificateRefused
from gateway.plc.opcua.session import ClientSession
from gateway.plc.opcua.traffic.read_path import ReadPath
from gateway.plc.opcua.traffic.right_of_way import RightOfWay
from gateway.plc.opcua.traffic.turnstile import Turnstile
from gateway.plc.opcua.transport.chunk_rules import ViolationError
from gateway.plc.opcua.transport.listeners import Listeners
from gateway.plc.opcua.transport.transport_guard import GuardedProtocol, Watch
from gateway.plc.opcua.views import Views
from gateway.standing import standing

LARGEST_REQUEST = 4 * 1024 * 1024
"""Bytes of one message. The largest that makes sense, a subscription to 16 stations, is a tenth of it."""

CHUNK = 65_535
CLOSING_S = 0.3
"""How long leaving waits for clients to take what was sent, before their connections are cut."""

MakeSession = Callable[[InternalServer, str, User], ClientSession]


class StationServer(InternalServer):
    """The inner server. Its clients' sessions are made by `make_session`, `max_sessions` of them at most."""

    def __init__(self, max_sessions: int, access: Access, make_session: MakeSession) -> None:
        super().__init__()
        nobody: Any = None  # asyncua's own lets everybody in; sessions find out themselves who comes
        self.user_manager = nobody
        self.access = access
        self.max_sessions = max_sessions
        self._make_session = make_session
        self.allow_remote_admin = False
        self.view_service = Views(self.aspace)
        self.right_of_way = RightOfWay()
        self.turnstile = Turnstile(self.right_of_way)
        self.read_path: ReadPath | None = None
        """How tags are read fast; None until there are some."""
        self.discovery: Discovery | None = None
        """What it says of itself; None until it listens."""

    async def get_endpoints(
        self, params: ua.GetEndpointsParameters | None = None, sockname: SocketName | None = None
    ) -> list[ua.EndpointDescription]:
        return self.discovery.endpoints(self.endpoints, params, sockname) if self.discovery is not None else []

    def find_servers(
        self, params: ua.FindServersParameters, sockname: SocketName | None = None
    ) -> list[ua.ApplicationDescription]:
        return self.discovery.servers(self.endpoints, params, sockname) if self.discovery is not None else []

    def create_session(self, name: str, user: User | None = None, external: bool = False) -> InternalSession:
        if len(self._external_sessions) >= self.max_sessions:
            raise ServiceError(StatusCodes.BadTooManySessions)
        return self._make_session(self, name, user or User(role=UserRole.Anonymous))

    @property
    def sessions(self) -> list[ClientSession]:
        """Those of clients, also of lost connections."""
        return [one for one in self._external_sessions.values() if isinstance(one, ClientSession)]

    async def _set_current_time_loop(self) -> None:
        await standing("opcua-clock", super()._set_current_time_loop)

    async def stop(self) -> None:
        """Close what outlives its connection, then the rest; asyncua would wait for its clock's next second."""
        sessions = self.sessions
        for session in sessions:
            await session.close_session(True)
        clock, self.time_task = self.time_task, None
        await end_tasks([*([clock] if clock is not None else []), *(t for s in sessions for t in s.expire())])
        await super().stop()


class StationProtocol(GuardedProtocol):
    """One connection."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._unread = b""

    def data_received(self, data: bytes) -> None:
        """What comes while an inspection has the right of way is looked at afterwards; the rest of it stays outside."""
        server: Any = self.iserver
        if self._unread:
            self._unread += data
        elif server.turnstile.held():
            self._unread = data
            self._read(on=False)
            server.turnstile.when_free(self._take_unread)
        else:
            super().data_received(data)

    def _take_unread(self) -> None:
        data, self._unread = self._unread, b""
        if self.transport is not None and not self.transport.is_closing():
            super().data_received(data)

    def make_processor(self, transport: asyncio.Transport) -> CallingProcessor:
        server: Any = self.iserver
        made = CallingProcessor(server.access, server, transport, self.limits, self._watch.allowance)
        made.set_policies(self.policies)
        return made

    async def _process_one_msg(self, header: Any, buf: Buffer) -> bool:
        server: Any = self.iserver
        await server.turnstile.turn()
        return await super()._process_one_msg(header, buf)

    @property
    def client_certificate(self) -> bytes:
        """Of its channel; b"" where that is not secured, or not open."""
        return self.processor.client_certificate if isinstance(self.processor, CallingProcessor) else b""

    def turn_away(self, refused: CertificateRefused) -> None:
        """Tell a client why it is not trusted, and end its connection."""
        self.refuse(ViolationError(refused.code, str(refused)))

    def tasks(self) -> list[asyncio.Task[Any]]:
        """What runs for this connection."""
        return [task for task in (self._task, self._activation_watchdog_task) if task is not None]


class StationSockets(BinaryServer):
    """The listening socket and its connections."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._watch = Watch()
        self._looking: asyncio.Task[None] | None = None

    def _make_protocol(self) -> OPCUAProtocol:
        return StationProtocol(self._watch, self.iserver, self._policies, self.clients, self.closing_tasks, self.limits)

    async def listen(self, hosts: Sequence[str]) -> None:
        """Listen on all of them; the port is known then. Raises LinkError where that is impossible."""
        await self._open(hosts)
        closed, looking = "opcua-closed-connections", "opcua-look"
        self.cleanup_task = asyncio.create_task(standing(closed, self._close_task_loop), name=closed)
        self._looking = asyncio.create_task(standing(looking, self._look), name=looking)

    @property
    def listening(self) -> bool:
        listeners: Any = self._server
        return listeners is not None and listeners.listening

    async def listen_again(self, hosts: Sequence[str]) -> None:
        """Where it does not any more. Raises LinkError. Connections that are open stay."""
        if (lost := self._server) is not None:
            self._server = None
            lost.close()
        await self._open(hosts)

    async def _open(self, hosts: Sequence[str]) -> None:
        listeners: Any = await Listeners.open(self._make_protocol, hosts, self.port)  # asyncua only closes it
        self._server, self.port = listeners, listeners.port

    async def _look(self) -> None:
        await self._watch.look(self.clients)

    async def stop(self) -> None:
        """Stop listening, let clients take what was sent, cut those that do not."""
        looking, self._looking = self._looking, None
        await end_tasks([looking] if looking is not None else [])
        if self._server is not None:
            self._server.close()
        protocols = [one for one in self.clients if isinstance(one, StationProtocol)]
        for protocol in protocols:
            if protocol.transport is not None:
                protocol.transport.close()
        tasks = [task for protocol in protocols for task in protocol.tasks()]
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSING_S)
        for protocol in protocols:
            protocol.cut()
        for refused in tuple(self._watch.turned_away):
            refused.cut()
        await end_tasks(tasks)
        await super().stop()


class GatewayServer(Server):
    """The outer server: endpoints and address space. `init`, fill the address space, `start`, `stop`."""

    def __init__(self, inner: StationServer, addresses: Addresses, peers: Sequence[Peer] = ()) -> None:
        super().__init__(iserver=inner)
        self._inner = inner
        self._peers = peers
        self.addresses = addresses

    async def init(self, shelf_file: Any = None) -> None:
        """Fill the standard address space (6174 nodes).

        Without the garbage collector meanwhile: it would walk the growing heap again and again and double the time
        (1.15 s against 0.55 s). asyncua's shelf and pickle caches were measured too, and are slower than this.
        """
        with no_garbage_collection():
            await super().init(shelf_file)

    @property
    def right_of_way(self) -> RightOfWay:
        """Of the inspections over what clients ask for."""
        return self._inner.right_of_way

    def read_through(self, gate: Gate) -> None:
        """Answer Read requests by the short way from now on."""
        self._inner.read_path = ReadPath(gate, self._inner.turnstile)

    async def start(self) -> None:
        """Listen, on a port that is then known, and only then say where. Raises LinkError where it cannot listen."""
        sockets = StationSockets(self.iserver, "", self.addresses.port, self.limits)
        sockets.set_policies(self._policies)
        await sockets.listen(self.addresses.hosts)
        self.bserver = sockets
        self.addresses = replace(self.addresses, port=sockets.port)
        self._inner.discovery = Discovery(self.addresses, self._peers)
        self.set_endpoint(self.addresses.urls()[0])
        await self._setup_server_nodes()
        for endpoint in self.iserver.endpoints:
            tokens = self._inner.access.offer.user_tokens(self.iserver.supported_tokens, endpoint.SecurityPolicyUri)
            endpoint.UserIdentityTokens = tokens
        await self.iserver.start()

    def check(self) -> None:
        """Raise LinkError where it does not listen any more."""
        if not (isinstance(sockets := self.bserver, StationSockets) and sockets.listening):
            raise LinkError(f"opcua: nobody listens on port {self.addresses.port} any more")

    async def mend(self) -> None:
        """Listen again, with all nodes as they are: to make them anew would hold up the loop for half a second."""
        if isinstance(sockets := self.bserver, StationSockets):
            await sockets.listen_again(self.addresses.hosts)

    def use_certificate(self, own: ServerCertificate) -> None:
        """From now on, for new channels and whoever asks for endpoints; open channels go on by the one they know."""
        self._inner.certificate = own.certificate
        for policy in self._policies:
            policy.certificate = own.certificate
        for endpoint in self.iserver.endpoints:
            endpoint.ServerCertificate = own.certificate.public_bytes(Encoding.DER)

    @property
    def connections(self) -> list[StationProtocol]:
        """Those that are open."""
        clients = self.bserver.clients if self.bserver is not None else []
        return [one for one in clients if isinstance(one, StationProtocol)]

    @property
    def sessions(self) -> list[ClientSession]:
        """Those of clients, also of lost connections."""
        return self._inner.sessions


@contextmanager
def no_garbage_collection() -> Iterator[None]:
    """Nothing is collected meanwhile: nodes are made by ten thousands and none of them is garbage."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()

"""The OPC UA link: one server for all stations, each an object with its tags and the method Inspect."""

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from typing import Self

from asyncua.crypto.permission_rules import User
from asyncua.server.internal_server import InternalServer

from gateway.core.errors import LinkError
from gateway.plc.opcua import inspect_method, review_nodes
from gateway.plc.opcua.about import monitored_items
from gateway.plc.opcua.about.farewell import say_farewell
from gateway.plc.opcua.about.server_object import ServerObject
from gateway.plc.opcua.about.service_level import ServiceLevel
from gateway.plc.opcua.face import StationFace
from gateway.plc.opcua.history_read.nodes import history_for
from gateway.plc.opcua.history_read.service import HistoryService
from gateway.plc.opcua.link_options import Limits, Listening, Security
from gateway.plc.opcua.machine_vision.model import MachineVision, ModelOptions
from gateway.plc.opcua.machine_vision.vision import VisionSystem
from gateway.plc.opcua.methods import MethodTable
from gateway.plc.opcua.network.endpoints import Addresses
from gateway.plc.opcua.network.presence import Presence
from gateway.plc.opcua.network.registration import Notice
from gateway.plc.opcua.nodes import NAMESPACE_URI, NodeWriter
from gateway.plc.opcua.quiet_library import quiet_library
from gateway.plc.opcua.requests import Gate
from gateway.plc.opcua.security.caretaker import Caretaker
from gateway.plc.opcua.security.certificate import ServerCertificate
from gateway.plc.opcua.security.own_certificate import OwnCertificate
from gateway.plc.opcua.security.rights import Role
from gateway.plc.opcua.security.security_tags import SecurityTags
from gateway.plc.opcua.server import GatewayServer, no_garbage_collection
from gateway.plc.opcua.server_maker import ServerMaker
from gateway.plc.opcua.session import ClientSession
from gateway.plc.opcua.transport.listeners import Listeners
from gateway.ports import Endpoint, Identity, StationView
from gateway.records import Records

log = logging.getLogger(__name__)


class OpcUaLink:
    """A ports.PlcLink. Entering raises LinkError where it cannot listen, or has no usable certificate, and ConfigError
    where there is no usable users file.
    """

    def __init__(
        self,
        views: Sequence[StationView],
        identity: Identity,
        listening: Listening,
        security: Security,
        limits: Limits,
        records: Records | None = None,
        machine_vision: ModelOptions | None = None,
    ) -> None:
        self._views = tuple(views)
        self._identity = identity
        self._listening = listening
        self._security = security
        self._limits = limits
        self._records = records or Records.of_this_moment()
        self._machine_vision = machine_vision
        self._model: MachineVision | None = None
        self._faces: list[StationFace] = []
        self._ends: list[Callable[[], None]] = []
        self._gate: Gate | None = None
        self._history: HistoryService | None = None
        self._caretaker: Caretaker | None = None
        self._open = AsyncExitStack()
        self._server: GatewayServer | None = None
        self._presence: Presence | None = None
        self._about: ServerObject | None = None
        self._level: ServiceLevel | None = None
        self._endpoints: tuple[Endpoint, ...] = ()

    @property
    def connections(self) -> int:
        server = self._server
        return len(server.connections) if server is not None else 0

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        return self._endpoints

    def rearrange(self, views: Sequence[StationView]) -> None:
        """Registers and unit ids mean nothing here: nodes go by the tags' names."""

    def check(self) -> None:
        if self._server is None:
            raise LinkError("opcua: the server is not running")
        self._server.check()

    async def mend(self) -> None:
        if self._server is not None:
            await self._server.mend()

    @property
    def faces(self) -> Sequence[StationFace]:
        """The stations' nodes, once entered."""
        return self._faces

    @property
    def vision_systems(self) -> Sequence[VisionSystem]:
        """The stations as OPC 40100-1 shows them, once entered; none where that is switched off."""
        return self._model.systems if self._model is not None else ()

    async def __aenter__(self) -> Self:
        access, addresses = self._security.access, self._listening.addresses
        # First: all that is made below holds up the loop for half a second, and with `start = "retry"` again and again.
        await Listeners.probe(addresses.hosts, addresses.port)
        async with AsyncExitStack() as opened:
            opened.enter_context(quiet_library())
            own = OwnCertificate(self._security.folder, await asyncio.to_thread(self._listening.wanted_certificate))
            server = await self._make_server(await asyncio.to_thread(own.open))
            with no_garbage_collection():
                self._model = await self._load_model(server)
                self._fill(server)
            tags = SecurityTags(server)
            await tags.add()
            opened.callback(self._detach)
            systems = self._model.systems if self._model is not None else ()
            history = history_for(server.iserver, self._faces, systems, self._records.store)
            self._history = await opened.enter_async_context(history)
            self._caretaker = caretaker = Caretaker(server, access, own, tags)
            opened.push_async_callback(access.close)
            await access.open(caretaker.changed, own.look)
            await server.start()
            opened.push_async_callback(caretaker.close)
            caretaker.start()
            self._open = opened.pop_all()
        self._server = server
        self._endpoints = tuple(Endpoint("opcua", url) for url in server.addresses.local_urls())
        self._warn()
        self._presence = self._make_presence(server.addresses, own)
        self._presence.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        server, self._server = self._server, None
        async with self._open:
            if server is None:
                return
            try:
                await self._say_farewell(server)
            finally:
                await server.stop()

    async def _say_farewell(self, server: GatewayServer) -> None:
        """Tell clients and discovery servers that it ends, at the same time."""
        if self._level is not None:
            self._level.end()
        leaving = [self._presence.stop()] if self._presence is not None else []
        telling = [say_farewell(server.iserver, self._about)] if self._about is not None else []
        await asyncio.gather(*leaving, *telling)

    def _warn(self) -> None:
        """What whoever runs this should know of its security, one line each."""
        url = self._endpoints[0].url
        access = self._security.access
        if not access.clients_known:
            log.info("%s: every client certificate is accepted for encryption; it proves nobody's identity", url)
        if access.offer.unencrypted:
            log.warning("%s is served without encryption too: who is on the network can read and forge it", url)
        if access.doorman.nobody is not None and access.doorman.nobody.rights > Role.VIEWER:
            log.warning("%s needs no log-in: anybody who reaches it may trigger inspections", url)

    # ---- making the server ---------------------------------------------------------------------------------

    async def _make_server(self, own: ServerCertificate) -> GatewayServer:
        parts = (self._identity, self._listening, self._security, self._limits)
        server, self._about = await ServerMaker(*parts, self._make_session).make(own)
        return server

    def _make_presence(self, addresses: Addresses, own: OwnCertificate) -> Presence:
        where = self._listening
        holds = {
            "DA": True,
            "AC": self._model is not None,
            "HD": self._records.store is not None,
            "HE": self._records.store is not None and self._model is not None,
            "NTRS": bool(where.announcing.peers),
        }
        capabilities = [name for name, held in holds.items() if held]
        notice = Notice(
            own.current.uri, NAMESPACE_URI, where.server_name, socket.gethostname(), addresses.urls(), capabilities
        )
        return Presence(where.announcing, lambda: own.current, notice, addresses)

    def _make_session(self, inner: InternalServer, name: str, user: User) -> ClientSession:
        if self._gate is None or self._history is None:
            raise LinkError("the OPC UA server has no stations yet")
        fastest = self._limits.fastest_publishing_ms
        return ClientSession(self._gate, self._history, self._security.access, fastest, inner, name, user)

    def _fill(self, server: GatewayServer) -> None:
        """Every station's nodes and its methods."""
        writer = NodeWriter(server.iserver)
        methods = MethodTable(server.iserver.aspace)
        right_of_way = server.right_of_way
        self._faces = [StationFace(view, writer, right_of_way) for view in self._views]
        self._ends = [right_of_way.follow(view.station, by_tags=not view.controls) for view in self._views]
        self._gate = Gate(server.iserver.aspace, self._faces, methods)
        server.read_through(self._gate)
        for face in self._faces:
            inspect_method.add(face, writer, methods)
            review_nodes.add(face, writer, methods)
            face.attach()
        monitored_items.add(methods, server.iserver.subscription_service)
        stations = [view.station for view in self._views]
        self._level = ServiceLevel(server.iserver.aspace, stations, in_a_set=bool(self._listening.announcing.peers))
        self._level.attach()
        self._ends.append(self._level.end)
        if self._model is not None:
            self._model.add(self._faces, methods)
            self._gate.settings.update(self._model.settings())
            self._model.attach()

    async def _load_model(self, server: GatewayServer) -> MachineVision | None:
        """The companion model, its types loaded; None where it is switched off."""
        if self._machine_vision is None:
            return None
        model = MachineVision(server, self._identity, self._records, self._machine_vision)
        await model.load()
        return model

    def _detach(self) -> None:
        for end in self._ends:
            end()
        if self._model is not None:
            self._model.detach()
        for face in self._faces:
            face.detach()

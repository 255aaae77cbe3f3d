"""asyncua's server with the parts replaced that a machine cannot live with.

- a connection's method calls run beside its other requests (asyncua answers one request after the other, so that a
  client which waits in `Inspect` could not even read meanwhile),
- sessions are counted for each server and are made by us (see session.py); each is tied to the certificate and the
  security that it was made with,
- nothing but discovery is answered on a connection whose security is not offered (asyncua falls back to none at all,
  and answers before a channel is open, without asking for rights),
- nobody registers other servers here,
- it starts without a stack trace where its port is taken, knows the port it was given, and leaves no task behind.

Everything here leans on asyncua 2.1's inner structure; the dependency is pinned below 2.2.
"""

import asyncio
import gc
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer, ServiceError
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.binary_server_asyncio import BinaryServer, OPCUAProtocol
from asyncua.server.internal_server import InternalServer
from asyncua.server.internal_session import InternalSession, SessionState
from asyncua.server.server import Server
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import nodeid_from_binary, struct_from_binary

from gateway.plc.opcua.nodes import standard_id
from gateway.plc.opcua.requests import bad
from gateway.plc.opcua.session import ClientSession, address_of, user_name
from gateway.plc.opcua.users import Channel, Doorman, credentials

log = logging.getLogger(__name__)

CALLS_AT_ONCE = 16
"""Method calls under way on one connection; a client that has more is told BadTooManyOperations."""

LARGEST_REQUEST = 4 * 1024 * 1024
"""Bytes of one message. The largest that makes sense, a subscription to 16 stations, is a tenth of it."""

CHUNK = 65_535
BUFFER = 1024 * 1024
"""Bytes of an unfinished chunk: an announced size beyond it is no OPC UA client. A chunk has 64 KiB at most."""

CLOSING_S = 0.3
"""How long leaving waits for clients to take what was sent, before their connections are cut."""

_CALL = standard_id(ObjectIds.CallRequest_Encoding_DefaultBinary)
_CREATE = standard_id(ObjectIds.CreateSessionRequest_Encoding_DefaultBinary)
_ACTIVATE = standard_id(ObjectIds.ActivateSessionRequest_Encoding_DefaultBinary)
_OPEN_TO_ALL = frozenset(
    standard_id(number)
    for number in (
        ObjectIds.GetEndpointsRequest_Encoding_DefaultBinary,
        ObjectIds.FindServersRequest_Encoding_DefaultBinary,
        ObjectIds.CloseSecureChannelRequest_Encoding_DefaultBinary,
    )
)
"""A client has to ask without security which security there is."""

_REGISTER = frozenset(
    standard_id(number)
    for number in (
        ObjectIds.RegisterServerRequest_Encoding_DefaultBinary,
        ObjectIds.RegisterServer2Request_Encoding_DefaultBinary,
    )
)

MakeSession = Callable[[InternalServer, str, User], ClientSession]


class StationServer(InternalServer):
    """The inner server. Its clients' sessions are made by `make_session`, `max_sessions` of them at most."""

    def __init__(self, max_sessions: int, doorman: Doorman, make_session: MakeSession) -> None:
        super().__init__(user_manager=doorman)
        self.doorman = doorman
        self._max_sessions = max_sessions
        self._make_session = make_session
        self.allow_remote_admin = False

    def decrypt_user_token(self, isession: Any, token: ua.UserNameIdentityToken) -> tuple[str, str]:
        return credentials(token, self.private_key, isession.nonce, isession.channel)

    def create_session(self, name: str, user: User | None = None, external: bool = False) -> InternalSession:
        if len(self._external_sessions) >= self._max_sessions:
            raise ServiceError(StatusCodes.BadTooManySessions)
        return self._make_session(self, name, user or User(role=UserRole.Anonymous))

    async def stop(self) -> None:
        """Close what outlives its connection, then the rest; asyncua would wait for its clock's next second."""
        sessions = [one for one in self._external_sessions.values() if isinstance(one, ClientSession)]
        for session in sessions:
            await session.close_session(True)
        clock, self.time_task = self.time_task, None
        await end_tasks([*([clock] if clock is not None else []), *(t for s in sessions for t in s.expire())])
        await super().stop()


class CallingProcessor(UaProcessor):
    """Answers Call requests whenever they are through, everything else in its turn."""

    def __init__(self, doorman: Doorman, *given: Any) -> None:
        inherited: Any = super()
        inherited.__init__(*given)
        self._doorman = doorman
        self._calls: set[asyncio.Task[Any]] = set()
        self._offered: Sequence[Any] = ()

    def set_policies(self, policies: Any) -> None:
        inherited: Any = super()
        inherited.set_policies(policies)
        self._offered = policies

    async def process_message(self, seqhdr: Any, body: Buffer) -> Any:
        inherited: Any = super()
        kind = nodeid_from_binary(body.copy())
        try:
            self._check_security(kind)
            if kind == _CREATE:
                self._check_one_session()
            elif kind == _ACTIVATE:
                await self._check_activation(body.copy())
        except ServiceError as error:
            return self._refuse(seqhdr, body, error.code)
        if kind != _CALL:
            answered = await inherited.process_message(seqhdr, body)
            if kind == _CREATE and isinstance(self.session, ClientSession):
                self.session.channel = self._channel()
            return answered
        if len(self._calls) >= CALLS_AT_ONCE:
            return self._refuse(seqhdr, body, StatusCodes.BadTooManyOperations)
        call = asyncio.create_task(inherited.process_message(seqhdr, body), name="opcua-call")
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return True

    def _check_security(self, kind: ua.NodeId) -> None:
        """Raises ServiceError for what this connection's security is not enough for."""
        if kind in _REGISTER:
            raise ServiceError(StatusCodes.BadServiceUnsupported)
        policy = self._connection.security_policy
        offered = any(one.matches(policy.URI, policy.Mode) for one in self._offered)
        if kind not in _OPEN_TO_ALL and not (offered and self._connection.is_open()):
            raise ServiceError(StatusCodes.BadSecurityModeRejected)

    def _check_one_session(self) -> None:
        """asyncua forgets the first session where a connection makes a second one: it would keep its place for ever."""
        if self.session is not None and self.session.state is not SessionState.Closed:
            raise ServiceError(StatusCodes.BadTooManySessions)

    async def _check_activation(self, body: Buffer) -> None:
        """Raises ServiceError for a session of another channel; waits where a login has to wait."""
        nodeid_from_binary(body)
        header = struct_from_binary(ua.RequestHeader, body)
        session = self.session or self.iserver.lookup_external_session(header.AuthenticationToken)
        if isinstance(session, ClientSession) and session.channel != self._channel():
            raise ServiceError(StatusCodes.BadSecurityChecksFailed)
        name = user_name(struct_from_binary(ua.ActivateSessionParameters, body))
        if name:
            await self._doorman.turn(name, address_of(self.name))

    def _channel(self) -> Channel:
        policy = self._connection.security_policy
        encrypted = policy.Mode == ua.MessageSecurityMode.SignAndEncrypt
        return Channel(encrypted, policy.URI, policy.Mode, policy.peer_certificate or b"")

    def _refuse(self, seqhdr: Any, body: Buffer, code: int) -> bool:
        nodeid_from_binary(body)
        header = struct_from_binary(ua.RequestHeader, body)
        response = ua.ServiceFault()
        response.ResponseHeader.ServiceResult = bad(code)
        inherited: Any = super()
        inherited.send_response(header.RequestHandle, seqhdr, response)
        return True

    async def close(self) -> None:
        """The client is gone: nobody waits for its calls. Inspections that they started go on to their answer."""
        await end_tasks(list(self._calls))
        inherited: Any = super()
        await inherited.close()


class StationProtocol(OPCUAProtocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.processor is not None:  # None: refused, there are too many
            make: Any = CallingProcessor
            server: Any = self.iserver
            self.processor = make(server.doorman, server, self.transport, self.limits)
            self._set_policies()

    def _set_policies(self) -> None:
        processor: Any = self.processor
        processor.set_policies(self.policies)

    def data_received(self, data: bytes) -> None:
        if len(self._buffer) + len(data) > BUFFER:
            log.warning("OPC UA client %s sent no OPC UA; disconnected", self.peer_name)
            self.cut()
            return
        super().data_received(data)

    def cut(self) -> None:
        """End the connection without waiting for the client."""
        if self.transport is not None:
            self.transport.abort()

    def tasks(self) -> list[asyncio.Task[Any]]:
        """What runs for this connection."""
        return [task for task in (self._task, self._activation_watchdog_task) if task is not None]


class StationSockets(BinaryServer):
    """The listening socket and its connections."""

    def _make_protocol(self) -> OPCUAProtocol:
        return StationProtocol(self.iserver, self._policies, self.clients, self.closing_tasks, self.limits)

    def take_port(self) -> None:
        """Learn which port was given where 0 was asked for."""
        server: Any = self._server  # asyncio.Server, or uvloop's, which is none
        self.port = server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening, let clients take what was sent, cut those that do not."""
        if self._server is not None:
            self._server.close()
        protocols = [one for one in self.clients if isinstance(one, StationProtocol)]
        for protocol in protocols:
            if protocol.transport is not None:
                protocol.transport.close()
        tasks = [task for protocol in protocols for task in protocol.tasks()]
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSING_S)
        for protocol in [one for one in self.clients if isinstance(one, StationProtocol)]:
            protocol.cut()
        await end_tasks(tasks)
        await super().stop()


class GatewayServer(Server):
    """The outer server: endpoints and address space. `init`, fill the address space, `start`, `stop`."""

    async def init(self, shelf_file: Any = None) -> None:
        """Fill the standard address space (6174 nodes).

        Without the garbage collector meanwhile: it would walk the growing heap again and again and double the time
        (1.15 s against 0.55 s). asyncua's shelf and pickle caches were measured too, and are slower than this.
        """
        with no_garbage_collection():
            await super().init(shelf_file)

    async def start(self) -> None:
        """Listen, on a port that is then known, and only then say where. Raises OSError where it cannot listen."""
        host, port = self._get_bind_socket_info()
        sockets = StationSockets(self.iserver, host or "", port or 0, self.limits)
        sockets.set_policies(self._policies)
        await sockets.start()
        sockets.take_port()
        self.bserver = sockets
        shown_host = self.endpoint.netloc.rpartition(":")[0]  # with the brackets that `hostname` takes off
        url = self.endpoint._replace(netloc=f"{shown_host}:{sockets.port}")
        self.set_endpoint(url.geturl())
        await self._setup_server_nodes()
        await self.iserver.start()


async def end_tasks(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel these tasks and wait until they are gone."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)


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

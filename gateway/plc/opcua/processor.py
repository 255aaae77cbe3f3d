"""How the requests of one connection are answered: asyncua's processor, with the checks that it leaves out.

- method calls and history reads run beside other requests (asyncua answers one request after the other, so that a
  client which waits in `Inspect` could not even read meanwhile),
- nothing but discovery is answered on a connection whose security is not offered (asyncua falls back to none at all,
  and answers before a channel is open, without asking for rights),
- a session is tied to the certificate and the security that it was made with; a connection has one at a time,
- nobody registers other servers here,
- a login waits where wrong passwords came before it.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer, ServiceError
from asyncua.server.internal_session import SessionState
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import nodeid_to_binary, struct_from_binary, struct_to_binary
from cryptography.exceptions import InvalidSignature

from gateway.plc.opcua.nodes import standard_id
from gateway.plc.opcua.security.access import Access
from gateway.plc.opcua.security.certificate_checks import CertificateRefused
from gateway.plc.opcua.security.users import Channel
from gateway.plc.opcua.session import ClientSession
from gateway.plc.opcua.traffic.item_slices import create_items
from gateway.plc.opcua.traffic.notifications import packed
from gateway.plc.opcua.traffic.read_path import AskedToRead, ReadPath, familiar_read
from gateway.plc.opcua.traffic.turnstile import Turnstile
from gateway.plc.opcua.transport.operation_limits import excess
from gateway.plc.opcua.transport.request_guard import GuardedProcessor, Request

CALLS_AT_ONCE = 16
"""Method calls and history reads under way on one connection; a client that has more is told BadTooManyOperations."""

_CALL = standard_id(ObjectIds.CallRequest_Encoding_DefaultBinary)
_BESIDE = frozenset({_CALL, standard_id(ObjectIds.HistoryReadRequest_Encoding_DefaultBinary)})
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

_BROWSE = standard_id(ObjectIds.BrowseRequest_Encoding_DefaultBinary)
_BROWSE_NEXT = standard_id(ObjectIds.BrowseNextRequest_Encoding_DefaultBinary)
_READ = standard_id(ObjectIds.ReadRequest_Encoding_DefaultBinary)
_CREATE_ITEMS = standard_id(ObjectIds.CreateMonitoredItemsRequest_Encoding_DefaultBinary)
_OURS = frozenset({_READ, _CALL, _BROWSE_NEXT, _CREATE_ITEMS})
_READ_RESPONSE = nodeid_to_binary(ua.ReadResponse().TypeId)

_REGISTER = frozenset(
    standard_id(number)
    for number in (
        ObjectIds.RegisterServerRequest_Encoding_DefaultBinary,
        ObjectIds.RegisterServer2Request_Encoding_DefaultBinary,
    )
)


class CallingProcessor(GuardedProcessor):
    """Answers Call and HistoryRead requests whenever they are through, everything else in its turn."""

    def __init__(self, access: Access, *given: Any) -> None:
        super().__init__(*given)
        self._access = access
        self._calls: set[asyncio.Task[Any]] = set()
        self._offered: Sequence[Any] = ()

    def set_policies(self, policies: Any) -> None:
        inherited: Any = super()
        inherited.set_policies(policies)
        self._offered = policies

    def open_secure_channel(self, algohdr: Any, seqhdr: Any, body: Buffer) -> None:
        """Raises CertificateRefused for a client that is not trusted. That it has its key, it has shown by then."""
        new = not self._connection.is_open()
        self._access.check_channel(algohdr.SenderCertificate or b"", new=new)
        inherited: Any = super()
        inherited.open_secure_channel(algohdr, seqhdr, body)

    @property
    def client_certificate(self) -> bytes:
        """Of the channel; b"" where it is not secured, or not open."""
        return (self._connection.security_policy.peer_certificate or b"") if self._connection.is_open() else b""

    async def process_message(self, seqhdr: Any, body: Buffer) -> bool:
        """A Read that is as one before it is answered without another look at it; everything else is looked at."""
        session = self.session
        if isinstance(session, ClientSession):
            asked = familiar_read(bytes(body), session.auth_token)
            if asked is not None and self._reads.knows(asked.parameters) and self._may(session, _READ, body):
                await self._read(session, asked, seqhdr)
                return True
        return await super().process_message(seqhdr, body)

    async def admit(self, request: Request) -> None:
        self._check_security(request.kind)
        if request.kind == _CREATE:
            self._check_one_session()
            self._check_application(request)
        elif request.kind == _ACTIVATE:
            await self._check_activation(request)

    async def answer(self, request: Request) -> bool:
        if request.kind not in _BESIDE:
            answered = await super().answer(request)
            if request.kind == _CREATE and isinstance(self.session, ClientSession):
                self.session.channel = self._channel()
            return answered
        if len(self._calls) >= CALLS_AT_ONCE:
            return self.fault(request.header.RequestHandle, request.sequence, StatusCodes.BadTooManyOperations)
        call = asyncio.create_task(super().answer(request), name="opcua-call")
        self._calls.add(call)
        call.add_done_callback(self._calls.discard)
        return True

    async def _process_message(self, typeid: ua.NodeId, header: ua.RequestHeader, seqhdr: Any, body: Buffer) -> Any:
        """Some services by a way that is shorter than asyncua's, or lets others pass; everything else as it does.

        Raises ServiceError for a request that asks for too much.
        """
        code = excess(typeid, body)
        if code != StatusCodes.Good:
            raise ServiceError(code)
        session = self.session
        if typeid in _OURS and isinstance(session, ClientSession) and self._may(session, typeid, body):
            if typeid == _READ:
                await self._read(session, AskedToRead(header.RequestHandle, bytes(body)), seqhdr)
            else:
                self.send_response(header.RequestHandle, seqhdr, await self._response(session, typeid, body))
            return True
        inherited: Any = super()
        return await inherited._process_message(typeid, header, seqhdr, body)  # noqa: SLF001 - ours as well

    @property
    def _reads(self) -> ReadPath:
        server: Any = self.iserver
        reads: ReadPath = server.read_path
        return reads

    @property
    def _turnstile(self) -> Turnstile:
        server: Any = self.iserver
        turnstile: Turnstile = server.turnstile
        return turnstile

    def _may(self, session: ClientSession, typeid: ua.NodeId, body: Buffer) -> bool:
        """What is asked before anything is done. Where it is no, the long way finds out why; else its session lives."""
        rules: Any = self._connection.security_policy.permissions
        kind = _BROWSE if typeid == _BROWSE_NEXT else typeid  # asyncua's rules do not know BrowseNext
        allowed = rules is None or rules.check_validity(session.user, kind, body)
        may = session.is_activated() and allowed and self._is_secured()
        if may:
            self.session_last_activity = time.monotonic()
            session.touch()
        return may

    async def _response(self, session: ClientSession, kind: ua.NodeId, body: Buffer) -> Any:
        """To a Call, BrowseNext or CreateMonitoredItems."""
        if kind == _CALL:
            calls = struct_from_binary(ua.CallParameters, body).MethodsToCall
            return ua.CallResponse(Results=await session.call(calls))
        if kind == _BROWSE_NEXT:
            rest = await session.browse_next(struct_from_binary(ua.BrowseNextParameters, body))
            return ua.BrowseNextResponse(Parameters=ua.BrowseNextResult(rest))
        return await create_items(session, bytes(body), self._turnstile)

    async def _read(self, session: ClientSession, asked: AskedToRead, seqhdr: Any) -> None:
        results = await self._reads.answer(asked.parameters, session.rights)
        head = struct_to_binary(ua.ResponseHeader(RequestHandle=ua.IntegerId(asked.handle)))
        self.send_body(asked.handle, seqhdr, _READ_RESPONSE + head + results)

    async def forward_publish_response(self, result: ua.PublishResult, requestdata: Any) -> None:
        """Tell a client what its subscription collected, in its turn."""
        try:
            await self._turnstile.turn()
        finally:  # also where the subscription ends meanwhile: it has taken a request that has to be answered
            message = result.NotificationMessage
            message.NotificationData = [packed(one) for one in message.NotificationData]
            inherited: Any = super()
            await inherited.forward_publish_response(result, requestdata)

    def _check_security(self, kind: ua.NodeId) -> None:
        """Raises ServiceError for what this connection's security is not enough for."""
        if kind in _REGISTER:
            raise ServiceError(StatusCodes.BadServiceUnsupported)
        if kind not in _OPEN_TO_ALL and not self._is_secured():
            raise ServiceError(StatusCodes.BadSecurityModeRejected)

    def _is_secured(self) -> bool:
        """As well as it was offered."""
        policy = self._connection.security_policy
        offered = any(one.matches(policy.URI, policy.Mode) for one in self._offered)
        return offered and bool(self._connection.is_open())

    def _check_one_session(self) -> None:
        """asyncua forgets the first session where a connection makes a second one: it would keep its place for ever."""
        if self.session is not None and self.session.state is not SessionState.Closed:
            raise ServiceError(StatusCodes.BadTooManySessions)

    def _check_application(self, request: Request) -> None:
        """Raises ServiceError where a client gives itself out for another application than its certificate."""
        params = struct_from_binary(ua.CreateSessionParameters, request.body.copy())
        try:
            self._access.check_application(self.client_certificate, params)
        except CertificateRefused as refused:
            raise ServiceError(refused.code) from refused

    async def _check_activation(self, request: Request) -> None:
        """Raises ServiceError for a session of another channel, and for who may not log in; waits where he has to."""
        session = self.session or self.iserver.lookup_external_session(request.header.AuthenticationToken)
        if not isinstance(session, ClientSession):
            return
        channel = self._channel()
        if session.channel != channel:
            raise ServiceError(StatusCodes.BadSecurityChecksFailed)
        params = struct_from_binary(ua.ActivateSessionParameters, request.body.copy())
        self._check_signature(params.ClientSignature, session)
        await session.identify(params, channel, self.name)

    def _check_signature(self, signature: ua.SignatureData, session: ClientSession) -> None:
        """Raises ServiceError where the client has not signed the server's certificate and last nonce.

        asyncua finds out as well, but only after the password was looked at, and says that the server is broken.
        """
        policy = self._connection.security_policy
        if policy.Mode == ua.MessageSecurityMode.None_:
            return
        verifier: Any = policy.asymmetric_cryptography
        signed = (policy.host_certificate or b"") + (session.nonce or b"")
        try:
            verifier.verify(signed, bytes(signature.Signature or b""))
        except InvalidSignature as error:
            raise ServiceError(StatusCodes.BadApplicationSignatureInvalid) from error

    def _channel(self) -> Channel:
        policy = self._connection.security_policy
        encrypted = policy.Mode == ua.MessageSecurityMode.SignAndEncrypt
        own = policy.host_certificate or b""
        return Channel(encrypted, policy.URI, policy.Mode, policy.peer_certificate or b"", own)

    async def close(self) -> None:
        """The client is gone: nobody waits for its calls. Inspections that they started go on to their answer."""
        await end_tasks(list(self._calls))
        inherited: Any = super()
        await inherited.close()


async def end_tasks(tasks: list[asyncio.Task[Any]]) -> None:
    """Cancel these tasks and wait until they are gone."""
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks)

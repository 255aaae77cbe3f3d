"""Which requests may be answered where, and what a refused one is told: OPC 10000-4.

asyncua answers BadUserAccessDenied or BadInternalError for nearly everything that is wrong with a request, never looks
at its authentication token, answers requests of sessions that were not activated, and drops requests whose header
cannot be decoded. Here each gets its ServiceFault, with the connection and the session as they were. What breaks the
secure channel's rules raises ViolationError instead, and the connection ends (see guarded_channel.py).
"""

import logging
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from asyncua import ua
from asyncua.common.connection import TransportLimits
from asyncua.common.utils import Buffer, ServiceError
from asyncua.server.internal_session import SessionState
from asyncua.server.uaprocessor import UaProcessor
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import nodeid_from_binary, struct_from_binary, struct_to_binary
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway.plc.opcua.nodes import standard_id
from gateway.plc.opcua.transport.body_rules import check_body, handle_of
from gateway.plc.opcua.transport.chunk_rules import CLOSE, OPEN, Agreement, ViolationError
from gateway.plc.opcua.transport.guarded_channel import Allowance, GuardedChannel
from gateway.plc.opcua.transport.value_rules import BadBodyError

log = logging.getLogger(__name__)

BEFORE_LOGIN: Final = 128 * 1024
"""Bytes of a request from somebody who has not logged in yet; a chain of certificates has a tenth of it."""

_NO_SESSION = frozenset(
    standard_id(number)
    for number in (
        ObjectIds.CreateSessionRequest_Encoding_DefaultBinary,
        ObjectIds.GetEndpointsRequest_Encoding_DefaultBinary,
        ObjectIds.FindServersRequest_Encoding_DefaultBinary,
        ObjectIds.RegisterServerRequest_Encoding_DefaultBinary,
        ObjectIds.RegisterServer2Request_Encoding_DefaultBinary,
        ObjectIds.CloseSecureChannelRequest_Encoding_DefaultBinary,
    )
)
"""Services that need no session."""

_UNANSWERED = frozenset(
    standard_id(number)
    for number in (
        ObjectIds.QueryFirstRequest_Encoding_DefaultBinary,
        ObjectIds.QueryNextRequest_Encoding_DefaultBinary,
        ObjectIds.CancelRequest_Encoding_DefaultBinary,
        ObjectIds.HistoryUpdateRequest_Encoding_DefaultBinary,
        ObjectIds.SetTriggeringRequest_Encoding_DefaultBinary,
        ObjectIds.FindServersOnNetworkRequest_Encoding_DefaultBinary,
    )
)
"""Services that asyncua's server has no answer to. It says that they are forbidden instead."""

_ACTIVATE = standard_id(ObjectIds.ActivateSessionRequest_Encoding_DefaultBinary)
_CLOSE_SESSION = standard_id(ObjectIds.CloseSessionRequest_Encoding_DefaultBinary)
_OPEN_CHANNEL = standard_id(ObjectIds.OpenSecureChannelRequest_Encoding_DefaultBinary)

_UNDECODED = (
    struct.error,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    RuntimeError,
    AttributeError,
)
"""What asyncua's decoder raises for a body of the right layout whose values are none (UaError is a RuntimeError)."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that can be decoded. `body` stands behind its header; `whole` is all of it."""

    kind: ua.NodeId
    type: type
    header: ua.RequestHeader
    sequence: Any
    body: Buffer
    whole: bytes


class GuardedProcessor(UaProcessor):
    """Answers each request of one connection, or says by the right status why not."""

    def __init__(self, server: Any, transport: Any, limits: TransportLimits, allowance: Allowance) -> None:
        inherited: Any = super()
        inherited.__init__(server, transport, limits)
        self.channel = self._connection = GuardedChannel(self._limits, allowance)
        self.silent = False
        """Nothing is sent any more: the connection is being closed."""
        self._agreed: Agreement | None = None

    def agreed(self, agreed: Agreement) -> None:
        """What came of the client's Hello."""
        self._agreed = agreed
        self._limits.max_recv_buffer = agreed.receive_buffer
        self._limits.max_send_buffer = agreed.send_buffer

    async def process(self, header: Any, body: Buffer) -> bool:
        """One chunk; False ends the connection. Raises ViolationError."""
        message: Any = self.channel.receive_from_header_and_body(header, body)
        if message is None:
            return True
        if header.MessageType == CLOSE:
            self.channel.close()
            return False
        whole = message.body()
        if header.MessageType == OPEN:
            self._open_channel(message, whole)
            return True
        if len(whole) > BEFORE_LOGIN and not self._logged_in():
            raise ViolationError(StatusCodes.BadRequestTooLarge, f"a request of {len(whole)} bytes without a session")
        return bool(await self.process_message(message.SequenceHeader(), whole))

    def _open_channel(self, message: Any, body: Buffer) -> None:
        try:
            check_body(ua.OpenSecureChannelRequest, bytes(body))
            if nodeid_from_binary(body.copy()) != _OPEN_CHANNEL:
                raise ViolationError(StatusCodes.BadDecodingError, "OPN without an OpenSecureChannel request")
            opening: Any = self  # subclasses check more
            opening.open_secure_channel(message.SecurityHeader(), message.SequenceHeader(), body)
        except BadBodyError as error:
            raise ViolationError(error.code, f"OpenSecureChannel request that cannot be decoded: {error}") from error
        except (ServiceError, UaStatusCodeError):
            raise
        except _UNDECODED as error:
            raise ViolationError(
                StatusCodes.BadDecodingError, f"OpenSecureChannel request of no sense: {error}"
            ) from error

    async def process_message(self, seqhdr: Any, body: Buffer) -> bool:
        """One request and its answer."""
        whole = bytes(body)
        try:
            request = _decoded(seqhdr, body, whole)
            await self.admit(request)
            await self._check_session(request)
        except (BadBodyError, ServiceError, UaStatusCodeError) as error:
            return self.fault(handle_of(whole), seqhdr, error.code)
        except _UNDECODED:
            return self.fault(handle_of(whole), seqhdr, StatusCodes.BadDecodingError)
        return await self.answer(request)

    async def admit(self, request: Request) -> None:
        """Raises ServiceError where this connection may not make such a request. For subclasses."""

    async def answer(self, request: Request) -> bool:
        """Do what an admitted request asks for."""
        try:
            own: Any = self  # asyncua's part that answers, without its checks; subclasses have shorter ways
            done = own._process_message(request.kind, request.header, request.sequence, request.body)  # noqa: SLF001 - its own
            return bool(await done)
        except (ServiceError, UaStatusCodeError) as error:
            code = error.code
        except Exception as error:  # noqa: BLE001 - an error in one request must not end anything else
            code = self._why(request, error)
        return self.fault(request.header.RequestHandle, request.sequence, code)

    def _why(self, request: Request, error: Exception) -> int:
        """The status for a request that could not be answered: was it its values, or us?"""
        try:
            struct_from_binary(request.type, Buffer(request.whole))
        except RecursionError:
            return StatusCodes.BadEncodingLimitsExceeded
        except _UNDECODED:
            return StatusCodes.BadDecodingError
        log.error("OPC UA: %s of %s could not be answered: %r", request.type.__name__, self.name, error)
        return StatusCodes.BadInternalError

    async def _check_session(self, request: Request) -> None:
        """Raises ServiceError where the request needs another session than its connection has."""
        kind = request.kind
        session = self.session
        if session is not None and session.state is SessionState.Closed:
            session = self.session = None
        if kind in _NO_SESSION or (kind == _ACTIVATE and session is None):
            return
        if session is None or request.header.AuthenticationToken != session.auth_token:
            raise ServiceError(StatusCodes.BadSessionIdInvalid)
        if not session.is_activated() and kind not in (_ACTIVATE, _CLOSE_SESSION):
            await session.close_session(True)  # OPC 10000-4, 5.7.3
            raise ServiceError(StatusCodes.BadSessionNotActivated)

    def _logged_in(self) -> bool:
        return self.session is not None and self.session.is_activated()

    def fault(self, handle: int, seqhdr: Any, code: int) -> bool:
        response = ua.ServiceFault()
        response.ResponseHeader.ServiceResult = ua.StatusCode(ua.UInt32(code))
        self.send_response(handle, seqhdr, response)
        return True

    def send_response(self, requesthandle: Any, seqhdr: Any, response: Any, msgtype: Any = b"MSG") -> None:
        response.ResponseHeader.RequestHandle = requesthandle
        self.send_body(requesthandle, seqhdr, struct_to_binary(response), msgtype)

    def send_body(self, handle: int, sequence: Any, body: bytes, kind: Any = b"MSG") -> None:
        """Send an encoded answer, or a fault where it is longer than the client said it takes."""
        if self.silent:
            return
        if self._agreed is not None and not self._agreed.takes(len(body)):
            fault = ua.ServiceFault(ResponseHeader=ua.ResponseHeader(RequestHandle=handle))
            fault.ResponseHeader.ServiceResult = ua.StatusCode(ua.UInt32(StatusCodes.BadResponseTooLarge))
            body = struct_to_binary(fault)
        data = self.channel.message_to_binary(body, message_type=kind, request_id=sequence.RequestId)
        self._transport.write(data)


def _decoded(sequence: Any, body: Buffer, whole: bytes) -> Request:
    """Raises ServiceError for what is no request, BadBodyError and what asyncua's decoder raises for a broken one."""
    kind = nodeid_from_binary(body)
    name = _requests().get(kind)
    if name is None or kind in _UNANSWERED:
        raise ServiceError(StatusCodes.BadServiceUnsupported)
    check_body(name, whole)
    return Request(kind, name, struct_from_binary(ua.RequestHeader, body), sequence, body, whole)


@cache
def _requests() -> Mapping[ua.NodeId, type]:
    """Every request of OPC 10000-4 that is sent as a message."""
    known = {
        kind: one
        for kind, one in ua.extension_objects_by_typeid.items()
        if kind.NamespaceIndex == 0 and one.__name__.endswith("Request") and "RequestHeader" in one.__annotations__
    }
    known.pop(_OPEN_CHANNEL)
    return MappingProxyType(known)

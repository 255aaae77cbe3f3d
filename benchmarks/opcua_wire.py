"""An OPC UA client that costs next to nothing: one blocking socket, requests encoded beforehand, answers left as bytes.

What a benchmark's client does between two messages is time that the gateway is not measured by but has to share the
machine with; asyncua's client takes milliseconds to decode what it is sent. No encryption, no log-in.
"""

import socket
import struct
from typing import Any, Self, TypeVar

from asyncua import ua
from asyncua.common.connection import SecureConnection, TransportLimits
from asyncua.common.utils import Buffer
from asyncua.crypto.security_policies import SecurityPolicyNone
from asyncua.ua.ua_binary import (
    header_from_binary,
    nodeid_from_binary,
    struct_from_binary,
    struct_to_binary,
    uatcp_to_binary,
)

from benchmarks.plc import PlcError

WAIT_S = 10.0
HEADER = 8
"""Bytes of a message's header; the whole message's size stands in its last four."""
BODY = 24
"""Where the body begins in a message of an open channel: header, channel, token, sequence number, request id."""
SEQUENCE = 16
"""Where the sequence number and the request id stand."""
CHUNK = 65_535
NONCE = bytes(32)

T = TypeVar("T")


class WireClient:
    """Connected inside, with an activated session. Raises PlcError where a request fails."""

    def __init__(self, port: int) -> None:
        self._url = f"opc.tcp://127.0.0.1:{port}/pekat"
        self.socket = socket.create_connection(("127.0.0.1", port), WAIT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        no_security: Any = SecurityPolicyNone  # untyped in asyncua
        self._channel: Any = SecureConnection(no_security(), TransportLimits(CHUNK, CHUNK))
        self._session = ua.NodeId()
        self._received = b""
        self._number = 0

    def __enter__(self) -> Self:
        self._greet()
        self._open_channel()
        self._open_session()
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def ask(self, request: Any, answer: type[T]) -> T:
        """Send a request and decode its answer."""
        self.send(self.encoded(request))
        return self.decoded(self.message(), answer)

    def encoded(self, request: Any) -> bytearray:
        """A request as a message that `send` can send any number of times."""
        request.RequestHeader.AuthenticationToken = self._session
        request.RequestHeader.TimeoutHint = 60_000
        return bytearray(self._channel.message_to_binary(struct_to_binary(request)))

    def send(self, message: bytearray) -> None:
        """Under the next sequence number."""
        self._number += 1
        struct.pack_into("<II", message, SEQUENCE, self._number, self._number)
        self.socket.sendall(message)

    def message(self) -> bytes:
        """The next whole message. Raises PlcError where the gateway closed the connection."""
        while (message := self.taken()) is None:
            self.receive()
        return message

    def receive(self) -> None:
        """Take what is there, or wait for it."""
        data = self.socket.recv(1 << 17)
        if not data:
            raise PlcError("the gateway closed an OPC UA connection")
        self._received += data

    def taken(self) -> bytes | None:
        """The next message of what was received; None while it is not whole."""
        size = int.from_bytes(self._received[4:HEADER], "little") if len(self._received) >= HEADER else 0
        if not size or len(self._received) < size:
            return None
        message, self._received = self._received[:size], self._received[size:]
        return message

    def decoded(self, message: bytes, answer: type[T]) -> T:
        """An answer as an object. Raises PlcError for a service fault."""
        body = Buffer(message[BODY:])
        found = struct_from_binary(answer, body.copy())
        status = found.ResponseHeader.ServiceResult  # type: ignore[attr-defined]  # every response has one
        if nodeid_from_binary(body) != answer().TypeId or not status.is_good():  # type: ignore[attr-defined]
            raise PlcError(f"{answer.__name__}: {status.name}")
        return found

    def _greet(self) -> None:
        hello: Any = ua.Hello()
        hello.ReceiveBufferSize = hello.SendBufferSize = CHUNK
        hello.EndpointUrl = self._url
        kind: Any = ua.MessageType.Hello
        self.socket.sendall(uatcp_to_binary(kind, hello))
        self.message()

    def _open_channel(self) -> None:
        request = ua.OpenSecureChannelRequest()
        request.Parameters.ClientNonce = NONCE
        request.Parameters.RequestedLifetime = 3_600_000
        request.Parameters.SecurityMode = ua.MessageSecurityMode.None_
        request.Parameters.RequestType = ua.SecurityTokenRequestType.Issue
        kind = ua.MessageType.SecureOpen
        self.socket.sendall(self._channel.message_to_binary(struct_to_binary(request), kind, 1))
        self._number = 1
        buffer = Buffer(self.message())
        body = self._channel.receive_from_header_and_body(header_from_binary(buffer), buffer).body()
        opened = struct_from_binary(ua.OpenSecureChannelResponse, body)
        self._channel.set_channel(opened.Parameters, request.Parameters.RequestType, NONCE)

    def _open_session(self) -> None:
        create = ua.CreateSessionRequest()
        create.Parameters.ClientDescription.ApplicationType = ua.ApplicationType.Client
        create.Parameters.EndpointUrl = self._url
        create.Parameters.SessionName = "benchmark"
        create.Parameters.ClientNonce = NONCE
        create.Parameters.RequestedSessionTimeout = 60_000
        self._session = self.ask(create, ua.CreateSessionResponse).Parameters.AuthenticationToken
        activate = ua.ActivateSessionRequest()
        activate.Parameters.UserIdentityToken = ua.AnonymousIdentityToken("anonymous")
        self.ask(activate, ua.ActivateSessionResponse)

"""The same for encrypted channels: asyncua's own cryptography, with hands on what it makes."""

import os
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asyncua import ua
from asyncua.common.connection import MessageChunk
from asyncua.common.utils import Buffer
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from cryptography import x509

from gateway.plc.opcua.security.certificate import ServerCertificate
from tests.opcua.guard.wire import Wire

SIGN, SIGN_AND_ENCRYPT = ua.MessageSecurityMode.Sign, ua.MessageSecurityMode.SignAndEncrypt

Spoil = Callable[[Any], None]


def honest(chunk: Any) -> None:
    """Nothing is spoilt."""


def _chunk(policy: Any, data: Buffer) -> Any:
    return MessageChunk.from_binary(policy, data)


@dataclass(slots=True)
class Secured:
    """A client's end of a Basic256Sha256 channel over this wire."""

    wire: Wire
    policy: Any
    mode: ua.MessageSecurityMode
    nonce: bytes = b""

    @classmethod
    def over(
        cls, wire: Wire, server: x509.Certificate, own: ServerCertificate, mode: Any = SIGN_AND_ENCRYPT
    ) -> "Secured":
        make: Any = SecurityPolicyBasic256Sha256
        return cls(wire, make(server, own.certificate, own.key, mode), mode)

    def opn(self, spoil: Spoil = honest, **more: Any) -> bytes:
        """An OPN; `spoil` is given its chunk before it is signed and encrypted."""
        self.nonce = os.urandom(32) if more.get("nonce") is None else more["nonce"]
        request = ua.OpenSecureChannelRequest()
        kinds = ua.SecurityTokenRequestType
        request.Parameters.RequestType = kinds.Renew if self.wire.channel else kinds.Issue
        request.Parameters.SecurityMode = more.get("mode", self.mode)
        request.Parameters.ClientNonce = self.nonce
        request.Parameters.RequestedLifetime = 60_000
        return self._chunk(struct_to_binary(request), ua.MessageType.SecureOpen, spoil)

    def msg(self, request: Any, spoil: Spoil = honest) -> bytes:
        request.RequestHeader.AuthenticationToken = self.wire.session
        return self._chunk(struct_to_binary(request), ua.MessageType.SecureMessage, spoil)

    def _chunk(self, body: bytes, kind: Any, spoil: Spoil) -> bytes:
        wire = self.wire
        chunk: Any
        numbers = struct.unpack("<II", wire.numbers())
        (chunk,) = MessageChunk.message_to_chunks(self.policy, body, 65_535, kind, wire.channel, numbers[1], wire.token)
        chunk.SequenceHeader.SequenceNumber = numbers[0]
        spoil(chunk)
        return bytes(chunk.to_binary())

    async def opened(self) -> None:
        """Take the answer to an OPN, and its keys."""
        head = await self.wire.reader.readexactly(8)
        (size,) = struct.unpack_from("<I", head, 4)
        data = head + await self.wire.reader.readexactly(size - 8)
        assert head[:3] == b"OPN", data
        response = struct_from_binary(ua.OpenSecureChannelResponse, Buffer(_chunk(self.policy, Buffer(data)).Body))
        given = response.Parameters
        self.policy.make_local_symmetric_key(given.ServerNonce, self.nonce)
        self.policy.make_remote_symmetric_key(self.nonce, given.ServerNonce, given.SecurityToken.RevisedLifetime)
        self.wire.channel, self.wire.token = given.SecurityToken.ChannelId, given.SecurityToken.TokenId

    async def answered(self) -> str:
        """The status of the next answer to a request, or of the Error message that came instead."""
        head = await self.wire.reader.readexactly(8)
        (size,) = struct.unpack_from("<I", head, 4)
        body = await self.wire.reader.readexactly(size - 8)
        if head[:3] == b"ERR":
            return ua.StatusCode(ua.UInt32(struct.unpack_from("<I", body)[0])).name
        chunk = _chunk(self.policy, Buffer(head + body))
        data = Buffer(chunk.Body)
        from_binary: Any = struct_from_binary
        data.skip(4)
        return str(from_binary(ua.ResponseHeader, data).ServiceResult.name)

"""A secure channel that takes nothing which OPC 10000-6 forbids: asyncua's, with the checks that it leaves out.

asyncua's is shared by client and server, and as a server accepts a second opening of an open channel, any policy and
certificate in a renewal, a thumbprint that is not its own, tokens past their time, token 0 at any time, and lifetimes
and nonces of any length. What breaks a rule here raises ViolationError; the connection ends with it (6.7.7).
"""

import hashlib
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from asyncua import ua
from asyncua.common.connection import MessageChunk, SecureConnection, TransportLimits
from asyncua.common.utils import Buffer, ServiceError
from asyncua.crypto import uacrypto
from asyncua.crypto.security_policies import SecurityPolicyNone
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.ua_binary import struct_from_binary
from asyncua.ua.uaerrors import UaError
from cryptography.exceptions import InvalidSignature

from gateway.plc.opcua.transport.chunk_rules import ABORT, INTERMEDIATE, OPEN, ViolationError, follows
from gateway.plc.opcua.transport.token_rules import Key, Tokens, revised

_NONE = SecurityPolicyNone.URI

BROKEN = (
    UaError,
    ServiceError,
    InvalidSignature,
    uacrypto.InvalidSignature,  # type: ignore[attr-defined]  # a class of its own, which hides the one imported there
    ArithmeticError,
    LookupError,
    TypeError,
    ValueError,
    struct.error,
)
"""What asyncua raises for bytes that are no message of the secure channel they came by."""


@dataclass(slots=True)
class Allowance:
    """Bytes that unfinished messages of all connections may take together."""

    left: int

    def take(self, size: int) -> None:
        """Raises ViolationError where there is no room for it."""
        if size > self.left:
            raise ViolationError(StatusCodes.BadTcpNotEnoughResources, "too many unfinished messages at once")
        self.left -= size

    def give_back(self, size: int) -> None:
        self.left += size


@dataclass(slots=True)
class _Unfinished:
    """A message of which the last chunk is still to come."""

    parts: list[Any] = field(default_factory=list)
    size: int = 0
    since: float = 0.0


class GuardedChannel(SecureConnection):
    """The server's side of one connection's channel."""

    def __init__(self, limits: TransportLimits, allowance: Allowance) -> None:
        no_policy: Any = SecurityPolicyNone
        super().__init__(no_policy(), limits)
        self._allowance = allowance
        self._tokens = Tokens()
        self._unfinished = _Unfinished()
        self._client_certificate: bytes | None = None
        self._mode: ua.MessageSecurityMode | None = None

    @property
    def ends(self) -> float:
        """Monotonic seconds at which it is past its lifetime."""
        return self._tokens.ends

    @property
    def unfinished_since(self) -> float | None:
        """Since when a message waits for its last chunk; None where there is none."""
        return self._unfinished.since if self._unfinished.parts else None

    def drop_unfinished(self) -> None:
        """The message that was begun is not wanted any more."""
        self._allowance.give_back(self._unfinished.size)
        self._unfinished = _Unfinished()

    # ---- opening and renewing ----------------------------------------------------------------------------------

    def select_policy(
        self, uri: str, peer_certificate: bytes | None, mode: ua.MessageSecurityMode | None = None
    ) -> None:
        open_to_all = uri == _NONE and mode in (None, ua.MessageSecurityMode.None_)  # is always there, for discovery
        if not open_to_all and not any(one.matches(uri) for one in self._policies):
            raise ViolationError(StatusCodes.BadSecurityPolicyRejected, f"security policy {uri!r:.100} is not offered")
        if not open_to_all and not any(one.matches(uri, mode) for one in self._policies):
            raise ViolationError(StatusCodes.BadSecurityModeRejected, f"security mode {mode!r:.50} is not offered")
        super().select_policy(uri, peer_certificate, mode)

    def open(self, params: Any, server: Any) -> ua.OpenSecureChannelResult:
        issue = params.RequestType == ua.SecurityTokenRequestType.Issue
        if issue is self._open:
            reason = "an open channel cannot be issued again" if issue else "there is no channel yet to be renewed"
            raise ViolationError(StatusCodes.BadRequestTypeInvalid, reason)
        if not issue and params.SecurityMode != self._mode:
            raise ViolationError(StatusCodes.BadSecurityModeRejected, "a renewal cannot change the security mode")
        self._check_nonce(params.ClientNonce)
        params.RequestedLifetime = revised(params.RequestedLifetime)
        self._mode = params.SecurityMode
        result = super().open(params, server)
        result.SecurityToken.TokenId = self._tokens.issue(params.RequestedLifetime, time.monotonic())
        return result

    def _check_nonce(self, nonce: bytes | None) -> None:
        needed = self.security_policy.secure_channel_nonce_length
        if len(nonce or b"") < needed:
            raise ViolationError(StatusCodes.BadNonceInvalid, f"the nonce is shorter than {needed} bytes")
        if needed and self._open and nonce == self.remote_nonce:
            raise ViolationError(StatusCodes.BadNonceInvalid, "the nonce was used before")

    def _check_opening(self, channel: int, header: ua.AsymmetricAlgorithmHeader) -> None:
        """The plain part of an OPN: before anything is decrypted."""
        if channel != (self.security_token.ChannelId if self._open else 0):
            raise ViolationError(StatusCodes.BadTcpSecureChannelUnknown, f"OPN for channel {channel}")
        if not self._open:
            self._select_first(header)
        elif header.SecurityPolicyURI != self.security_policy.URI:
            raise ViolationError(StatusCodes.BadSecurityPolicyRejected, "a renewal cannot change the security policy")
        if self.security_policy.URI == _NONE:
            return
        if self._open and header.SenderCertificate != self._client_certificate:
            raise ViolationError(StatusCodes.BadSecurityChecksFailed, "a renewal with another certificate")
        self._client_certificate = header.SenderCertificate
        own = self.security_policy.host_certificate or b""
        if header.ReceiverCertificateThumbPrint != hashlib.sha1(own).digest():  # the specification's choice
            raise ViolationError(
                StatusCodes.BadCertificateInvalid, "the receiver's thumbprint is not that of our certificate"
            )

    def _select_first(self, header: ua.AsymmetricAlgorithmHeader) -> None:
        try:
            self.select_policy(header.SecurityPolicyURI, header.SenderCertificate)
        except (ValueError, TypeError, AttributeError) as error:
            raise ViolationError(StatusCodes.BadCertificateInvalid, f"no usable client certificate: {error}") from error

    # ---- chunks ------------------------------------------------------------------------------------------------

    def receive_from_header_and_body(self, header: Any, body: Buffer) -> Any:
        """The message that this chunk completes, or None. Raises ViolationError."""
        if header.MessageType == OPEN:
            plain = body.copy(header.body_size)
            try:
                self._check_opening(header.ChannelId, struct_from_binary(ua.AsymmetricAlgorithmHeader, plain))
            except BROKEN as error:
                raise ViolationError(StatusCodes.BadDecodingError, "OPN with a broken security header") from error
            return self._receive(self._decrypted(header, body, Key.CURRENT))
        if not self._open or header.ChannelId != self.security_token.ChannelId:
            raise ViolationError(StatusCodes.BadTcpSecureChannelUnknown, f"there is no channel {header.ChannelId} here")
        key = self._tokens.use(struct_from_binary(ua.SymmetricAlgorithmHeader, body.copy(4)).TokenId, time.monotonic())
        if key is Key.NEXT:
            self.revolve_tokens()
        return self._receive(self._decrypted(header, body, key))

    def _decrypted(self, header: Any, body: Buffer, key: Key) -> Any:
        try:
            return MessageChunk.from_header_and_body(self.security_policy, header, body, key is Key.PREVIOUS)
        except BROKEN as error:
            reason = f"forged or broken {header.MessageType.decode()} ({type(error).__name__}: {error})"
            raise ViolationError(StatusCodes.BadSecurityChecksFailed, reason) from error

    def _receive(self, msg: Any) -> Any:
        message: Any = ua.Message
        self._check_sequence(msg.SequenceHeader)
        kind = msg.MessageHeader.ChunkType
        if kind == ABORT:  # the client gave the message up; the channel goes on (6.7.3)
            self.drop_unfinished()
            return None
        begun = self._unfinished
        if kind != INTERMEDIATE and not begun.parts:
            return message([msg])
        self._check_size(len(begun.parts) + 1, begun.size + len(msg.Body))
        if kind != INTERMEDIATE:
            parts = [*begun.parts, msg]
            self.drop_unfinished()
            return message(parts)
        self._allowance.take(len(msg.Body))
        begun.since = begun.since or time.monotonic()
        begun.parts.append(msg)
        begun.size += len(msg.Body)
        return None

    def _check_sequence(self, given: ua.SequenceHeader) -> None:
        if not follows(self._peer_sequence_number, given.SequenceNumber):
            reason = (
                f"sequence number {given.SequenceNumber} after {self._peer_sequence_number} (BadSequenceNumberInvalid)"
            )
            raise ViolationError(StatusCodes.BadSecurityChecksFailed, reason)
        self._peer_sequence_number = given.SequenceNumber
        if self._unfinished.parts and self._unfinished.parts[0].SequenceHeader.RequestId != given.RequestId:
            reason = f"chunk of request {given.RequestId} inside of another message"
            raise ViolationError(StatusCodes.BadSecurityChecksFailed, reason)

    def _check_size(self, chunks: int, size: int) -> None:
        limits = self._limits
        if chunks > limits.max_chunk_count or size > limits.max_message_size:
            reason = f"a message of more than {limits.max_message_size} bytes or {limits.max_chunk_count} chunks"
            raise ViolationError(StatusCodes.BadRequestTooLarge, reason)

"""What asyncua's server takes that OPC UA forbids: each case in a few bytes. It needs asyncua alone.

    python reproductions.py

starts a server of its own on a free port of this machine and prints, as JSON, what became of each case: an Error
message and the end of the connection, a ServiceFault, an answer as if nothing were wrong, or silence.
"""

import asyncio
import json
import logging
import struct
from collections.abc import Callable
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.server.server import Server
from asyncua.ua.status_codes import get_name_and_doc
from asyncua.ua.ua_binary import nodeid_from_binary, struct_from_binary, struct_to_binary

NONE = b"http://opcfoundation.org/UA/SecurityPolicy#None"
SILENCE_S = 0.5


def text(value: bytes | None) -> bytes:
    return struct.pack("<i", -1 if value is None else len(value)) + (value or b"")


def chunk(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", 8 + len(body)) + body


HELLO = chunk(b"HELF", struct.pack("<5I", 0, 65_535, 65_535, 0, 0) + text(b"opc.tcp://x"))


class Wire:
    """A client without rules."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.channel = self.token = self.sequence = 0
        self.session = ua.NodeId()

    def opn(self, uri: bytes = NONE, mode: int = 1, issue: bool = True) -> bytes:
        request = ua.OpenSecureChannelRequest()
        request.Parameters.RequestType = ua.SecurityTokenRequestType(0 if issue else 1)
        request.Parameters.SecurityMode = ua.MessageSecurityMode(mode)
        request.Parameters.RequestedLifetime = 60_000
        self.sequence += 1
        plain = struct.pack("<I", self.channel) + text(uri) + text(None) * 2
        return chunk(b"OPNF", plain + struct.pack("<II", self.sequence, self.sequence) + struct_to_binary(request))

    def msg(self, body: bytes, channel: int = 0, token: int = 0, jump: int = 1, kind: bytes = b"MSGF") -> bytes:
        """`channel` and `token` are added to the right ones."""
        self.sequence += jump
        ids = struct.pack("<IIII", self.channel + channel, self.token + token, self.sequence, self.sequence)
        return chunk(kind, ids + body)

    def read(self) -> bytes:
        request = ua.ReadRequest()
        request.RequestHeader.AuthenticationToken = self.session
        request.Parameters.NodesToRead = [ua.ReadValueId(ua.NodeId(2255), 13)]  # type: ignore[arg-type]  # plain numbers do
        return struct_to_binary(request)

    def write(self, value: bytes) -> bytes:
        request = ua.WriteRequest()
        request.RequestHeader.AuthenticationToken = self.session
        item = struct.pack("<i", 1) + struct.pack("<BHIIi", 2, 0, 2255, 13, -1) + b"\x01" + value
        return struct_to_binary(request)[:-4] + item

    async def outcome(self) -> str:
        """What the server made of it."""
        try:
            async with asyncio.timeout(SILENCE_S):
                head = await self.reader.readexactly(8)
                (size,) = struct.unpack_from("<I", head, 4)
                body = await self.reader.readexactly(size - 8)
        except TimeoutError:
            return "silence"
        except (asyncio.IncompleteReadError, ConnectionError):
            return "closed"
        if head[:3] != b"ERR":
            return self._answer(head[:3], body)
        try:
            async with asyncio.timeout(SILENCE_S):
                closed = not await self.reader.read(1)
        except TimeoutError:
            closed = False
        name = get_name_and_doc(struct.unpack_from("<I", body)[0])[0]
        return f"{name}, {'closed' if closed else 'still open'}"

    def _answer(self, kind: bytes, body: bytes) -> str:
        if kind == b"ACK":
            return "acknowledged"
        data = Buffer(body)
        data.skip(4)
        if kind == b"OPN":
            struct_from_binary(ua.AsymmetricAlgorithmHeader, data)
        else:
            data.skip(4)
        data.skip(8)
        response: Any = struct_from_binary(ua.extension_objects_by_typeid[nodeid_from_binary(data.copy())], data)
        if isinstance(response, ua.OpenSecureChannelResponse):
            given = response.Parameters.SecurityToken
            self.channel, self.token = given.ChannelId, given.TokenId
            return "opened"
        if isinstance(response, ua.CreateSessionResponse):
            self.session = response.Parameters.AuthenticationToken
        status = response.ResponseHeader.ServiceResult.name
        return "answered" if status == "Good" else f"fault {status}"

    async def begin(self, upto: int) -> None:
        """0 nothing, 1 Hello, 2 a channel, 3 a session, 4 an activated one."""
        create = ua.CreateSessionRequest()
        create.Parameters.RequestedSessionTimeout = 60_000
        create.Parameters.ClientNonce = bytes(32)
        steps: tuple[Callable[[], bytes], ...] = (
            lambda: HELLO, self.opn, lambda: self.msg(struct_to_binary(create)), self._activate,
        )  # fmt: skip
        for step in steps[:upto]:
            self.writer.write(step())
            await self.outcome()

    def _activate(self) -> bytes:
        request = ua.ActivateSessionRequest()
        request.RequestHeader.AuthenticationToken = self.session
        request.Parameters.UserIdentityToken = ua.AnonymousIdentityToken("anonymous")
        return self.msg(struct_to_binary(request))


def _foreign(wire: Wire) -> bytes:
    wire.session = ua.NodeId(ua.Int32(999_999))
    return wire.msg(wire.read())


TYPE, CHANNEL = "BadTcpMessageTypeInvalid, closed", "BadTcpSecureChannelUnknown, closed"
TOKEN, CHECKS = "BadSecureChannelTokenUnknown, closed", "BadSecurityChecksFailed, closed"

CASES: dict[str, tuple[str, int, Callable[[Wire], bytes], str]] = {
    "unknown message type": ("6: 7.1.2.2", 1, lambda w: chunk(b"XYZF", bytes(40)), TYPE),
    "OPN before HEL": ("6: 7.1.3", 0, lambda w: w.opn(), TYPE),
    "a second HEL": ("6: 7.1.3", 1, lambda w: HELLO, TYPE),
    "2 GiB announced": (
        "6: 7.1.2.2", 1, lambda w: b"MSGF" + struct.pack("<I", 2**31 - 1), "BadTcpMessageTooLarge, closed",
    ),
    "a size smaller than its header": ("6: 7.1.2.2", 2, lambda w: b"MSGF" + struct.pack("<I", 16) + bytes(8), TYPE),
    "MSG without a channel": ("6: 6.7.7", 1, lambda w: w.msg(w.read()), CHANNEL),
    "unknown security policy": ("6: 6.7.7", 1, lambda w: w.opn(b"urn:x"), "BadSecurityPolicyRejected, closed"),
    "security mode that is not offered": ("4: 5.6.2", 1, lambda w: w.opn(mode=3), "BadSecurityModeRejected, closed"),
    "a second issue on one channel": ("4: 5.6.2", 2, lambda w: w.opn(), "BadRequestTypeInvalid, closed"),
    "wrong channel id": ("6: 6.7.7", 4, lambda w: w.msg(w.read(), channel=1), CHANNEL),
    "wrong token id": ("6: 6.7.7", 4, lambda w: w.msg(w.read(), token=1), TOKEN),
    "token id 0": ("6: 6.7.7", 4, lambda w: w.msg(w.read(), token=-w.token), TOKEN),
    "repeated sequence number": ("6: 6.7.2.4", 4, lambda w: w.msg(w.read(), jump=0), CHECKS),
    "no session": ("4: 7.38", 2, lambda w: w.msg(w.read()), "fault BadSessionIdInvalid"),
    "session not activated": ("4: 5.7.3", 3, lambda w: w.msg(w.read()), "fault BadSessionNotActivated"),
    "another authentication token": ("4: 7.32", 4, _foreign, "fault BadSessionIdInvalid"),
    "an array of a million nulls": (
        "6: 5.2.2.16", 4, lambda w: w.msg(w.write(b"\x80" + struct.pack("<i", 1_000_000))), "fault BadInternalError",
    ),
    "a million empty lists for one value": (
        "6: 5.2.2.16", 4, lambda w: w.msg(w.write(b"\xc1" + struct.pack("<ibii", 1, 1, 1, 1_000_000))),
        "fault BadInternalError",
    ),
    "a text of negative length": (
        "6: 5.2.2.4", 4, lambda w: w.msg(w.write(b"\x8c" + struct.pack("<ii", 100_000, -4))), "fault BadInternalError",
    ),
}  # fmt: skip
"""Name: the part and section of the specification, how far the connection is (see begin), what is sent, and what should
come of it. asyncua has no status of its own for what it cannot decode; it says BadInternalError to all of it."""


async def reproduce() -> dict[str, str]:
    """What became of each case."""
    server = Server()
    await server.init()
    server.set_endpoint("opc.tcp://127.0.0.1:0/")
    server.set_security_policy([ua.SecurityPolicyType.NoSecurity])
    seen = {}
    async with server:
        assert server.bserver is not None
        for name, (_, upto, make, _) in CASES.items():
            wire = Wire(*await asyncio.open_connection("127.0.0.1", server.bserver.port))
            await wire.begin(upto)
            wire.writer.write(make(wire))
            seen[name] = await wire.outcome()
            wire.writer.close()
    return seen


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(json.dumps(asyncio.run(reproduce())))

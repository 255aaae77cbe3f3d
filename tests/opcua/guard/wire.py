"""A client that knows the bytes and none of the rules: messages are made by hand, answers are taken apart."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from asyncua import ua
from asyncua.common.utils import Buffer
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.status_codes import get_name_and_doc
from asyncua.ua.ua_binary import nodeid_from_binary, struct_from_binary, struct_to_binary

from tests.opcua.desk import TIMEOUT_S

NONE = "http://opcfoundation.org/UA/SecurityPolicy#None"


def text(value: bytes | None) -> bytes:
    return struct.pack("<i", -1 if value is None else len(value)) + (value or b"")


def chunk(kind: bytes, body: bytes, size: int | None = None) -> bytes:
    """With the first eight bytes; `kind` has four letters."""
    return kind + struct.pack("<I", 8 + len(body) if size is None else size) + body


def hello(
    receive: int = 65_536, send: int = 65_536, message: int = 0, chunks: int = 0, url: bytes | None = b"opc.tcp://x"
) -> bytes:
    return chunk(b"HELF", struct.pack("<5I", 0, receive, send, message, chunks) + text(url))


@dataclass(slots=True)
class Answer:
    """One message from the server. `status`: an Error message's or a service's, by name."""

    kind: bytes
    status: str
    reason: str = ""
    response: Any = None
    request_id: int = 0


@dataclass(slots=True)
class Wire:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    channel: int = 0
    token: int = 0
    sequence: int = 0
    request: int = 0
    session: ua.NodeId = field(default_factory=ua.NodeId)

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> Answer:
        """The next message; kind b"" where the server closed instead."""
        async with asyncio.timeout(TIMEOUT_S):
            try:
                head = await self.reader.readexactly(8)
                (size,) = struct.unpack_from("<I", head, 4)
                body = await self.reader.readexactly(size - 8)
                while head[3:4] == b"C":
                    head = await self.reader.readexactly(8)
                    (size,) = struct.unpack_from("<I", head, 4)
                    body += (await self.reader.readexactly(size - 8))[16:]
            except (asyncio.IncompleteReadError, ConnectionError):
                return Answer(b"", "closed")
        if head[:3] == b"ERR":
            code, _ = struct.unpack_from("<Ii", body)
            return Answer(b"ERR", get_name_and_doc(code)[0], body[8:].decode())
        return Answer(head[:3], "") if head[:3] == b"ACK" else _response(head[:3], body)

    async def closed(self) -> bool:
        """Nothing comes any more, and the connection is at its end."""
        return (await self.answer()).kind == b""

    # ---- messages ----------------------------------------------------------------------------------------------

    def opn(self, **more: Any) -> bytes:
        """An OPN. See the keys for what may be wrong with it."""
        given: dict[str, Any] = {
            "channel": self.channel, "uri": NONE, "certificate": None, "thumbprint": None, "issue": not self.channel,
            "mode": ua.MessageSecurityMode.None_, "lifetime": 60_000, "nonce": None, "sequence": None, **more,
        }  # fmt: skip
        request = ua.OpenSecureChannelRequest()
        kinds = ua.SecurityTokenRequestType
        request.Parameters.RequestType = kinds.Issue if given["issue"] else kinds.Renew
        request.Parameters.SecurityMode = given["mode"]
        request.Parameters.ClientNonce = given["nonce"]
        request.Parameters.RequestedLifetime = given["lifetime"]
        plain = text(given["uri"].encode()) + text(given["certificate"]) + text(given["thumbprint"])
        body = more.get("body", struct_to_binary(request))
        return chunk(b"OPNF", struct.pack("<I", given["channel"]) + plain + self.numbers(given["sequence"]) + body)

    def numbers(self, sequence: int | None = None, request: int | None = None) -> bytes:
        """The sequence header, with the next numbers unless others are given."""
        self.sequence = self.sequence + 1 if sequence is None else sequence
        self.request += 1
        return struct.pack("<II", self.sequence, self.request if request is None else request)

    def msg(self, body: bytes, kind: bytes = b"MSGF", **more: Any) -> bytes:
        plain = struct.pack("<II", more.get("channel", self.channel), more.get("token", self.token))
        return chunk(kind, plain + self.numbers(more.get("sequence"), more.get("request")) + body)

    def call(self, request: Any, **more: Any) -> bytes:
        """A request in one chunk, with this connection's session."""
        request.RequestHeader.AuthenticationToken = self.session
        return self.msg(struct_to_binary(request), **more)

    async def ask(self, request: Any) -> Answer:
        self.send(self.call(request))
        return await self.answer()

    # ---- the usual beginning -------------------------------------------------------------------------------------

    async def greet(self) -> None:
        self.send(hello())
        assert (await self.answer()).kind == b"ACK"

    async def open(self) -> None:
        self.send(self.opn())
        answer = await self.answer()
        assert answer.kind == b"OPN", answer
        given = answer.response.Parameters.SecurityToken
        self.channel, self.token = given.ChannelId, given.TokenId

    async def create_session(self) -> None:
        request = ua.CreateSessionRequest()
        request.Parameters.RequestedSessionTimeout = 60_000
        request.Parameters.ClientNonce = bytes(32)
        answer = await self.ask(request)
        self.session = answer.response.Parameters.AuthenticationToken

    async def log_in(self) -> None:
        request = ua.ActivateSessionRequest()
        request.Parameters.UserIdentityToken = ua.AnonymousIdentityToken(ua.String("anonymous"))
        answer = await self.ask(request)
        assert answer.status == "Good", answer


def _response(kind: bytes, body: bytes) -> Answer:
    data = Buffer(body)
    data.read(4)
    if kind == b"OPN":
        struct_from_binary(ua.AsymmetricAlgorithmHeader, data)
    else:
        data.read(4)
    _, request_id = struct.unpack("<II", data.read(8))
    response: Any = struct_from_binary(ua.extension_objects_by_typeid[nodeid_from_binary(data.copy())], data)
    return Answer(kind, response.ResponseHeader.ServiceResult.name, "", response, request_id)


@asynccontextmanager
async def wire(url: str, upto: str = "open") -> AsyncIterator[Wire]:
    """A connection, as far as the test needs it: connect, greet, open, create, log_in."""
    host, port = url.removeprefix("opc.tcp://").split("/")[0].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    made = Wire(reader, writer)
    steps = {"greet": made.greet, "open": made.open, "create": made.create_session, "log_in": made.log_in}
    try:
        if upto != "connect":
            for name, step in steps.items():
                await step()
                if name == upto:
                    break
        yield made
    finally:
        writer.transport.abort()
        # The transport closes its socket in the loop's next turn; before that it would count as left open.
        await asyncio.sleep(0)


def read_request(name: str = "station1.status.verdict") -> ua.ReadRequest:
    request = ua.ReadRequest()
    request.Parameters.NodesToRead = [ua.ReadValueId(ua.NodeId(ua.String(name), ua.Int16(2)), AttributeIds.Value)]
    return request

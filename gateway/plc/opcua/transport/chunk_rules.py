"""What may come over one OPC UA connection, chunk by chunk: OPC 10000-6, 6.7 and 7.1. Pure: bytes in, chunks out.

A chunk that breaks a rule raises ViolationError, which says by which status the client is told (in an Error message,
7.1.2.5) before its connection is closed. The rules ask only for what is in sight: a header is judged before its body
is there, so that nobody is waited for, and no memory taken, for a chunk that will be refused anyway.
"""

import struct
from dataclasses import dataclass
from typing import Final

from asyncua.ua.status_codes import StatusCodes

HELLO, OPEN, MESSAGE, CLOSE = b"HEL", b"OPN", b"MSG", b"CLO"
ACKNOWLEDGE, ERROR = b"ACK", b"ERR"

FINAL, INTERMEDIATE, ABORT = b"F", b"C", b"A"

LEAST_BUFFER: Final = 8192
"""Bytes: who cannot send or take chunks of this size speaks no OPC UA (7.1.2.3; ECC policies, which may have smaller
ones, are not offered here)."""

LONGEST_URL: Final = 4096
"""Bytes of the endpoint's URL in a Hello (7.1.2.3)."""

LONGEST_REASON: Final = 4096

CHUNK_OVERHEAD: Final = 80
"""Bytes of a chunk that are no part of its message, at most: headers, padding and signature."""

WRAP_FROM: Final = 0xFFFF_FFFF - 1024
"""A sequence number greater than this may be followed by one less than 1024 (6.7.2.4)."""

WRAP_TO: Final = 1024

_SIZE = struct.Struct("<I")
_HELLO = struct.Struct("<IIIIIi")
_LEAST_SIZE = {HELLO: 8 + _HELLO.size, OPEN: 12 + 3 * 4 + 8, MESSAGE: 12 + 4 + 8, CLOSE: 12 + 4 + 8}
"""For each message type its headers' bytes, and those of its fixed fields."""

_SINGLE = frozenset({FINAL})
_CHUNK_TYPES = {HELLO: _SINGLE, OPEN: _SINGLE, MESSAGE: frozenset({FINAL, INTERMEDIATE, ABORT}), CLOSE: _SINGLE}


class ViolationError(Exception):
    """Ends the connection. `code` is what the client is told, `reason` why, for the log and (unless it is a matter of
    security, 6.7.3) for the client."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

    @property
    def told(self) -> str:
        """The reason as the client may know it."""
        return "" if self.code == StatusCodes.BadSecurityChecksFailed else self.reason


@dataclass(frozen=True, slots=True)
class Hello:
    """What a client says of itself. Sizes in bytes; 0 is no limit."""

    version: int
    receive_buffer: int
    send_buffer: int
    response_bytes: int
    response_chunks: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """What came of a Hello: the largest chunk each side sends, and the longest response that the client takes."""

    receive_buffer: int
    send_buffer: int
    response_bytes: int
    response_chunks: int

    def takes(self, size: int) -> bool:
        """Does the client take a response of so many bytes?"""
        chunks = -(-size // (self.send_buffer - CHUNK_OVERHEAD))
        return size <= (self.response_bytes or size) and chunks <= (self.response_chunks or chunks)


class ChunkReader:
    """Cuts a stream into chunks. `feed` it, then take chunks by `next` until there is none.

    It holds one unfinished chunk, of `largest` bytes at most, and what was fed and not yet taken.
    """

    def __init__(self, largest: int) -> None:
        self.largest = largest
        self.greeted = False
        self._buffer = bytearray()

    def __len__(self) -> int:
        """Bytes that are held."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        self._buffer += data

    def next(self) -> bytes | None:
        """The next whole chunk; None until there is one. Raises ViolationError as soon as it can be none."""
        held = len(self._buffer)
        if held < 4:
            return None
        self._check_type(bytes(self._buffer[:3]), bytes(self._buffer[3:4]))
        if held < 8:
            return None
        (size,) = _SIZE.unpack_from(self._buffer, 4)
        self._check_size(bytes(self._buffer[:3]), size)
        if held < size:
            return None
        chunk = bytes(self._buffer[:size])
        del self._buffer[:size]
        self.greeted = True
        return chunk

    def _check_type(self, kind: bytes, chunk_type: bytes) -> None:
        allowed = _CHUNK_TYPES.get(kind)
        if allowed is None:
            raise ViolationError(StatusCodes.BadTcpMessageTypeInvalid, f"unknown message type {kind!r}")
        if chunk_type not in allowed:
            raise ViolationError(
                StatusCodes.BadTcpMessageTypeInvalid, f"{kind.decode()} with chunk type {chunk_type!r}"
            )
        if self.greeted is (kind == HELLO):
            reason = "a second HEL" if self.greeted else f"{kind.decode()} before HEL"
            raise ViolationError(StatusCodes.BadTcpMessageTypeInvalid, reason)

    def _check_size(self, kind: bytes, size: int) -> None:
        if size < _LEAST_SIZE[kind]:
            reason = f"{kind.decode()} of {size} bytes: its headers alone have {_LEAST_SIZE[kind]}"
            raise ViolationError(StatusCodes.BadTcpMessageTypeInvalid, reason)
        if size > self.largest:
            reason = f"{kind.decode()} of {size} bytes, {self.largest} were agreed"
            raise ViolationError(StatusCodes.BadTcpMessageTooLarge, reason)


def read_hello(chunk: bytes) -> Hello:
    """Raises ViolationError for buffers that are too small, and for an endpoint's URL that is none.

    A URL is asked for its length alone: clients put there whatever they were given.
    """
    version, receive, send, message, chunks, length = _HELLO.unpack_from(chunk, 8)
    if length > LONGEST_URL:
        reason = f"endpoint URL of {length} bytes, {LONGEST_URL} are allowed"
        raise ViolationError(StatusCodes.BadTcpEndpointUrlInvalid, reason)
    if length < -1 or length > len(chunk) - 8 - _HELLO.size:
        raise ViolationError(StatusCodes.BadTcpEndpointUrlInvalid, "the endpoint URL does not fit into its HEL")
    for name, size in (("ReceiveBufferSize", receive), ("SendBufferSize", send)):
        if 0 < size < LEAST_BUFFER:  # 0: no limit, in old versions of the specification and some clients
            reason = f"{name} of {size} bytes, {LEAST_BUFFER} are the least"
            raise ViolationError(StatusCodes.BadConnectionRejected, reason)
    return Hello(version, receive, send, message, chunks)


def agree(hello: Hello, chunk: int) -> Agreement:
    """Neither side sends larger chunks than the other one takes. `chunk` bytes are our own limit, both ways.

    A longest response below the least buffer is taken for none: asyncua's own client gives its number of chunks there.
    """
    response = hello.response_bytes if hello.response_bytes >= LEAST_BUFFER else 0
    receive, send = min(hello.send_buffer or chunk, chunk), min(hello.receive_buffer or chunk, chunk)
    return Agreement(receive, send, response, hello.response_chunks)


def acknowledge(agreed: Agreement, request_bytes: int, request_chunks: int) -> bytes:
    """The answer to a Hello: an Acknowledge message with the limits for requests (7.1.2.4), protocol version 0."""
    fields = (0, agreed.receive_buffer, agreed.send_buffer, request_bytes, request_chunks)
    return ACKNOWLEDGE + FINAL + struct.pack("<6I", 8 + 5 * 4, *fields)


def error_message(code: int, reason: str) -> bytes:
    """An Error message (7.1.2.5)."""
    text = reason.encode()[:LONGEST_REASON].decode(errors="ignore").encode()
    return ERROR + FINAL + struct.pack("<IIi", 8 + 4 + 4 + len(text), code, len(text)) + text


def follows(last: int | None, number: int) -> bool:
    """May a chunk with this sequence number come after the one with `last`? The first one is free (6.7.2.4)."""
    return last is None or number == last + 1 or (last > WRAP_FROM and number < WRAP_TO)

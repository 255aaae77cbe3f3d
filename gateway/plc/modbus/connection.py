"""One Modbus TCP connection: frames in, responses out, in order, however the frames were split or packed."""

import asyncio
import logging
import socket
import struct
import time
from dataclasses import dataclass
from typing import Protocol, cast

log = logging.getLogger(__name__)

HEADER = struct.Struct(">HHHB")
"""MBAP: transaction id, protocol id, length of what follows (unit id and PDU), unit id."""
LEAST_LENGTH, MOST_LENGTH = 2, 254
"""Unit id and at least a function code; at most a PDU of 253 bytes."""

BURST = 16
"""Requests that one client gets answered in one turn of the loop. A write costs about 0.05 ms: whoever sends thousands
at once makes the others wait for a millisecond, not for a second."""

KEEP_ALIVE = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
"""A PLC that lost its power is noticed within half a minute, and its place among the connections is free again."""


@dataclass(slots=True)
class ClientFigures:
    """What one connected client did. Times are monotonic seconds."""

    peer: str
    """Its address and port."""
    host: str
    connected_at: float
    last_request_at: float
    requests: int = 0
    exceptions: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0


class Slave(Protocol):
    """What a connection asks of its link."""

    def welcome(self, client: "Connection", peer: str, host: str) -> ClientFigures | None:
        """The figures of a new client, or None where it has to go."""
        ...

    def bye(self, client: "Connection") -> None:
        """This connection is gone."""
        ...

    def answer(self, unit: int, pdu: bytes, host: str) -> bytes:
        """The response PDU of whoever has this unit id, to a request from there."""
        ...


class Connection(asyncio.Protocol):
    """One connection: frames in, responses out, in order."""

    def __init__(self, link: Slave) -> None:
        self._link = link
        self._transport: asyncio.Transport | None = None
        self._figures: ClientFigures | None = None
        self._pending = b""
        self._deaf = False
        self._held = False

    @property
    def closing(self) -> bool:
        """Closed by us, but not gone: its last answers are still on their way."""
        return self._transport is not None and self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport = cast(asyncio.Transport, transport)  # uvloop's are none by inheritance
        self._transport = transport
        name = transport.get_extra_info("peername")
        host, port = name[:2] if name else ("0.0.0.0", 0)
        self._figures = self._link.welcome(self, f"{host}:{port}", host)
        if self._figures is None:
            transport.abort()
            return
        _tune(transport.get_extra_info("socket"))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._link.bye(self)

    def hang_up(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.abort()

    def pause_writing(self) -> None:
        """It does not read its answers: no more questions from it until it does."""
        self._deaf = True
        self._hold()

    def resume_writing(self) -> None:
        self._deaf = False
        asyncio.get_running_loop().call_soon(self._work)

    def _hold(self) -> None:
        if self._transport is not None and not self._held and not self.closing:
            self._held = True
            self._transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        if self._figures is not None:
            self._figures.bytes_received += len(data)
        self._pending = self._pending + data if self._pending else data
        self._work()

    def _work(self) -> None:
        """Answer a burst. While more than that waits, or answers do, nothing further is read: memory stays bounded."""
        transport, figures = self._transport, self._figures
        if transport is None or figures is None or self._deaf or transport.is_closing():
            return
        answers, good = self._answers(figures)
        if answers:
            response = answers[0] if len(answers) == 1 else b"".join(answers)
            figures.last_request_at = time.monotonic()
            figures.bytes_sent += len(response)
            transport.write(response)
        if not good:
            transport.close()
        elif len(answers) == BURST:
            self._hold()
            if not self._deaf:
                asyncio.get_running_loop().call_soon(self._work)
        elif self._held and not self._deaf:
            self._held = False
            transport.resume_reading()

    def _answers(self, figures: ClientFigures) -> tuple[list[bytes], bool]:
        """Responses to the next frames, at most BURST, and whether it is Modbus TCP what comes after them."""
        data, at, answers, good = self._pending, 0, list[bytes](), True
        size = len(data)
        while size - at >= HEADER.size and len(answers) < BURST:
            transaction, protocol, length, unit = HEADER.unpack_from(data, at)
            if protocol or not LEAST_LENGTH <= length <= MOST_LENGTH:
                log.warning(
                    "Modbus: %s sent protocol id %d, length %d, which is no Modbus TCP: closing its connection",
                    figures.peer,
                    protocol,
                    length,
                )
                good = False
                break
            end = at + 6 + length
            if end > size:
                break
            pdu = self._link.answer(unit, data[at + HEADER.size : end], figures.host)
            figures.requests += 1
            figures.exceptions += pdu[0] >> 7
            answers.append(HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu)
            at = end
        self._pending = data[at:]
        return answers, good


def _tune(sock: socket.socket | None) -> None:
    if sock is None:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE:
        if (option := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)

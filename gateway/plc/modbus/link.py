"""The Modbus TCP link: our own transport. One request is one event, nothing polls, answers leave in order.

bytes ──► [ MBAP: protocol id, length ] ──bad──► log, close this connection
                 │ one frame after another, however they were split or packed
                 ▼
          [ unit id ] ──unknown──► exception 0x0B
                 ▼
          [ Device.answer ] ──► response with the same transaction id
"""

import asyncio
import logging
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Self, cast

from gateway.core.errors import LinkError
from gateway.plc.modbus.requests import TARGET_FAILED, Device, exception
from gateway.plc.modbus.window import Window
from gateway.ports import Endpoint, Identity, StationView

log = logging.getLogger(__name__)

HEADER = struct.Struct(">HHHB")
"""MBAP: transaction id, protocol id, length of what follows (unit id and PDU), unit id."""
LEAST_LENGTH, MOST_LENGTH = 2, 254
"""Unit id and at least a function code; at most a PDU of 253 bytes."""

SWEEP_S = 1.0
"""How often idle connections are looked for: an idle time-out in seconds needs no finer one."""

KEEP_ALIVE = (("TCP_KEEPIDLE", 15), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3))
"""A PLC that lost its power is noticed within half a minute, and its place among the connections is free again."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Who may connect, how many, and how long in silence. `idle_timeout_s` 0: for ever."""

    max_connections: int
    idle_timeout_s: float
    allow: tuple[IPv4Network | IPv6Network, ...]

    def admits(self, host: str) -> bool:
        """May this address connect?"""
        address = ip_address(host.split("%", maxsplit=1)[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self.allow)


@dataclass(slots=True)
class ClientFigures:
    """What one connected client did. Times are monotonic seconds."""

    peer: str
    connected_at: float
    last_request_at: float
    requests: int = 0
    exceptions: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0


class ModbusLink:
    """A ports.PlcLink. Entering raises LinkError where it cannot listen."""

    def __init__(self, views: Sequence[StationView], identity: Identity, host: str, port: int, limits: Limits) -> None:
        self._views = tuple(views)
        self._identity = identity
        self._host, self._port, self._limits = host, port, limits
        self._windows: list[Window] = []
        self._units: dict[int, Device] = {}
        self._any: Device | None = None
        self._clients: dict[_Client, ClientFigures] = {}
        self._server: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        if self._server is None:
            return ()
        port = self._server.sockets[0].getsockname()[1]
        host = "127.0.0.1" if self._host in ("0.0.0.0", "::") else self._host
        return (Endpoint("modbus", f"modbus://{host}:{port}"),)

    @property
    def clients(self) -> list[ClientFigures]:
        """Who is connected now."""
        return list(self._clients.values())

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._place()
        try:
            self._server = await loop.create_server(lambda: _Client(self), self._host, self._port)
        except OSError as error:
            self._forget()
            raise LinkError(
                f"Modbus TCP cannot listen on {self._host}:{self._port}: {error.strerror or error}",
                hint="another program has the port, or ports below 1024 need rights: end it, or set links.modbus.port",
            ) from error
        self._sweep = loop.call_later(SWEEP_S, self._drop_idle)
        return self

    async def __aexit__(self, *exc: object) -> None:
        if self._sweep is not None:
            self._sweep.cancel()
        if self._server is not None:
            self._server.close()
            for client in tuple(self._clients):
                client.hang_up()
            await self._server.wait_closed()
            self._server = None
        self._forget()

    def _place(self) -> None:
        self._windows = [Window(view) for view in self._views]
        by_unit: dict[int | None, list[Window]] = {}
        for window in self._windows:
            by_unit.setdefault(window.view.unit, []).append(window)
        for unit, windows in by_unit.items():
            device = Device(tuple(windows), self._identity)
            if unit is None:
                self._any = device
            else:
                self._units[unit] = device

    def _forget(self) -> None:
        for window in self._windows:
            window.close()
        self._windows, self._units, self._any = [], {}, None

    def _drop_idle(self) -> None:
        now = time.monotonic()
        for client, figures in tuple(self._clients.items()):
            silent = now - figures.last_request_at
            if self._limits.idle_timeout_s and silent > self._limits.idle_timeout_s:
                log.info("Modbus: %s sent nothing for %.0f s, closing its connection", figures.peer, silent)
                client.hang_up()
        self._sweep = asyncio.get_running_loop().call_later(SWEEP_S, self._drop_idle)

    # ---- what connections use --------------------------------------------------------------------------------

    def welcome(self, client: "_Client", peer: str, host: str) -> ClientFigures | None:
        """The figures of a new client, or None where it has to go."""
        if not self._limits.admits(host):
            log.warning("Modbus: %s refused: not in links.modbus.allow", peer)
            return None
        if len(self._clients) >= self._limits.max_connections:
            log.warning("Modbus: %s refused: %d clients are connected already", peer, len(self._clients))
            return None
        now = time.monotonic()
        figures = self._clients[client] = ClientFigures(peer, now, now)
        return figures

    def bye(self, client: "_Client") -> None:
        """This connection is gone."""
        self._clients.pop(client, None)

    def answer(self, unit: int, pdu: bytes) -> bytes:
        """The response PDU of whoever has this unit id."""
        device = self._units.get(unit, self._any)
        return device.answer(pdu) if device is not None else exception(pdu[0], TARGET_FAILED)


class _Client(asyncio.Protocol):
    """One connection: frames in, responses out, in order."""

    def __init__(self, link: ModbusLink) -> None:
        self._link = link
        self._transport: asyncio.Transport | None = None
        self._figures: ClientFigures | None = None
        self._pending = b""

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
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        transport, figures = self._transport, self._figures
        if transport is None or figures is None:
            return
        figures.bytes_received += len(data)
        figures.last_request_at = time.monotonic()
        data = self._pending + data if self._pending else data
        answers: list[bytes] = []
        at, size = 0, len(data)
        while size - at >= HEADER.size:
            transaction, protocol, length, unit = HEADER.unpack_from(data, at)
            if protocol or not LEAST_LENGTH <= length <= MOST_LENGTH:
                log.warning(
                    "Modbus: %s sent protocol id %d, length %d, which is no Modbus TCP: closing its connection",
                    figures.peer,
                    protocol,
                    length,
                )
                transport.write(b"".join(answers))
                transport.close()
                self._transport = None
                return
            end = at + 6 + length
            if end > size:
                break
            pdu = self._link.answer(unit, data[at + HEADER.size : end])
            figures.requests += 1
            figures.exceptions += pdu[0] >> 7
            answers.append(HEADER.pack(transaction, 0, len(pdu) + 1, unit) + pdu)
            at = end
        self._pending = data[at:]
        if answers:
            response = answers[0] if len(answers) == 1 else b"".join(answers)
            figures.bytes_sent += len(response)
            transport.write(response)


def _tune(sock: socket.socket | None) -> None:
    if sock is None:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEP_ALIVE:
        if (option := getattr(socket, name, None)) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)

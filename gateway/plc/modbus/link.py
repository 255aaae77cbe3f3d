"""The Modbus TCP link: our own transport. One request is one event, nothing polls, answers leave in order.

bytes ──► [ MBAP: protocol id, length ] ──bad──► log, close this connection
                 │ one frame after another, however they were split or packed
                 ▼
          [ unit id ] ──unknown──► exception 0x0B
                 ▼
          [ Device.answer ] ──► response with the same transaction id
"""

import asyncio
import errno
import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from itertools import combinations
from typing import Self

from gateway.core.errors import LinkError
from gateway.plc.listening import listens
from gateway.plc.modbus.connection import ClientFigures, Connection
from gateway.plc.modbus.requests import TARGET_FAILED, Device, exception
from gateway.plc.modbus.window import Asking, Window
from gateway.ports import Endpoint, Identity, StationView

log = logging.getLogger(__name__)

SWEEP_S = 1.0
"""How often idle connections are looked for: an idle time-out in seconds needs no finer one."""


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


class ModbusLink:
    """A ports.PlcLink. Entering raises LinkError where it cannot listen."""

    def __init__(self, views: Sequence[StationView], identity: Identity, host: str, port: int, limits: Limits) -> None:
        self._views = tuple(views)
        self._identity = identity
        self._host, self._port, self._limits = host, port, limits
        self._asking = Asking()
        self._placed = _Placed()
        self._clients: dict[Connection, ClientFigures] = {}
        self._server: asyncio.Server | None = None
        self._sweep: asyncio.TimerHandle | None = None

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        if self._server is None:
            return ()
        host = "127.0.0.1" if self._host in ("0.0.0.0", "::") else self._host
        return (Endpoint("modbus", f"modbus://{host}:{self._port}"),)

    @property
    def connections(self) -> int:
        return len(self._clients)

    @property
    def clients(self) -> list[ClientFigures]:
        """Who is connected now."""
        return list(self._clients.values())

    async def __aenter__(self) -> Self:
        self._placed = self._place()
        try:
            await self._listen()
        except LinkError:
            self._forget()
            raise
        self._sweep = asyncio.get_running_loop().call_later(SWEEP_S, self._drop_idle)
        return self

    async def _listen(self) -> None:
        """Where any port will do, the one that was had is kept."""
        loop = asyncio.get_running_loop()
        try:
            self._server = await loop.create_server(lambda: Connection(self), self._host, self._port)
        except OSError as error:
            raise _cannot_listen(self._host, self._port, error) from error
        self._port = self._server.sockets[0].getsockname()[1]

    def check(self) -> None:
        if self._server is None or not listens(self._server):
            raise LinkError(f"modbus: nobody listens on port {self._port} any more")

    async def mend(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            with suppress(OSError):  # its socket is no socket any more
                server.close()
        await self._listen()

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

    def rearrange(self, views: Sequence[StationView]) -> None:
        before, place = self._views, self._placed
        self._views = tuple(views)
        if not place.windows:  # it does not listen now
            return
        try:
            self._placed = self._place()
        except LinkError:
            self._views = before
            raise
        place.close()

    def _place(self) -> "_Placed":
        windows = [Window(view, self._asking) for view in self._views]
        by_unit: dict[int | None, list[Window]] = {}
        for window in windows:
            by_unit.setdefault(window.view.unit, []).append(window)
        anywhere = by_unit.pop(None, [])
        try:
            # None is popped; 0 is a unit too
            units = {unit or 0: self._device([*there, *anywhere]) for unit, there in by_unit.items()}
            return _Placed(windows, units, self._device(anywhere) if anywhere else None)
        except LinkError:
            _Placed(windows).close()
            raise

    def _device(self, windows: list[Window]) -> Device:
        for first, second in combinations(windows, 2):
            if first.clashes(second):
                names = f"{first.view.station.name} and {second.view.station.name}"
                raise LinkError(
                    f"modbus: stations {names} claim the same addresses",
                    hint="give each a modbus.unit of its own, or modbus.offset values at least a register window apart",
                )
        return Device(tuple(windows), self._identity)

    def _forget(self) -> None:
        self._placed.close()
        self._placed = _Placed()

    def _drop_idle(self) -> None:
        self._sweep = asyncio.get_running_loop().call_later(SWEEP_S, self._drop_idle)  # first: whatever happens below
        now = time.monotonic()
        for client, figures in tuple(self._clients.items()):
            if client.closing:  # the answers before the garbage had their time to leave
                client.hang_up()
                continue
            silent = now - figures.last_request_at
            if self._limits.idle_timeout_s and silent > self._limits.idle_timeout_s:
                log.info("Modbus: %s sent nothing for %.0f s, closing its connection", figures.peer, silent)
                client.hang_up()

    # ---- what connections use --------------------------------------------------------------------------------

    def welcome(self, client: Connection, peer: str, host: str) -> ClientFigures | None:
        """The figures of a new client, or None where it has to go."""
        if not self._limits.admits(host):
            log.warning("Modbus: %s refused: not in links.modbus.allow", peer)
            return None
        if len(self._clients) >= self._limits.max_connections:
            log.warning("Modbus: %s refused: %d clients are connected already", peer, len(self._clients))
            return None
        now = time.monotonic()
        figures = self._clients[client] = ClientFigures(peer, host, now, now)
        return figures

    def bye(self, client: Connection) -> None:
        """This connection is gone."""
        self._clients.pop(client, None)

    def answer(self, unit: int, pdu: bytes, host: str) -> bytes:
        """The response PDU of whoever has this unit id, to a request from there."""
        self._asking.host = host
        device = self._placed.units.get(unit, self._placed.anywhere)
        return device.answer(pdu) if device is not None else exception(pdu[0], TARGET_FAILED)


@dataclass(frozen=True, slots=True)
class _Placed:
    """The stations' windows, and who answers to which unit id. Replaced as a whole: each request is of one of them."""

    windows: Sequence[Window] = ()
    units: Mapping[int, Device] = field(default_factory=dict)
    anywhere: Device | None = None

    def close(self) -> None:
        """No longer follow the stations."""
        for window in self.windows:
            window.close()


def _cannot_listen(host: str, port: int, error: OSError) -> LinkError:
    """One line that says why, and what to do."""
    if error.errno == errno.EADDRINUSE:
        return LinkError(
            f"modbus: port {port} on {host} is taken by another program",
            hint="another program has the port: end it, or set links.modbus.port",
        )
    return LinkError(
        f"modbus: cannot listen on {host}:{port}: {error.strerror or error}",
        hint="ports below 1024 need rights, the host must be this machine's: set links.modbus.port or .host",
    )

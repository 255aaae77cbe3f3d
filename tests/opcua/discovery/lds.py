"""A Local Discovery Server of asyncua's own, which takes note of who registers, and how."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from asyncua import ua
from asyncua.common.utils import ServiceError
from asyncua.server.internal_server import InternalServer
from asyncua.server.server import Server
from asyncua.ua.status_codes import StatusCodes

from gateway.plc.opcua.security.certificate import ServerCertificate


@dataclass(slots=True)
class Seen:
    """What it was told: the registrations in order, and the mDNS configuration of the last one."""

    registered: list[ua.RegisteredServer] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    configurations: list[Any] = field(default_factory=list)

    def has_any(self) -> bool:
        return bool(self.registered)

    @property
    def online(self) -> list[bool]:
        return [one.IsOnline for one in self.registered]


class _NotingServer(InternalServer):
    def __init__(self, seen: Seen, *, old: bool) -> None:
        super().__init__()
        self._seen, self._old = seen, old

    def register_server(self, server: Any, conf: Any = None) -> None:
        self._seen.registered.append(server)
        self._seen.services.append("RegisterServer" if conf is None else "RegisterServer2")
        super().register_server(server, conf)

    def register_server2(self, params: ua.RegisterServer2Parameters) -> None:
        if self._old:
            raise ServiceError(StatusCodes.BadServiceUnsupported)
        self._seen.configurations = list(params.DiscoveryConfiguration)
        super().register_server2(params)


@asynccontextmanager
async def discovery_server(
    *policies: ua.SecurityPolicyType, own: ServerCertificate, port: int = 0, old: bool = False
) -> AsyncIterator[tuple[str, Seen]]:
    """Its URL, and what it has seen so far. `old`: it does not know RegisterServer2."""
    seen = Seen()
    inner = _NotingServer(seen, old=old)
    server = Server(iserver=inner)
    await server.init()
    inner.certificate, inner.private_key = own.certificate, own.key
    server.set_security_policy(list(policies))
    server.set_endpoint(f"opc.tcp://127.0.0.1:{port}")
    await server.start()
    assert server.bserver is not None
    try:
        yield f"opc.tcp://127.0.0.1:{server.bserver.port}", seen
    finally:
        await server.stop()

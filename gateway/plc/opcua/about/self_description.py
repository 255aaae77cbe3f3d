"""What the server says of itself and of what it can do, before it listens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from asyncua.server.server import Server

from gateway import RELEASED
from gateway.core.errors import LinkError
from gateway.plc.opcua.about.namespace import describe_namespace
from gateway.plc.opcua.about.redundancy import show_redundancy
from gateway.plc.opcua.about.server_object import Capacity, ServerObject
from gateway.plc.opcua.nodes import NAMESPACE, NAMESPACE_URI
from gateway.ports import Identity


@dataclass(frozen=True, slots=True)
class SelfDescription:
    """`peers`: the URIs of the other servers of its redundant set. `policies`: URIs of the security policies."""

    identity: Identity
    uri: str
    capacity: Capacity
    policies: Sequence[str]
    peers: Sequence[str]

    async def write(self, server: Server) -> ServerObject:
        """Fill the Server object. Raises LinkError where the application URI is that of our namespace."""
        await server.set_application_uri(self.uri)
        if await server.register_namespace(NAMESPACE_URI) != NAMESPACE:
            raise LinkError(
                f"application_uri must not be {NAMESPACE_URI!r}", hint="choose a URI of its own for this server"
            )
        released = datetime.fromisoformat(RELEASED).replace(tzinfo=UTC)
        who, version = self.identity, self.identity.version or "0"
        await server.set_build_info(NAMESPACE_URI, who.vendor, who.product, version, version, released)
        about = ServerObject(server.iserver.aspace)
        about.take_out_what_is_not_here()
        about.tell_status()
        about.tell_capacity(self.capacity, self.policies)
        await describe_namespace(server, version, released)
        await show_redundancy(server, self.uri, self.peers)
        return about

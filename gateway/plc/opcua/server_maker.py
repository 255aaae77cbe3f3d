"""The server as it is configured, with nothing of the stations in it yet."""

from dataclasses import dataclass

from asyncua import ua
from asyncua.common.connection import TransportLimits

from gateway.plc.opcua.about.self_description import SelfDescription
from gateway.plc.opcua.about.server_object import Capacity, ServerObject
from gateway.plc.opcua.link_options import Limits, Listening, Security
from gateway.plc.opcua.nodes import NAMESPACE_URI
from gateway.plc.opcua.security.certificate import ServerCertificate
from gateway.plc.opcua.server import CHUNK, LARGEST_REQUEST, GatewayServer, MakeSession, StationServer
from gateway.ports import Identity

PENDING_REQUESTS = 100
"""Requests of one connection that wait for their turn; a client that has more is disconnected."""

ACTIVATION_S = 10.0
"""A connection without a session after this time is closed: a client needs three round trips to get one."""

QUEUED_CHANGES = 1_000
"""Changes of one monitored item kept between two publishings: 100 results a second, published every 10 s."""

UNACKNOWLEDGED = 100
"""Notifications kept for a client that has not acknowledged them, for it to ask for again."""


@dataclass(frozen=True, slots=True)
class ServerMaker:
    """Makes one server. `make_session` is called for each client that asks for a session."""

    identity: Identity
    listening: Listening
    security: Security
    limits: Limits
    make_session: MakeSession

    async def make(self, own: ServerCertificate) -> tuple[GatewayServer, ServerObject]:
        """The server, and its Server object. Raises LinkError where its URI is that of our namespace."""
        inner = StationServer(self.limits.sessions, self.security.access, self.make_session)
        inner.certificate, inner.private_key = own.certificate, own.key
        inner.max_connections = self.limits.connections
        inner.max_subscriptions = self.limits.subscriptions
        inner.max_pending_messages_per_connection = PENDING_REQUESTS
        inner.max_pending_activation_seconds = ACTIVATION_S
        inner.max_session_timeout_ms = self.limits.session_timeout_s * 1000
        inner.max_monitored_item_queue_size = QUEUED_CHANGES
        inner.max_unacked_messages_per_subscription = UNACKNOWLEDGED
        server = GatewayServer(inner, self.listening.addresses, self.listening.announcing.peers)
        server.limits = TransportLimits(CHUNK, CHUNK, LARGEST_REQUEST // CHUNK + 1, LARGEST_REQUEST)
        self._name(server)
        await server.init()
        return server, await self._description(own.uri).write(server)

    def _name(self, server: GatewayServer) -> None:
        where = self.listening
        server.set_server_name(where.server_name)
        server.product_uri = NAMESPACE_URI
        server.manufacturer_name = self.identity.vendor
        server.application_type = ua.ApplicationType.Server
        server.set_identity_tokens(self.security.access.doorman.tokens)
        server.set_security_policy(self.security.access.offer.types())

    def _description(self, uri: str) -> SelfDescription:
        limits, access = self.limits, self.security.access
        capacity = Capacity(limits.sessions, limits.subscriptions, QUEUED_CHANGES, LARGEST_REQUEST)
        peers = [peer.uri for peer in self.listening.announcing.peers]
        return SelfDescription(self.identity, uri, capacity, [one.uri for one in access.offer.chosen], peers)

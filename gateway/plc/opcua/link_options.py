"""What the settings say of the link, as its parts want it. See OpcUaSettings."""

import socket
from dataclasses import dataclass

from gateway.plc.opcua.network.endpoints import Addresses
from gateway.plc.opcua.network.presence import NOBODY, Announcing
from gateway.plc.opcua.security.access import Access
from gateway.plc.opcua.security.certificate import Wanted
from gateway.plc.opcua.security.trust_folder import TrustFolder


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the server listens and what it says of itself."""

    addresses: Addresses
    server_name: str
    application_uri: str | None
    announcing: Announcing = NOBODY

    def wanted_certificate(self) -> Wanted:
        """What the server's certificate has to say. Asks the machine for its addresses."""
        uri = f"urn:{socket.gethostname()}:pekat-plc-gateway"
        hosts, told = self.addresses.reachable_hosts(), self.addresses.told_hosts()
        return Wanted(self.server_name, hosts, self.application_uri, uri, told)


@dataclass(frozen=True, slots=True)
class Security:
    """Who may connect, and how; and the folder of certificates."""

    access: Access
    folder: TrustFolder


@dataclass(frozen=True, slots=True)
class Limits:
    """How much clients may take."""

    connections: int
    sessions: int
    subscriptions: int
    fastest_publishing_ms: int
    session_timeout_s: int

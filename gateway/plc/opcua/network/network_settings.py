"""Settings of the OPC UA link that are about the network: hosts, discovery, redundancy."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.plc.opcua.network.discovery import Peer
from gateway.plc.opcua.network.endpoints import SCHEME, Addresses, HostPort
from gateway.plc.opcua.network.presence import Announcing


def _is_host(text: str) -> str:
    HostPort.parse(text)
    return text


def _is_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme != SCHEME or not parts.hostname or parts.port is None:
        raise ValueError(f"{text!r} is no URL as {SCHEME}://host:4840")
    return text


Host = Annotated[str, Field(min_length=1)]
AdvertisedHost = Annotated[str, Field(min_length=1), AfterValidator(_is_host)]
ServerUrl = Annotated[str, AfterValidator(_is_url)]


class DiscoverySettings(BaseModel):
    """How clients find the server without knowing its URL. Nothing of it is on unless it is written here."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    servers: Annotated[tuple[ServerUrl, ...], Field(strict=False)] = Field(
        (),
        max_length=8,
        description="Local Discovery Servers to register with, as opc.tcp://host:4840; one that is not there is tried "
        "again and again",
    )
    period_s: int = Field(
        60, ge=1, le=600, description="Registered again after so many seconds; discovery servers forget after 600"
    )
    mdns: bool = Field(
        False,
        description="Announce the server by multicast DNS (_opcua-tcp._tcp) to everybody on the network; off unless "
        "whoever runs the network wants it",
    )
    mdns_interfaces: Annotated[tuple[Host, ...], Field(strict=False)] = Field(
        (),
        max_length=16,
        description="Addresses of the network cards to announce it on; without any, those that the server listens on",
    )


class PeerSettings(BaseModel):
    """Another gateway of the redundant set."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    uri: str = Field(min_length=1, description="Its application_uri")
    urls: Annotated[tuple[ServerUrl, ...], Field(strict=False)] = Field(
        min_length=1, max_length=8, description="URLs of its endpoints, as opc.tcp://host:4840/pekat"
    )

    def peer(self) -> Peer:
        return Peer(self.uri, self.urls)


class RedundancySettings(BaseModel):
    """A warm redundant set of gateways: clients are told of the others, and whom the PLC uses by the ServiceLevel."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    peers: Annotated[tuple[PeerSettings, ...], Field(strict=False)] = Field(
        min_length=1, max_length=8, description="The other gateways of the set"
    )


class NetworkSettings(BaseModel):
    """Where the server listens, under which names it is reached, and who is told of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    host: Host | Annotated[tuple[Host, ...], Field(strict=False, min_length=1, max_length=16)] = Field(
        "0.0.0.0",
        description='Address to listen on, or a list of them; 0.0.0.0 is every network card, ["0.0.0.0", "::"] also '
        "over IPv6",
    )
    port: int = Field(4840, ge=0, le=65535, description="TCP port; 4840 is OPC UA's own, 0 takes a free one")
    path: str = Field(
        "/pekat", pattern=r"^(/[A-Za-z0-9._~-]+)*/?$", description="What follows host and port in the endpoint's URL"
    )
    advertised_hosts: Annotated[tuple[AdvertisedHost, ...], Field(strict=False)] = Field(
        (),
        max_length=16,
        description="Host names or addresses of this server as clients and discovery servers see it, with `:port` "
        "where that differs: for a server behind NAT, in a container, with several network cards. A client that came "
        "by one of them, or by an address of this machine, is told that very one; any other client all of these. "
        "Without any, each client is told the one that it came by",
    )
    discovery: DiscoverySettings = Field(
        DiscoverySettings(), description="How clients find the server without knowing its URL"
    )
    redundancy: RedundancySettings | None = Field(None, description="Other gateways that can stand in for this one")

    @property
    def hosts(self) -> tuple[str, ...]:
        """The addresses to listen on."""
        return (self.host,) if isinstance(self.host, str) else self.host

    @property
    def addresses(self) -> Addresses:
        """Where it listens and under which names; a port of 0 is not known yet."""
        advertised = [HostPort.parse(one) for one in self.advertised_hosts]
        return Addresses(self.hosts, advertised, self.port, self.path)

    @property
    def announcing(self) -> Announcing:
        """How it makes itself known."""
        told = self.discovery
        peers = [peer.peer() for peer in self.redundancy.peers] if self.redundancy is not None else []
        return Announcing(told.servers, float(told.period_s), told.mdns, told.mdns_interfaces, peers)

"""Settings of the OPC UA link."""

from collections.abc import Sequence
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.plc.opcua.link import Limits, Listening, OpcUaLink
from gateway.ports import Identity, StationView

SAY_SO = (
    "this version serves OPC UA without encryption and without log-in (security policy None, anonymous): "
    "write allow_unencrypted = true to have it so"
)


class OpcUaSettings(BaseModel):
    """Where the OPC UA server listens, what it calls itself, and how much it lets clients take."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    host: str = Field("0.0.0.0", min_length=1, description="Address to listen on; 0.0.0.0 is every network card")
    port: int = Field(4840, ge=0, le=65535, description="TCP port; 4840 is OPC UA's own, 0 takes a free one")
    path: str = Field(
        "/pekat", pattern=r"^(/[A-Za-z0-9._~-]+)*/?$", description="What follows host and port in the endpoint's URL"
    )
    advertised_host: str | None = Field(
        None,
        min_length=1,
        description="Host name or address given to clients in the endpoint's URL, for a server behind NAT or in a "
        "container; without it each client is given the one that it asked for",
    )
    server_name: str = Field("PEKAT PLC gateway", min_length=1, description="Name that clients show for the server")
    application_uri: str | None = Field(
        None,
        min_length=1,
        description="URI of this one server, unique in the plant; without it urn:HOSTNAME:pekat-plc-gateway",
    )
    allow_unencrypted: bool = Field(
        False,
        validate_default=True,
        description="Has to be true: anybody who reaches the port may read, and write what the link owns",
    )
    max_connections: int = Field(50, ge=1, le=1000, description="TCP connections served at once")
    max_sessions: int = Field(50, ge=1, le=1000, description="Sessions at once, those of lost connections included")
    max_subscriptions: int = Field(100, ge=1, le=10_000, description="Subscriptions of all clients together")
    fastest_publishing_ms: int = Field(
        10, ge=1, le=60_000, description="Shortest publishing interval given to a client that asks for a shorter one"
    )

    @model_validator(mode="after")
    def _say_so(self) -> Self:
        if not self.allow_unencrypted:
            raise ValueError(SAY_SO)
        return self

    def create(self, views: Sequence[StationView], identity: Identity) -> OpcUaLink:
        """The link that serves these stations; it listens once it is entered."""
        listening = Listening(
            self.host, self.port, self.path, self.advertised_host, self.server_name, self.application_uri
        )
        limits = Limits(self.max_connections, self.max_sessions, self.max_subscriptions, self.fastest_publishing_ms)
        return OpcUaLink(views, identity, listening, limits)

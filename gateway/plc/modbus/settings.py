"""What gateway.toml says of the Modbus TCP link."""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from gateway.plc.modbus.link import Limits, ModbusLink
from gateway.ports import Identity, StationView

EVERYBODY = ("0.0.0.0/0", "::/0")


def networks(texts: Sequence[str]) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks of an allow-list. Raises ValueError that names the one that is none."""
    return tuple(ip_network(text, strict=False) for text in texts)


class ModbusSettings(BaseModel):
    """The Modbus TCP slave that all stations share."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    host: str = Field("0.0.0.0", description="Address to listen on; 0.0.0.0 is every interface")
    port: int = Field(502, ge=0, le=65535, description="Port to listen on; 502 is Modbus' own")
    start: Literal["fail", "retry", "ignore"] = Field(
        "fail",
        description="Where its port cannot be had: the gateway does not start; or it is tried again, or left out, "
        "while the other link serves",
    )
    max_connections: int = Field(32, ge=1, le=1000, description="Connections at a time; a further one is refused")
    idle_timeout_s: float = Field(
        3600.0, ge=0, le=86400, description="A connection without a request for so long is closed; 0: never"
    )
    allow: list[str] = Field(
        default_factory=lambda: list(EVERYBODY), description="Networks that may connect, as 192.168.0.0/24"
    )

    @field_validator("allow")
    @classmethod
    def _are_networks(cls, allow: list[str]) -> list[str]:
        networks(allow)
        return allow

    def create(self, views: Sequence[StationView], identity: Identity) -> ModbusLink:
        """The link for these stations; it listens once it is entered."""
        limits = Limits(self.max_connections, self.idle_timeout_s, networks(self.allow))
        return ModbusLink(views, identity, self.host, self.port, limits)

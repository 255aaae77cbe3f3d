"""The faces to the PLC."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from gateway.ports.parts import Part


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a link listens, for people: `modbus://127.0.0.1:5020`."""

    link: str
    url: str


@runtime_checkable
class PlcLink(Part, Protocol):
    """A face to the PLC. Entered with its stations known; raises LinkError where it cannot listen."""

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """Where it listens, once entered."""
        ...


@dataclass(slots=True)
class Identity:
    """What the gateway says of itself in device identifications."""

    vendor: str = "PEKAT PLC gateway project"
    product: str = "PEKAT PLC gateway"
    version: str = field(default="")

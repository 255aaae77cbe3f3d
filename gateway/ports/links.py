"""The faces to the PLC."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from gateway.ports.parts import Part
from gateway.ports.station import StationView


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

    def rearrange(self, views: Sequence[StationView]) -> None:
        """The same stations at other registers, from the next request on. Connections stay.

        Raises LinkError, and nothing has changed, where stations would be at the same addresses.
        """
        ...

    @property
    def connections(self) -> int:
        """Clients that are connected now. May be asked from any thread."""
        ...

    def check(self) -> None:
        """Raise LinkError where no new client can connect, though it was entered. Takes no time."""
        ...

    async def mend(self) -> None:
        """Listen anew, where `check` says that it does not. Connections that are open stay.

        Raises LinkError where it cannot; ask again later.
        """
        ...


@dataclass(slots=True)
class Identity:
    """What the gateway says of itself in device identifications."""

    vendor: str = "PEKAT PLC gateway project"
    product: str = "PEKAT PLC gateway"
    version: str = field(default="")

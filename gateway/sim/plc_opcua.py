"""The simulated PLC's OPC UA face: asyncua as the client, one Write and one Read service call each."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields
from typing import Self

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node
from asyncua.ua.uaerrors import UaError

from gateway.core.commands import Commands
from gateway.core.tags import STANDARD_TAGS, TagType, TagValue
from gateway.sim.plc import ESSENTIAL_TAGS

REQUEST_TIMEOUT_S = 4.0
"""asyncua's own default; a gateway on the same network answers in milliseconds."""

_VARIANTS = {
    TagType.BIT: ua.VariantType.Boolean,
    TagType.UINT16: ua.VariantType.UInt16,
    TagType.STRING: ua.VariantType.String,
}


@dataclass(slots=True)
class OpcUaFace:
    """Reaches one station by the server's URL and the station's name. `user` empty: anonymous."""

    url: str
    station: str = "station1"
    user: str = ""
    password: str = ""
    namespace: int = 2
    tags: Sequence[str] = ESSENTIAL_TAGS
    """What is read."""
    timeout_s: float = REQUEST_TIMEOUT_S
    """For each request. asyncua also waits this long for a connection that was reset while it was being opened."""
    _client: Client = field(init=False)
    _status: list[Node] = field(init=False)
    _control: dict[str, Node] = field(init=False)
    _written: Commands | None = None

    async def __aenter__(self) -> Self:
        self._client = Client(self.url, timeout=self.timeout_s)
        if self.user:
            self._client.set_user(self.user)
            self._client.set_password(self.password)
        try:
            await self._client.connect()
        except (OSError, UaError, TimeoutError) as error:
            raise ConnectionError(f"no OPC UA server answers at {self.url}: {error}") from error
        self._status = [self._node("status", name) for name in self.tags]
        self._control = {f.name: self._node("control", f.name) for f in fields(Commands)}
        return self

    def _node(self, folder: str, name: str) -> Node:
        return self._client.get_node(f"ns={self.namespace};s={self.station}.{folder}.{name}")

    async def __aexit__(self, *exc: object) -> None:
        with suppress(OSError, UaError, TimeoutError):  # a server that is gone already needs no goodbye
            await self._client.disconnect()

    async def write(self, commands: Commands) -> None:
        changed = [
            name
            for name in self._control
            if self._written is None or getattr(commands, name) != getattr(self._written, name)
        ]
        values = [ua.Variant(getattr(commands, name), _VARIANTS[STANDARD_TAGS[name].type]) for name in changed]
        try:
            await self._client.write_values([self._control[name] for name in changed], values)
        except (OSError, UaError, TimeoutError) as error:
            raise ConnectionError(f"write refused: {error}") from error
        self._written = commands

    async def read(self) -> Mapping[str, TagValue]:
        try:
            values = await self._client.read_values(self._status)
        except (OSError, UaError, TimeoutError) as error:
            raise ConnectionError(f"read failed: {error}") from error
        return dict(zip(self.tags, values, strict=True))

"""How the server makes itself known while it serves: to discovery servers and by multicast, as far as configured."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.plc.opcua.network.discovery import Peer
from gateway.plc.opcua.network.endpoints import Addresses
from gateway.plc.opcua.network.mdns import Announcement, Announcer
from gateway.plc.opcua.network.registration import CurrentCertificate, Notice, Registrar


@dataclass(frozen=True, slots=True)
class Announcing:
    """What is configured of it. See DiscoverySettings and RedundancySettings."""

    servers: Sequence[str] = ()
    period_s: float = 60.0
    mdns: bool = False
    mdns_interfaces: Sequence[str] = ()
    peers: Sequence[Peer] = ()


NOBODY = Announcing()
"""Clients have to know the URL."""


class Presence:
    """Entered once the server listens, left before it stops listening."""

    def __init__(self, wanted: Announcing, own: CurrentCertificate, notice: Notice, addresses: Addresses) -> None:
        self._registrar = Registrar(wanted.servers, wanted.period_s, own, notice)
        self._announcer = Announcer(Announcement(notice, addresses, wanted.mdns_interfaces)) if wanted.mdns else None

    def start(self) -> None:
        """Returns at once: whoever has to be told is told in the background."""
        self._registrar.start()
        if self._announcer is not None:
            self._announcer.start()

    async def stop(self) -> None:
        leaving = [self._registrar.stop()]
        if self._announcer is not None:
            leaving.append(self._announcer.stop())
        await asyncio.gather(*leaving)

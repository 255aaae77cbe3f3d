"""Announcing the server by multicast DNS as `_opcua-tcp._tcp` (OPC 10000-12, Annex C), for those who switch it on.

Off by default: whoever runs a plant's network decides whether multicast belongs on it, and a machine should not tell
everybody where it can be operated from. zeroconf is imported only where it is used. It runs in a thread with a loop
of its own: what else is said on the network by multicast costs the handshake nothing.
"""

import asyncio
import logging
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.plc.opcua.network.endpoints import WILDCARDS, Addresses, card_addresses
from gateway.plc.opcua.network.registration import Notice

log = logging.getLogger(__name__)

SERVICE = "_opcua-tcp._tcp.local."
LOOK_AGAIN_S = 30.0
"""How often the network cards are looked at: a cable that is plugged in later, another address by DHCP."""

LEAVING_S = 3.0
"""How long the end waits for the farewell to be sent."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """One service. `interfaces` are the addresses whose cards it is told on; empty: those that are listened on."""

    notice: Notice
    addresses: Addresses
    interfaces: Sequence[str] = ()

    @property
    def texts(self) -> dict[str, str]:
        """The TXT record (Annex C.2)."""
        return {"path": self.addresses.path or "/", "caps": ",".join(self.notice.capabilities)}

    def cards(self) -> list[str]:
        """The addresses to announce, and to announce at, as they are now: a card without a cable has none."""
        wanted = list(self.interfaces or self.addresses.hosts)
        there = [address for one in wanted if one not in WILDCARDS for address in addresses_of(one)]
        families = {":" in one for one in wanted if one in WILDCARDS}
        everywhere = [one for one in card_addresses() if (":" in one) in families and is_here(one)]
        outside = [one for one in everywhere if not one.startswith("127.") and one != "::1"]
        return list(dict.fromkeys([*there, *(outside or everywhere)]))


def addresses_of(host: str) -> list[str]:
    """This machine's addresses that a name or an address stands for; may ask a name server."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)
    except socket.gaierror:  # nobody knows it now
        return []
    return [address for address in dict.fromkeys(str(place[0]) for *_, place in found) if is_here(address)]


def is_here(address: str) -> bool:
    """Whether it is an address of this machine now."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


class Announcer:
    """Keeps one service announced. `start` it, `stop` it; nothing that fails in between reaches anybody else."""

    def __init__(self, announcement: Announcement) -> None:
        self._announcement = announcement
        self._ended = asyncio.Event()
        self._running: tuple[asyncio.AbstractEventLoop, threading.Thread] | None = None

    def start(self) -> None:
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._run, args=(loop,), name="opcua-mdns", daemon=True)
        self._running = (loop, thread)
        thread.start()

    async def stop(self) -> None:
        """Take the announcement back. Returns within LEAVING_S."""
        if self._running is None:
            return
        loop, thread = self._running
        try:
            loop.call_soon_threadsafe(self._ended.set)
        except RuntimeError:  # its loop is closed: it ended by a fault, which stands in the log
            log.debug("the announcement by mDNS had ended before")
        await asyncio.to_thread(thread.join, LEAVING_S)

    def _run(self, loop: asyncio.AbstractEventLoop) -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._keep())

    async def _keep(self) -> None:
        failing = False
        while not self._ended.is_set():
            cards = self._announcement.cards()
            try:
                await self._announce(cards)
                failing = False
            except OSError as error:
                if not failing:
                    log.warning("no announcement by mDNS, and trying again: %s", error)
                failing = True
                await self._wait()

    async def _announce(self, cards: Sequence[str]) -> None:
        """Be found at these addresses until they change or the end comes. Raises OSError."""
        from zeroconf import Error, IPVersion
        from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

        if not cards:
            wanted = self._announcement.interfaces or self._announcement.addresses.hosts
            raise OSError(f"no network card has an address of {', '.join(wanted)}")
        version = IPVersion.All if any(":" in one for one in cards) else IPVersion.V4Only
        host = self._announcement.notice.host.split(".")[0]
        info = AsyncServiceInfo(
            SERVICE,
            f"{self._announcement.notice.mdns_name}.{SERVICE}",
            port=self._announcement.addresses.port,
            properties=self._announcement.texts,
            server=f"{host}.local.",
            parsed_addresses=list(cards),
        )
        service = AsyncZeroconf(interfaces=list(cards), ip_version=version)
        try:
            await (await service.async_register_service(info, allow_name_change=True))
            log.info("announced by mDNS as %r on %s", info.name, ", ".join(cards))
            while not self._ended.is_set() and self._announcement.cards() == list(cards):
                await self._wait()
        except Error as error:  # no free name, nothing to send by
            raise OSError(f"{type(error).__name__} {error}") from error
        finally:
            await service.async_close()  # with a farewell

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(LOOK_AGAIN_S):
                await self._ended.wait()
        except TimeoutError:
            return

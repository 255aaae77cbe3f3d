"""Under which URLs the server can be reached, and which of them a client is told. No sockets here.

OPC 10000-4, 5.5.2 and 5.5.4: a client says by which URL it came. Where that is one of ours it is told the very same,
for it works for this client; otherwise it is told what the configuration says.
"""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import psutil

SCHEME = "opc.tcp"
WILDCARDS = ("0.0.0.0", "::")
LONGEST_NETLOC = 255
"""Characters of host and port: a name in DNS has 253 at most."""

MOST_ADDRESSES = 32
"""Addresses of this machine named in a certificate; container hosts have hundreds."""

_FAMILIES = (socket.AF_INET, socket.AF_INET6)


@dataclass(frozen=True, slots=True)
class HostPort:
    """A host, and a port where it differs from the one that is listened on (behind NAT)."""

    host: str
    port: int | None = None

    @classmethod
    def parse(cls, text: str) -> "HostPort":
        """`name`, `name:port`, `10.0.0.1:port`, `fe80::1` or `[fe80::1]:port`. Raises ValueError."""
        if text.count(":") > 1 and not text.startswith("["):
            text = f"[{text}]"
        parts = urlsplit(f"//{text}")
        if not parts.hostname or parts.path or parts.query or parts.fragment or parts.username is not None:
            raise ValueError(f"{text!r} is no host and no host:port")
        return cls(_host(parts), parts.port)


def bracketed(host: str) -> str:
    """An IPv6 address as URLs want it."""
    return f"[{host}]" if ":" in host else host


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the server listens (`hosts`, `port`), and under which names others reach it (`advertised`)."""

    hosts: Sequence[str]
    advertised: Sequence[HostPort]
    port: int
    path: str

    def urls(self) -> list[str]:
        """For whoever asks from outside: the advertised ones, or what this machine calls itself."""
        return self._each(socket.gethostname())

    def local_urls(self) -> list[str]:
        """For a person at this machine: the advertised ones, or what works here."""
        return self._each("127.0.0.1")

    def _each(self, everywhere: str) -> list[str]:
        if self.advertised:
            return [self.url(one.host, one.port) for one in self.advertised]
        return [self.url(name) for name in _named(self.hosts, everywhere)]

    def told_hosts(self) -> list[str]:
        """The hosts in `urls`, which a certificate should name."""
        found = [one.host for one in self.advertised] or _named(self.hosts, socket.gethostname())
        return list(dict.fromkeys(found))

    def reachable_hosts(self) -> list[str]:
        """All names and addresses that clients may reach the server at. Asks no name server."""
        wild = [host for host in self.hosts if host in WILDCARDS]
        own = [host for host in self.hosts if host not in WILDCARDS]
        cards = card_addresses() if wild else []
        return list(dict.fromkeys([*self.told_hosts(), socket.gethostname(), "localhost", *own, *cards]))

    def urls_for(self, asked: str | None, arrived_at: str | None) -> list[str]:
        """The URLs for a client that came by the URL `asked`, over the local address `arrived_at`; best first.

        Without advertised names any host that a client came by is right: a name in DNS, a tunnel's end.
        """
        came_by = _parsed(asked)
        if came_by is not None and (not self.advertised or self._is_ours(came_by, arrived_at)):
            return [f"{SCHEME}://{came_by.netloc}{self.path}"]
        if self.advertised or arrived_at is None:
            return self.urls()
        return [self.url(arrived_at)]

    def url(self, host: str, port: int | None = None) -> str:
        return f"{SCHEME}://{bracketed(host)}:{port or self.port}{self.path}"

    def _is_ours(self, came_by: SplitResult, arrived_at: str | None) -> bool:
        ours = {self.port, *(one.port for one in self.advertised if one.port)}
        hosts = {one.host.lower() for one in self.advertised} | {host.lower() for host in self.hosts}
        hosts |= {socket.gethostname().lower(), "localhost", arrived_at or ""} - {""}
        return (came_by.hostname or "") in hosts and came_by.port in ours


def card_addresses() -> list[str]:
    """The addresses of this machine's network cards, as far as they mean something elsewhere too."""
    found = [one.address for card in psutil.net_if_addrs().values() for one in card if one.family in _FAMILIES]
    return [one for one in found if "%" not in one][:MOST_ADDRESSES]  # with a scope it means something here alone


def _named(hosts: Sequence[str], everywhere: str) -> list[str]:
    return list(dict.fromkeys(everywhere if host in WILDCARDS else host for host in hosts))


def _parsed(url: str | None) -> SplitResult | None:
    """None: that is no URL that a client can have come by."""
    if not url or len(url) > LONGEST_NETLOC + 1024:
        return None
    try:
        parts = urlsplit(url)
        usable = parts.scheme == SCHEME and bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        return None
    return parts if usable and len(parts.netloc) <= LONGEST_NETLOC else None


def _host(parts: SplitResult) -> str:
    """The host as it was written: `SplitResult.hostname` makes it lower case."""
    start, _, after = parts.netloc.partition("]")
    return start.lstrip("[") if parts.netloc.startswith("[") else (start + after).split(":")[0]

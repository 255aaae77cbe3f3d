"""GetEndpoints and FindServers: what the server tells of itself and of its redundant peers (OPC 10000-4, 5.5)."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass

from asyncua import ua

from gateway.plc.opcua.network.endpoints import Addresses

SocketName = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another server of the redundant set."""

    uri: str
    urls: Sequence[str]


@dataclass(frozen=True, slots=True)
class Discovery:
    """Answers for one server. `offered` are its endpoints, one for each security, whatever URL stands in them."""

    addresses: Addresses
    peers: Sequence[Peer] = ()

    def endpoints(
        self,
        offered: Sequence[ua.EndpointDescription],
        asked: ua.GetEndpointsParameters | None,
        arrived_at: SocketName | None,
    ) -> list[ua.EndpointDescription]:
        """Every security under every URL that this client may use; only the transport profiles that it asked for."""
        profiles = set(asked.ProfileUris or ()) if asked is not None else set()
        urls = self._urls(asked.EndpointUrl if asked is not None else None, arrived_at)
        wanted = [one for one in offered if not profiles or one.TransportProfileUri in profiles]
        return [_under(one, url, urls) for url in urls for one in wanted]

    def servers(
        self,
        offered: Sequence[ua.EndpointDescription],
        asked: ua.FindServersParameters,
        arrived_at: SocketName | None,
    ) -> list[ua.ApplicationDescription]:
        """This server, and each other one of its redundant set (5.5.2.1), as far as they were asked for."""
        if not offered:
            return []
        own = _reached_by(offered[0].Server, self._urls(asked.EndpointUrl, arrived_at))
        found = [own, *(_peer(peer, own) for peer in self.peers)]
        wanted = set(asked.ServerUris or ())
        return [one for one in found if not wanted or one.ApplicationUri in wanted]

    def _urls(self, asked: str | None, arrived_at: SocketName | None) -> list[str]:
        return self.addresses.urls_for(asked, arrived_at[0] if arrived_at is not None else None)


def _under(endpoint: ua.EndpointDescription, url: str, urls: Sequence[str]) -> ua.EndpointDescription:
    shown = copy(endpoint)
    shown.EndpointUrl = ua.String(url)
    shown.Server = _reached_by(endpoint.Server, urls)
    return shown


def _reached_by(server: ua.ApplicationDescription, urls: Sequence[str]) -> ua.ApplicationDescription:
    shown = copy(server)
    shown.DiscoveryUrls = [ua.String(url) for url in urls]
    return shown


def _peer(peer: Peer, own: ua.ApplicationDescription) -> ua.ApplicationDescription:
    """The same product under another URI: what else it says of itself, a client learns there."""
    shown = _reached_by(own, peer.urls)
    shown.ApplicationUri = ua.String(peer.uri)
    return shown

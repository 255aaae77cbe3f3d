"""Listening on several addresses with one port, also where the port is chosen by the system."""

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from gateway.core.errors import LinkError
from gateway.plc.listening import listens


class Listeners:
    """The listening sockets of one server, with the few methods of asyncio.Server that asyncua's server needs."""

    def __init__(self, servers: Sequence[asyncio.Server], port: int) -> None:
        self._servers = tuple(servers)
        self.port = port

    @classmethod
    async def open(cls, make_protocol: Callable[[], asyncio.Protocol], hosts: Sequence[str], port: int) -> "Listeners":
        """Listen on every address of every host. `port` 0: a free one, the same for all.

        Raises LinkError, which says where, and listens nowhere then.
        """
        opened: list[asyncio.Server] = []
        try:
            for host in hosts:
                for address in await _addresses(host, port):
                    opened.append(await _listen(make_protocol, address, port))
                    port = port or _port_of(opened[0])
        except OSError as error:
            for server in opened:
                server.close()
            raise LinkError(
                f"OPC UA cannot listen on {host}:{port}: {error.strerror or error}",
                hint="another program has the port, or the host is none of this machine: choose another one",
            ) from error
        return cls(opened, port)

    @classmethod
    async def probe(cls, hosts: Sequence[str], port: int) -> None:
        """Raise LinkError where it could not listen there now."""
        if port:
            probed = await cls.open(asyncio.Protocol, hosts, port)
            probed.close()
            await probed.wait_closed()

    @property
    def listening(self) -> bool:
        """On all of them, still."""
        return all(listens(server) for server in self._servers)

    def close(self) -> None:
        for server in self._servers:
            with suppress(OSError):  # a socket that is no socket any more
                server.close()

    async def wait_closed(self) -> None:
        for server in self._servers:
            await server.wait_closed()


async def _addresses(host: str, port: int) -> list[str]:
    """The addresses that a host name stands for; an address as it is, with its scope."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    addresses = [str(place[0]) for _, _, _, _, place in found]
    return list(dict.fromkeys(addresses)) if len(addresses) > 1 else [host]


async def _listen(make_protocol: Callable[[], asyncio.Protocol], address: str, port: int) -> asyncio.Server:
    return await asyncio.get_running_loop().create_server(make_protocol, address, port)


def _port_of(server: Any) -> int:
    """`server` is an asyncio.Server, or uvloop's, which is none."""
    return int(server.sockets[0].getsockname()[1])

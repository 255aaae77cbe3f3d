"""The server on several addresses, behind a forwarded port, and from really another host."""

import asyncio
import json
import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from cryptography import x509

from gateway.core.errors import LinkError
from tests.opcua.desk import PLAIN, TIMEOUT_S, DeskStation, bench, make_link, view
from tests.opcua.discovery.other_host import other_host
from tests.opcua.discovery.visitor import visit

ADDRESSES = ["127.0.0.1", "127.0.0.2", "::1"]


def _port(url: str) -> int:
    return int(url.rsplit(":", 1)[1].split("/", maxsplit=1)[0])


@pytest.mark.parametrize("host", ADDRESSES)
async def test_each_of_several_addresses_is_told_to_who_came_by_it(host: str) -> None:
    async with bench(view(DeskStation()), **PLAIN, host=ADDRESSES) as made:
        port = _port(made.url)
        shown = f"[{host}]" if ":" in host else host
        url = f"opc.tcp://{shown}:{port}/pekat"
        assert [one.url for one in made.link.endpoints] == [
            f"opc.tcp://127.0.0.1:{port}/pekat",
            f"opc.tcp://127.0.0.2:{port}/pekat",
            f"opc.tcp://[::1]:{port}/pekat",
        ]
        seen = await visit(url)
    assert seen["urls"] == [url]
    assert seen["servers"] == [[seen["servers"][0][0], [url]]]
    assert seen["levels"] == [255]


async def test_a_session_is_told_what_it_was_told_before_it_began() -> None:
    """Clients compare the endpoints of CreateSession with those that they chose from."""
    async with bench(view(DeskStation()), **PLAIN, advertised_hosts=["gate.plant"]) as made:
        client = Client(f"opc.tcp://127.0.0.1:{_port(made.url)}/pekat", timeout=TIMEOUT_S)
        before = await client.connect_and_get_server_endpoints()
        await client.connect_socket()
        await client.send_hello()
        await client.open_secure_channel()
        result = await client.create_session()
        await client.close_session()
        await client.close_secure_channel()
        client.disconnect_socket()
    assert [one.EndpointUrl for one in result.ServerEndpoints] == [one.EndpointUrl for one in before]


async def test_who_came_by_an_unknown_name_is_told_the_configured_ones() -> None:
    advertised = ["Gateway.example", "gate.plant:14840", "fe80::1"]
    async with bench(view(DeskStation()), **PLAIN, host="0.0.0.0", advertised_hosts=advertised) as made:
        port = _port(made.url)
        assert [one.url for one in made.link.endpoints] == [
            f"opc.tcp://Gateway.example:{port}/pekat",
            "opc.tcp://gate.plant:14840/pekat",
            f"opc.tcp://[fe80::1]:{port}/pekat",
        ]
        async with _channel(f"opc.tcp://127.0.0.1:{port}") as client:
            asked = ua.GetEndpointsParameters()
            asked.EndpointUrl = ua.String("opc.tcp://elsewhere:1/pekat")
            told = await client.uaclient.get_endpoints(asked)
        expected = [one.url for one in made.link.endpoints]
        assert list(dict.fromkeys(one.EndpointUrl for one in told)) == expected
        assert all(one.Server.DiscoveryUrls == expected for one in told)
        assert len(told) == 3 * len({one.SecurityPolicyUri + str(one.SecurityMode) for one in told})


async def test_only_the_transports_and_servers_that_were_asked_for() -> None:
    async with bench(view(DeskStation()), **PLAIN) as made, _channel(made.url) as client:
        asked = ua.GetEndpointsParameters()
        asked.EndpointUrl = ua.String(made.url)
        asked.ProfileUris = [ua.String("http://opcfoundation.org/UA-Profile/Transport/https-uabinary")]
        assert await client.uaclient.get_endpoints(asked) == []
        (own,) = await client.find_servers()
        assert await client.find_servers([own.ApplicationUri]) == [own]
        assert await client.find_servers([own.ApplicationUri[:-1], "urn"]) == []


async def test_behind_a_forwarded_port_clients_are_told_the_outer_one() -> None:
    """As behind NAT, or a container's published port: the client's address and port are not the server's."""
    async with bench(view(DeskStation()), **PLAIN) as made, _forwarded(_port(made.url)) as outer:
        assert (await visit(f"opc.tcp://127.0.0.2:{outer}"))["urls"] == [f"opc.tcp://127.0.0.2:{outer}/pekat"]
    with socket.create_server(("127.0.0.2", 0)) as free:
        outer = free.getsockname()[1]
    known = {"host": "127.0.0.1", "advertised_hosts": [f"127.0.0.2:{outer}"]}
    async with bench(view(DeskStation()), **PLAIN, **known) as made, _forwarded(_inner_port(made), outer):
        seen = await visit(f"opc.tcp://127.0.0.2:{outer}")
    assert seen["urls"] == [f"opc.tcp://127.0.0.2:{outer}/pekat"]
    assert seen["levels"] == [255]


async def test_from_really_another_host() -> None:
    with other_host() as there:
        async with bench(view(DeskStation()), **PLAIN, host="0.0.0.0") as made:
            url = f"opc.tcp://{there.here}:{_port(made.url)}/pekat"
            seen = json.loads(await there.run(sys.executable, "-m", "tests.opcua.discovery.visitor", url))
    assert seen["urls"] == [url]
    assert seen["servers"][0][1] == [url]
    assert seen["levels"] == [255]


async def test_a_card_that_is_not_listened_on_is_closed() -> None:
    async with bench(view(DeskStation()), **PLAIN, host=["127.0.0.1", "::1"]) as made:
        with pytest.raises(OSError, match="Connect"):
            await asyncio.open_connection("127.0.0.2", _port(made.url))


async def test_an_address_of_another_machine_is_named_and_nothing_is_left_open() -> None:
    """TEST-NET-3 is nobody's. The first address was listened on already, and is closed again."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(LinkError, match=r"203\.0\.113\.1"):
        await make_link([view(DeskStation())], host=["127.0.0.1", "203.0.113.1"], port=port).__aenter__()
    with pytest.raises(OSError, match="Connect"):
        await asyncio.open_connection("127.0.0.1", port)


async def test_the_certificate_names_each_address(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The next start, with a name that the certificate lacks, says so."""
    (tmp_path / "pat").write_text("secret\n", encoding="utf-8")
    user = {"name": "pat", "role": "engineer", "password_file": tmp_path / "pat"}
    given: dict[str, Any] = {"certificates": tmp_path, "users": [user], "host": ["127.0.0.1", "0:0:0:0:0:0:0:1"]}
    async with bench(view(DeskStation()), **PLAIN, advertised_hosts=["Gate.Plant", "10.9.8.7:14840"], **given):
        made = x509.load_der_x509_certificate((tmp_path / "own" / "server_certificate.der").read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {"Gate.Plant", "localhost", socket.gethostname()} <= set(names.get_values_for_type(x509.DNSName))
    assert {str(one) for one in names.get_values_for_type(x509.IPAddress)} == {"10.9.8.7", "127.0.0.1", "::1"}
    async with bench(view(DeskStation()), **PLAIN, advertised_hosts=["gate.plant", "::1"], **given):
        assert _of_the_certificate(caplog) == []
    async with bench(view(DeskStation()), **PLAIN, advertised_hosts=["gate.plant", "other.plant"], **given):
        pass
    (warning,) = _of_the_certificate(caplog)
    assert "does not name other.plant:" in warning


def _of_the_certificate(caplog: pytest.LogCaptureFixture) -> list[str]:
    made_by = "gateway.plc.opcua.security.certificate"
    return [one.getMessage() for one in caplog.records if one.name == made_by and one.levelno >= logging.WARNING]


def _inner_port(made: Any) -> int:
    """The port that is really listened on, which no URL tells here."""
    return int(made.link._server.bserver.port)


@asynccontextmanager
async def _channel(url: str) -> AsyncIterator[Client]:
    client = Client(url, timeout=TIMEOUT_S)
    await client.connect_sessionless()
    try:
        yield client
    finally:
        await client.disconnect_sessionless()


@asynccontextmanager
async def _forwarded(to_port: int, port: int = 0) -> AsyncIterator[int]:
    """127.0.0.2:port is 127.0.0.1:to_port."""
    running: set[asyncio.Task[None]] = set()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            writer.write(data)
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", to_port)
        both = [asyncio.create_task(pump(reader, there_writer)), asyncio.create_task(pump(there_reader, writer))]
        running.update(both)
        await asyncio.wait(both)

    forwarding = await asyncio.start_server(relay, "127.0.0.2", port)
    async with forwarding:
        yield forwarding.sockets[0].getsockname()[1]
    if running:
        await asyncio.wait(running, timeout=TIMEOUT_S)

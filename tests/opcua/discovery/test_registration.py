"""Registering with discovery servers: good ones, old ones, absent, silent and lying ones."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asyncua import ua

from gateway.plc.opcua.network import registration
from gateway.plc.opcua.network.registration import Notice, shortened
from gateway.plc.opcua.security.certificate import ServerCertificate, Wanted, obtain
from tests.opcua.desk import PLAIN, DeskStation, bench, read, until, view
from tests.opcua.discovery.lds import discovery_server

NONE = ua.SecurityPolicyType.NoSecurity
SECURE = ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt
URI = "urn:press-7:pekat-plc-gateway"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return obtain(tmp_path_factory.mktemp("lds"), Wanted("LDS", ["localhost"], "urn:lds", ""))


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The waits of seconds are tenths of them."""
    monkeypatch.setattr(registration, "ATTEMPT_S", 0.3)
    monkeypatch.setattr(registration, "FIRST_RETRY_S", 0.1)
    monkeypatch.setattr(registration, "LEAVING_S", 0.3)


def found_by(*servers: str, **more: Any) -> dict[str, Any]:
    return {"discovery": {"servers": list(servers), "period_s": 1, **more}}


def told(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    told = [one for one in caplog.records if one.name == "gateway.plc.opcua.network.registration"]
    return [one.getMessage() for one in told if one.levelno >= level]


@pytest.mark.parametrize("policies", [(NONE,), (NONE, SECURE)])
@pytest.mark.parametrize("old", [False, True])
async def test_registered_again_and_again_and_taken_back_at_the_end(
    policies: tuple[ua.SecurityPolicyType, ...], old: bool, own: ServerCertificate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with discovery_server(*policies, own=own, old=old) as (url, seen):
        async with bench(view(DeskStation()), **PLAIN, advertised_hosts=["gate.plant:4841"], **found_by(url)) as made:
            await until(lambda: len(seen.registered) >= 2)
            assert made.link.endpoints[0].url == "opc.tcp://gate.plant:4841/pekat"
        assert seen.online[-1] is False
    first = seen.registered[0]
    assert seen.online[:2] == [True, True]
    assert first.DiscoveryUrls == ["opc.tcp://gate.plant:4841/pekat"]
    assert [name.Text for name in first.ServerNames] == ["PEKAT PLC gateway"]
    assert first.ServerType == ua.ApplicationType.Server
    assert first.ServerUri.endswith(":pekat-plc-gateway")
    assert set(seen.services) == {"RegisterServer" if old else "RegisterServer2"}
    if not old:
        (mdns,) = seen.configurations
        assert mdns.ServerCapabilities == ["DA"]
        assert mdns.MdnsServerName.startswith("PEKAT PLC gateway on ")
    assert told(caplog) == [f"registered with the discovery server {url}"]


async def test_the_best_security_that_is_offered_is_used(own: ServerCertificate) -> None:
    """A discovery server without None takes nothing that is not encrypted."""
    aes = ua.SecurityPolicyType.Aes256Sha256RsaPss_SignAndEncrypt
    for offered in (SECURE, aes):
        async with (
            discovery_server(offered, own=own) as (url, seen),
            bench(view(DeskStation()), **PLAIN, **found_by(url)),
        ):
            await until(seen.has_any)


@pytest.mark.usefixtures("impatient")
async def test_one_that_comes_late_or_comes_again_is_registered_with(
    own: ServerCertificate, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"opc.tcp://127.0.0.1:{port}"
    async with bench(view(DeskStation()), **PLAIN, **found_by(url)):
        await until(lambda: told(caplog))
        await asyncio.sleep(0.5)  # several tries, which must not be told again
        for _ in range(2):
            async with discovery_server(NONE, own=own, port=port) as (_, seen):
                await until(seen.has_any)
                await until(lambda: told(caplog)[-1].startswith("registered"))
            await until(lambda: told(caplog)[-1].startswith("not registered"))
    *lines, end = told(caplog)
    assert end.startswith(f"the discovery server {url} was not told of the end")
    assert [line.split(" with ")[0] for line in lines] == ["not registered", "registered"] * 2 + ["not registered"]


async def _silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


async def _lying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10)
    writer.close()


async def _slamming(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(8)
    writer.transport.abort()


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def _impostor(handler: Handler) -> AsyncIterator[str]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    async with server:
        yield f"opc.tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("handler", [_silent, _lying, _slamming])
async def test_one_that_is_none_costs_a_line_in_the_log_and_nobody_waits_for_it(
    handler: Handler, caplog: pytest.LogCaptureFixture
) -> None:
    async with _impostor(handler) as url:
        began = time.monotonic()
        async with bench(view(DeskStation()), **PLAIN, **found_by(url)) as made:
            started = time.monotonic()
            client = await made.connect()
            await until(lambda: told(caplog, logging.WARNING))
            await asyncio.sleep(0.5)
            assert await read(client, "status.boot_id") == [77]
            await client.disconnect()
            made.clients.clear()
            ending = time.monotonic()
        assert time.monotonic() - ending < 1.5
        assert started - began < 5
    assert len(told(caplog, logging.WARNING)) == 1


@pytest.mark.usefixtures("impatient")
async def test_one_that_hangs_at_the_end_is_not_waited_for(
    own: ServerCertificate, caplog: pytest.LogCaptureFixture
) -> None:
    """It registered us, and then its machine is switched off: the packets go nowhere."""
    caplog.set_level(logging.INFO)
    async with discovery_server(NONE, own=own) as (url, seen):
        port = int(url.rsplit(":", 1)[1])
        hanging = asyncio.Event()

        async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if hanging.is_set():
                await _silent(reader, writer)
                return
            there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_pump(reader, there_writer), _pump(there_reader, writer))

        async with _impostor(relay) as relayed:
            async with bench(view(DeskStation()), **PLAIN, discovery={"servers": [relayed], "period_s": 600}):
                await until(lambda: told(caplog))  # the discovery server knows it a moment before the gateway does
                hanging.set()
                ending = time.monotonic()
            assert 0.25 < time.monotonic() - ending < 1.5
    assert seen.online == [True]


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
    writer.close()


def test_names_are_cut_between_characters() -> None:
    assert shortened("Prüfstand", 3) == "Pr"
    assert shortened("Prüfstand", 4) == "Prü"
    notice = Notice("urn:a", "urn:b", "Näme 1.5 " * 10, "host" * 20, [], [])
    assert len(notice.mdns_name.encode()) <= 63
    assert " on hosthost" in notice.mdns_name
    assert "." not in notice.mdns_name
    assert Notice("urn:a", "urn:b", "Press", "pc7", [], []).mdns_name == "Press on pc7"


@pytest.mark.parametrize("wrong", ["http://lds:4840", "opc.tcp://lds", "lds:4840", "opc.tcp://:4840"])
def test_what_is_no_url_of_a_discovery_server_is_refused(wrong: str, tmp_path: Path) -> None:
    from gateway.plc.opcua.network.network_settings import DiscoverySettings

    with pytest.raises(ValueError, match="is no URL as"):
        DiscoverySettings(servers=(wrong,))

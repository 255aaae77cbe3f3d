"""The server itself: settings, ports, who may connect, how many, how it starts and how it leaves."""

import asyncio
import logging
import socket
import time
import uuid
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaError, UaStatusCodeError
from pydantic import ValidationError

from gateway.core.errors import LinkError
from gateway.plc.opcua.settings import OpcUaSettings
from gateway.ports import Identity, PlcLink
from tests.opcua.desk import (
    PASSWORD,
    PAT,
    TIMEOUT_S,
    Bench,
    DeskStation,
    bench,
    item,
    make_link,
    read,
    tag_id,
    u16,
    until,
    view,
    write,
)
from tests.opcua.test_inspect import arguments, call


async def test_a_session_of_somebody_else_cannot_be_taken_over(desk: Bench, client: Client) -> None:
    """asyncua gives counted authentication tokens: the next client could activate its neighbour's session."""
    tokens = [one.uaclient.session.authentication_token for one in (client, await desk.connect())]
    assert tokens[0] != tokens[1]
    assert all(isinstance(token.Identifier, uuid.UUID) for token in tokens)


async def test_nodes_cannot_be_added_or_deleted_by_clients(desk: Bench, client: Client) -> None:
    with pytest.raises(UaError):
        await client.nodes.objects.add_variable(2, "mine", 1)
    with pytest.raises(UaStatusCodeError) as refused:
        await client.uaclient.delete_nodes(
            ua.DeleteNodesParameters([ua.DeleteNodesItem(tag_id("status.verdict"), True)])
        )
    assert refused.value.code == StatusCodes.BadUserAccessDenied
    assert await read(client, "status.verdict") == [0]


async def test_a_port_in_use_is_one_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        link = make_link([view(DeskStation())], port=port)
        with pytest.raises(LinkError) as refused:
            await link.__aenter__()
    assert f"127.0.0.1:{port}" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert refused.value.hint


async def test_a_link_that_could_not_listen_watches_no_station() -> None:
    station = DeskStation()
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(LinkError):
        await make_link([view(station)], port=taken.getsockname()[1]).__aenter__()
    assert station.watchers == 0


async def test_it_starts_quickly_and_leaves_at_once_with_clients_connected(
    caplog: pytest.LogCaptureFixture, real_start: None
) -> None:
    """Ctrl-C has to end the gateway within two seconds, whatever clients do; the port is free afterwards."""
    station = DeskStation()
    station.enable()
    began = time.process_time()
    link = make_link([view(station)])
    async with link:
        assert time.process_time() - began < 3  # of the processor's time, whatever else runs here; it takes 0.7
        assert isinstance(link, PlcLink)
        url = link.endpoints[0].url
        client = Client(url, timeout=TIMEOUT_S)
        client.set_user(PAT)
        client.set_password(PASSWORD)
        await client.connect()
        subscription = await client.create_subscription(10, _Deaf())
        await subscription.subscribe_data_change(client.get_node(tag_id("status.busy")))
        calling = asyncio.create_task(call(client, arguments()))
        await until(lambda: station.started)
        idle_socket = socket.create_connection(("127.0.0.1", int(url.rsplit(":", 1)[1].split("/")[0])))
        leaving = time.monotonic()
    assert time.monotonic() - leaving < 1.0
    idle_socket.close()
    assert station.watchers == 0
    with pytest.raises((UaError, ConnectionError)):
        await calling
    try:
        await client.disconnect()
    except (UaError, ConnectionError):  # the server is gone; only the client's own tasks have to end
        client.disconnect_socket()
    with socket.create_server(("127.0.0.1", int(url.rsplit(":", 1)[1].split("/")[0]))):
        pass
    assert "without encryption" in caplog.text
    assert not [record for record in caplog.records if record.name.startswith("asyncua.server")]


class _Deaf:
    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        """Takes every change and keeps none."""


async def test_sessions_are_limited_for_each_server() -> None:
    async with bench(view(DeskStation()), max_sessions=2) as made:
        first, _ = await made.connect(), await made.connect()
        late = Client(made.url, timeout=TIMEOUT_S)
        with pytest.raises(UaStatusCodeError) as refused:
            await late.connect()
        assert refused.value.code == StatusCodes.BadTooManySessions
        made.clients.remove(first)
        await first.disconnect()
        assert await read(await made.connect(), "status.verdict") == [0]


async def test_connections_are_limited() -> None:
    async with bench(view(DeskStation()), max_connections=1) as made:
        client = await made.connect()
        host, port = made.url.removeprefix("opc.tcp://").split("/")[0].split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        async with asyncio.timeout(TIMEOUT_S):
            told = await reader.read()
        assert told[:4] == b"ERRF"
        assert int.from_bytes(told[8:12], "little") == StatusCodes.BadTcpNotEnoughResources
        writer.close()
        await writer.wait_closed()
        assert await read(client, "status.verdict") == [0]


async def test_an_endless_message_is_cut_off(desk: Bench, client: Client) -> None:
    """A header that announces 2 GiB would be collected until the memory is full."""
    host, port = desk.url.removeprefix("opc.tcp://").split("/")[0].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"MSGF" + (2**31 - 1).to_bytes(4, "little"))
    try:
        async with asyncio.timeout(TIMEOUT_S):
            while not writer.is_closing() and not reader.at_eof():
                writer.write(bytes(65_536))
                await writer.drain()
                await asyncio.sleep(0)
    except ConnectionError:
        pass
    finally:
        writer.transport.abort()
    assert await read(client, "status.verdict") == [0]


async def test_asyncuas_loggers_are_quiet_while_it_runs_and_as_before_afterwards() -> None:
    library = logging.getLogger("asyncua")
    before = library.level
    async with bench(view(DeskStation())) as made:
        assert library.getEffectiveLevel() == logging.ERROR
        client = await made.connect()
        assert await write(client, item("status.verdict", u16(1))) == ["BadNotWritable"]
    assert library.level == before


@pytest.mark.parametrize(
    "wrong", [{"port": 70_000}, {"port": "4840"}, {"path": "no slash"}, {"max_sessions": 0}, {"speed": 1}]
)
def test_settings_are_strict(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        OpcUaSettings(allow_unencrypted=True, **wrong)


async def test_two_links_in_one_process_do_not_disturb_each_other() -> None:
    async with bench(view(DeskStation("a"))) as one, bench(view(DeskStation("a"))) as two:
        assert one.url != two.url
        one.station.enable()
        one.station.run()
        paths = ua.NodeId(ua.String("a.status.verdict"), ua.Int16(2))
        assert await (await one.connect()).get_node(paths).read_value() == 1
        assert await (await two.connect()).get_node(paths).read_value() == 0


async def test_an_application_uri_equal_to_the_namespace_is_refused() -> None:
    link = OpcUaSettings(allow_unencrypted=True, application_uri="urn:pekat-plc-gateway", port=0).create([], Identity())
    with pytest.raises(LinkError, match="application_uri"):
        await link.__aenter__()


@pytest.mark.parametrize("count", [99, 100, 101, 250])
async def test_as_many_requests_at_once_as_are_queued_are_all_answered(client: Client, count: int) -> None:
    """A queue that is full with the last byte read: the connection is read again once it has room."""
    client.uaclient.set_max_concurrent_requests(count)
    for _ in range(2):
        async with asyncio.timeout(TIMEOUT_S):
            answers = await asyncio.gather(*(read(client, "status.map_signature") for _ in range(count)))
        assert answers == [[20555]] * count

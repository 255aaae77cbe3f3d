"""No client takes more than its share, and nothing is kept for one that is gone; each test fails without its rule."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway.plc.opcua import server_maker
from gateway.plc.opcua.security import shares
from gateway.plc.opcua.settings import OpcUaSettings
from tests.opcua.desk import TIMEOUT_S, Bench, DeskStation, bench, read, tag_id, until, view


class _Deaf:
    def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
        """Takes every change and keeps none."""


@asynccontextmanager
async def bare(made: Bench) -> AsyncIterator[Client]:
    """A client that does nothing by itself: asyncua's own keeps its session alive."""
    client = Client(made.url, timeout=TIMEOUT_S)
    await client.connect_socket()
    try:
        await client.send_hello()
        await client.open_secure_channel()
        yield client
    finally:
        for task in (client._renew_channel_task, client.uaclient._publish_task):
            await client._cancel_task(task)
        client.disconnect_socket()


async def log_in(client: Client, timeout_ms: float) -> float:
    """An anonymous session; the time-out that it got."""
    params = ua.CreateSessionParameters()
    params.RequestedSessionTimeout = ua.Double(timeout_ms)
    params.ClientNonce = ua.ByteString(bytes(32))
    params.EndpointUrl = ua.String(client.server_url.geturl())
    given = await client.uaclient.create_session(params)
    await client.uaclient.activate_session(ua.ActivateSessionParameters())
    return float(given.RevisedSessionTimeout)


@pytest.mark.parametrize(("asked", "given"), [(4 * 3600_000.0, 60_000.0), (0.0, 5_000.0), (20_000.0, 20_000.0)])
async def test_session_time_outs_are_clamped(asked: float, given: float) -> None:
    async with bench(view(DeskStation())) as made, bare(made) as client:
        assert await log_in(client, asked) == given


async def test_a_session_without_messages_is_closed_with_its_subscriptions_and_its_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server_maker, "ACTIVATION_S", 0.5)
    async with bench(view(DeskStation()), session_timeout_s=5) as made, bare(made) as client:
        assert await log_in(client, 3600_000.0) == 5_000.0
        await client.uaclient.create_subscription(ua.CreateSubscriptionParameters(), lambda result: None)
        server = made.link._server
        assert server is not None
        assert (len(server.sessions), len(server.connections)) == (1, 1)
        began = time.monotonic()
        async with asyncio.timeout(20):
            while server.sessions or server.connections or server.iserver.subscription_service.subscriptions:
                await asyncio.sleep(0.01)
        assert 4.0 < time.monotonic() - began < 15.0


async def test_connections_without_a_session_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also after a session was closed, where asyncua looks no more; whoever has one stays."""
    monkeypatch.setattr(server_maker, "ACTIVATION_S", 0.5)
    async with bench(view(DeskStation())) as made:
        stays = await made.connect()
        port = int(made.url.rsplit(":", 1)[1].split("/")[0])
        server = made.link._server
        assert server is not None
        with socket.create_connection(("127.0.0.1", port)) as silent:
            silent.sendall(b"HELF")  # and nothing more
            async with bare(made) as client:
                await log_in(client, 60_000.0)
                await client.uaclient.close_session(True)
                await until(lambda: len(server.connections) == 3)
                await until(lambda: len(server.connections) == 1)
        assert await read(stays, "status.verdict") == [0]


async def test_subscriptions_and_items_of_one_session_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "SUBSCRIPTIONS_OF_ONE", 2)
    monkeypatch.setattr(shares, "ITEMS_OF_ONE", 3)
    async with bench(view(DeskStation())) as made:
        client, other = await made.connect(), await made.connect(None)
        subscriptions = [await client.create_subscription(1000, _Deaf()) for _ in range(2)]
        with pytest.raises(UaStatusCodeError) as refused:
            await client.create_subscription(1000, _Deaf())
        assert refused.value.code == StatusCodes.BadTooManySubscriptions
        nodes = [client.get_node(tag_id(f"status.{name}")) for name in ("busy", "ready", "online", "error")]
        made_items = await subscriptions[0].subscribe_data_change(nodes[:2])
        assert isinstance(made_items, list)
        results = await subscriptions[1].subscribe_data_change(nodes[2:])
        assert isinstance(results, list)
        codes = [one.name if isinstance(one, ua.StatusCode) else "Good" for one in results]
        assert codes == ["Good", "BadTooManyMonitoredItems"]
        await other.create_subscription(1000, _Deaf())  # whoever else comes has a share of his own


async def test_what_a_subscription_asks_for_is_moderated() -> None:
    """An interval of days and the longest life would keep a place for ever after its session was closed."""
    day = 86_400_000.0
    async with bench(view(DeskStation())) as made, bare(made) as client:
        await log_in(client, 60_000.0)
        for interval, life, expected in (
            (day, 10_000, (60_000.0, 10)),
            (day, 0, (60_000.0, 10)),
            (1000.0, 4_000_000_000, (1000.0, 600)),
            (1000.0, 30, (1000.0, 30)),
            (0.0, 0, (10.0, 60_000)),
            (float("nan"), 0, (10.0, 60_000)),
        ):
            params = ua.CreateSubscriptionParameters()
            params.RequestedPublishingInterval, params.RequestedLifetimeCount = ua.Double(interval), ua.UInt32(life)
            shares.moderate(params, 10.0)
            assert (params.RequestedPublishingInterval, params.RequestedLifetimeCount) == expected
            assert 0 < params.RequestedMaxKeepAliveCount <= params.RequestedLifetimeCount / 3
        params = ua.CreateSubscriptionParameters()
        params.RequestedPublishingInterval, params.RequestedLifetimeCount = ua.Double(day), ua.UInt32(10_000)
        result = await client.uaclient.create_subscription(params, lambda result: None)
        assert (result.RevisedPublishingInterval, result.RevisedLifetimeCount) == (60_000.0, 10)


async def test_clients_without_a_name_leave_half_of_the_sessions_to_those_with_one() -> None:
    async with bench(view(DeskStation()), max_sessions=4) as made:
        for _ in range(2):
            await made.connect(None)
        with pytest.raises(UaStatusCodeError) as refused:
            await made.connect(None)
        assert refused.value.code == StatusCodes.BadTooManySessions
        for _ in range(2):
            assert await read(await made.connect(), "status.verdict") == [0]


async def test_where_nobody_has_a_name_they_may_have_all_sessions() -> None:
    async with bench(view(DeskStation()), max_sessions=3, users=[]) as made:
        for _ in range(3):
            assert await read(await made.connect(None), "status.verdict") == [0]


def test_time_outs_of_hours_cannot_be_configured() -> None:
    with pytest.raises(ValueError, match="session_timeout_s"):
        OpcUaSettings(session_timeout_s=36_000)

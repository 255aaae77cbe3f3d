"""What is legal goes through, however much of it, in whatever pieces; and what asyncua leaves undone is told truly."""

import asyncio
import contextlib
import struct
import time
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.ua_binary import struct_to_binary
from asyncua.ua.uaerrors import UaError

from gateway.plc.opcua.transport.body_rules import check_body
from gateway.plc.opcua.transport.chunk_rules import ChunkReader, follows
from gateway.plc.opcua.transport.token_rules import Tokens
from tests.opcua.desk import Bench, bit, item, read, tag_id, text, until, write
from tests.opcua.guard.wire import Wire, hello, read_request, wire


async def test_renewals_with_a_hundred_requests_under_way(desk: Bench, client: Client) -> None:
    for _ in range(10):
        reads = [asyncio.create_task(read(client, "status.map_signature")) for _ in range(100)]
        renewal = asyncio.create_task(client.open_secure_channel(renew=True))
        assert await asyncio.gather(*reads) == [[20555]] * 100
        await renewal


async def test_a_request_of_many_chunks(desk: Bench, client: Client) -> None:
    """A megabyte, by asyncua's client: refused for what it is, and the next one is served."""
    for _ in range(3):
        assert await write(client, item("control.part_id", text("x" * 1_000_000))) == ["BadOutOfRange"]
    assert await read(client, "status.map_signature") == [20555]


async def test_reconnecting_again_and_again(desk: Bench) -> None:
    for number in range(30):
        client = await desk.connect()
        assert await read(client, "status.map_signature") == [20555]
        desk.clients.remove(client)
        if number % 2:
            await client.disconnect()
        else:  # the plug is pulled
            assert client.uaclient.protocol is not None
            assert client.uaclient.protocol.transport is not None
            client.uaclient.protocol.transport.abort()
            with contextlib.suppress(UaError, ConnectionError, TimeoutError):
                await client.disconnect()


async def test_a_session_is_taken_up_again_over_a_new_connection(desk: Bench) -> None:
    """After its connection broke: OPC 10000-4, 6.7. It has a subscription, so that it is kept."""
    async with wire(desk.url, "log_in") as first:
        await first.ask(ua.CreateSubscriptionRequest())
        token = first.session
    async with wire(desk.url) as second:
        second.session = token
        await second.log_in()
        assert (await second.ask(read_request())).status == "Good"


async def test_bytes_one_by_one(desk: Bench) -> None:
    async with wire(desk.url, "connect") as slow:

        async def in_pieces(data: bytes) -> None:
            for byte in data:
                slow.send(bytes([byte]))
                await asyncio.sleep(0)

        await in_pieces(hello())
        assert (await slow.answer()).kind == b"ACK"
        await in_pieces(slow.opn())
        given = (await slow.answer()).response.Parameters.SecurityToken
        slow.channel, slow.token = given.ChannelId, given.TokenId
        await slow.create_session()
        await slow.log_in()
        await in_pieces(slow.call(read_request()))
        assert (await slow.answer()).status == "Good"


async def test_everything_in_one_segment(desk: Bench) -> None:
    """A client may send its OPN without waiting for the Acknowledge."""
    async with wire(desk.url, "connect") as hasty:
        hasty.send(hello() + hasty.opn())
        assert [(await hasty.answer()).kind for _ in range(2)] == [b"ACK", b"OPN"]


# ---- what asyncua only pretends ----------------------------------------------------------------------------------


async def test_registered_nodes_are_the_nodes_themselves(desk: Bench) -> None:
    """A server may give handles for nodes; asyncua gives the ids back, and everything works by them."""
    async with wire(desk.url, "log_in") as one:
        request = ua.RegisterNodesRequest()
        request.Parameters.NodesToRegister = [tag_id("status.verdict"), tag_id("nothing.of.this")]
        answer = await one.ask(request)
        assert answer.response.Parameters.RegisteredNodeIds == request.Parameters.NodesToRegister
        release = ua.UnregisterNodesRequest()
        release.Parameters.NodesToUnregister = request.Parameters.NodesToRegister
        assert (await one.ask(release)).status == "Good"
        assert (await one.ask(read_request())).status == "Good"


async def test_a_modified_subscription_is_told_what_holds(desk: Bench, client: Client) -> None:
    """asyncua changes nothing; what it answers is what is in force."""
    got: list[float] = []

    class Clock:
        def datachange_notification(self, node: Any, value: Any, data: Any) -> None:
            got.append(time.monotonic())

    subscription = await client.create_subscription(20, Clock())
    await subscription.subscribe_data_change(client.get_node(tag_id("status.verdict")))
    number = subscription.subscription_id
    assert number is not None
    asked = ua.ModifySubscriptionParameters(number, RequestedPublishingInterval=60_000)
    result = await client.uaclient.modify_subscription(asked)
    assert result.RevisedPublishingInterval == 20
    await until(lambda: got)
    seen = len(got)
    desk.station.run()
    await until(lambda: len(got) > seen)


async def test_references_cannot_be_added_or_deleted(desk: Bench) -> None:
    async with wire(desk.url, "log_in") as one:
        for kind in (ua.AddReferencesRequest, ua.DeleteReferencesRequest, ua.AddNodesRequest, ua.DeleteNodesRequest):
            assert (await one.ask(kind())).status in ("BadUserAccessDenied", "BadNothingToDo"), kind
        link = ua.AddReferencesItem(tag_id("status"), ua.NodeId(ua.Int32(35)), True)
        added = ua.AddReferencesRequest()
        added.Parameters.ReferencesToAdd = [link]
        assert (await one.ask(added)).status == "BadUserAccessDenied"


# ---- what it costs -----------------------------------------------------------------------------------------------


def test_the_guard_costs_microseconds_a_message() -> None:
    """All rules for one Write of three tags, that was not seen before: 15 µs on an idle machine."""
    request = ua.WriteRequest()
    paths = ("control.enable", "control.trigger_seq", "control.plc_heartbeat")
    request.Parameters.NodesToWrite = [item(path, bit(True)) for path in paths]
    body = struct_to_binary(request)
    reader, tokens, number, last = ChunkReader(65_535), Tokens(), 0, None
    number = tokens.issue(60_000, 0.0)
    reader.feed(hello())
    reader.next()
    maker = Wire(None, None, 1, number)  # type: ignore[arg-type]  # it only makes bytes here
    messages = [maker.msg(body[:-1] + struct.pack("B", count % 256)) for count in range(250)]
    best = float("inf")
    for message in messages:
        began = time.perf_counter()
        reader.feed(message)
        chunk = reader.next()
        assert chunk is not None
        tokens.use(number, 1.0)
        sequence = struct.unpack_from("<I", chunk, 16)[0]
        assert follows(last, sequence)
        last = sequence
        check_body(ua.WriteRequest, chunk[24:])
        best = min(best, time.perf_counter() - began)
    print(f"{best * 1e6:.1f} µs")
    assert best < 200e-6

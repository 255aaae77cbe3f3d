"""Commands over OPC UA: one Write request is one event, every refusal has its exact status, nothing slips through."""

from datetime import UTC, datetime
from typing import Any

import pytest
from asyncua import ua
from asyncua.client.client import Client
from asyncua.ua.attribute_ids import AttributeIds
from asyncua.ua.object_ids import ObjectIds
from asyncua.ua.status_codes import StatusCodes
from asyncua.ua.uaerrors import UaStatusCodeError

from gateway.core.commands import Commands
from gateway.core.tags import STATUS_TAGS
from tests.opcua.desk import (
    NOK,
    Bench,
    DeskStation,
    bench,
    bit,
    item,
    read,
    read_data,
    tag_id,
    text,
    u16,
    u32,
    view,
    write,
)


async def test_several_nodes_of_one_write_are_one_event(desk: Bench, client: Client) -> None:
    """H19's ground: one request, one event; the part id that comes with the trigger is the trigger's."""
    written = await write(
        client,
        item("control.enable", bit(True)),
        item("control.trigger_seq", u16(0)),
    )
    assert written == ["Good", "Good"]
    assert desk.station.written == [Commands(enable=True)]
    written = await write(
        client,
        item("control.trigger_seq", u16(7)),
        item("control.part_id", text("Teil ä 1")),
        item("control.plc_heartbeat", u16(9)),
    )
    assert written == ["Good"] * 3
    assert desk.station.written[1:] == [Commands(enable=True, trigger_seq=7, part_id="Teil ä 1", plc_heartbeat=9)]
    assert [(start.trigger_seq, start.part_id) for start in desk.station.started] == [(7, "Teil ä 1")]


async def test_a_client_that_wrote_reads_what_its_write_made(desk: Bench, client: Client) -> None:
    """Each write's effect stands in the very next read, 100 times: nothing waits for the flush."""
    await write(client, item("control.enable", bit(True)))
    for seq in range(1, 101):
        await write(client, item("control.trigger_seq", u16(seq)))
        busy, accepted, ready, shown = await read(
            client, "status.busy", "status.trigger_seq_accepted", "status.ready", "control.trigger_seq"
        )
        assert (busy, accepted, ready, shown) == (True, seq, False, seq)
        desk.station.answer()
        assert await read(client, "status.result_trigger_seq", "status.verdict", "status.busy") == [seq, 1, False]
    assert len(desk.station.started) == 100


async def test_one_write_to_two_stations_is_one_event_for_each() -> None:
    async with bench(view(DeskStation("a")), view(DeskStation("b"))) as made:
        client = await made.connect()
        items = [item("enable", bit(True)) for _ in range(2)] + [item("x", u16(3)), item("x", u16(4))]
        for one, name in zip(
            items,
            ("a.control.enable", "b.control.enable", "a.control.trigger_seq", "b.control.trigger_seq"),
            strict=True,
        ):
            one.NodeId = ua.NodeId(ua.String(name), ua.Int16(2))
        assert await write(client, *items) == ["Good"] * 4
        assert [station.written for station in made.stations] == [
            [Commands(enable=True, trigger_seq=3)],
            [Commands(enable=True, trigger_seq=4)],
        ]


REFUSED: list[tuple[str, ua.WriteValue, str]] = [
    ("status tag", item("status.verdict", u16(1)), "BadNotWritable"),
    ("no such tag", item("control.nothing", u16(1)), "BadNodeIdUnknown"),
    ("an object", item("control", u16(1)), "BadAttributeIdInvalid"),
    ("wrong type", item("control.trigger_seq", u32(1)), "BadTypeMismatch"),
    ("number for a bit", item("control.trigger", u16(1)), "BadTypeMismatch"),
    ("bit for a number", item("control.trigger_seq", bit(True)), "BadTypeMismatch"),
    ("number for a string", item("control.part_id", u16(1)), "BadTypeMismatch"),
    ("array", item("control.trigger_seq", ua.Variant([1], ua.VariantType.UInt16)), "BadTypeMismatch"),
    ("empty array", item("control.trigger", ua.Variant([], ua.VariantType.Boolean)), "BadTypeMismatch"),
    ("null", item("control.trigger", ua.Variant()), "BadTypeMismatch"),
    ("index range", item("control.part_id", text("x"), IndexRange="0:1"), "BadWriteNotSupported"),
    ("bad index range", item("control.part_id", text("x"), IndexRange="1:0"), "BadIndexRangeInvalid"),
    ("nonsense range", item("control.trigger_seq", u16(1), IndexRange="x"), "BadIndexRangeInvalid"),
    ("long part id", item("control.part_id", text("x" * 33)), "BadOutOfRange"),
    ("part id long in bytes", item("control.part_id", text("ä" * 17)), "BadOutOfRange"),
    ("status", item("control.trigger", bit(True), status=ua.StatusCode(ua.UInt32(StatusCodes.BadCommunicationError))), "BadWriteNotSupported"),  # noqa: E501 - a table
    ("uncertain", item("control.trigger", bit(True), status=ua.StatusCode(ua.UInt32(StatusCodes.UncertainInitialValue))), "BadWriteNotSupported"),  # noqa: E501 - a table
    ("server time", item("control.trigger", bit(True), server=datetime.now(UTC)), "BadWriteNotSupported"),
    ("display name", item("control.trigger", bit(True), AttributeId=AttributeIds.DisplayName), "BadNotWritable"),
    ("access level", item("control.trigger", bit(True), AttributeId=AttributeIds.AccessLevel), "BadNotWritable"),
    ("no such attribute", item("control.trigger", bit(True), AttributeId=99), "BadAttributeIdInvalid"),
    ("meanings", item("status.verdict.EnumValues", u16(1)), "BadNotWritable"),
    ("own id", item("x", u16(1), NodeId=ua.NodeId(ua.Int32(ObjectIds.Server_NamespaceArray))), "BadNotWritable"),
]  # fmt: skip


async def test_a_refused_item_writes_nothing_and_the_good_one_beside_it_is_written(desk: Bench, client: Client) -> None:
    """asyncua takes most of these: it ignores the IndexRange, and stores an array in a scalar."""
    before = await _everything(client)
    for name, refused, status in REFUSED:
        assert await write(client, refused) == [status], name
        assert desk.station.written == [], name
        assert await _everything(client) == before, name
    for name, refused, status in REFUSED:
        written = await write(client, refused, item("control.recipe_request", u16(2)), refused)
        assert written == [status, "Good", status], name
        assert desk.station.written == [Commands(enable=True, recipe_request=2)], name
        desk.station.written.clear()


async def test_a_string_of_exactly_32_bytes_and_a_null_string_are_part_ids(desk: Bench, client: Client) -> None:
    assert await write(client, item("control.part_id", text("ä" * 16))) == ["Good"]
    assert await write(client, item("control.part_id", text(None))) == ["Good"]
    assert [commands.part_id for commands in desk.station.written] == ["ä" * 16, ""]


async def test_a_source_time_is_kept_with_the_value(desk: Bench, client: Client) -> None:
    at = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert await write(client, item("control.trigger_seq", u16(0), source=at)) == ["Good"]
    (value,) = await read_data(client, "control.trigger_seq")
    assert value.SourceTimestamp == at
    assert desk.station.written == [Commands(enable=True)]


async def test_the_last_of_two_items_for_one_node_counts(desk: Bench, client: Client) -> None:
    assert await write(client, item("control.trigger_seq", u16(4)), item("control.trigger_seq", u16(5))) == ["Good"] * 2
    assert desk.station.written == [Commands(enable=True, trigger_seq=5)]


async def test_an_empty_request_is_told_so(desk: Bench, client: Client) -> None:
    with pytest.raises(UaStatusCodeError) as refused:
        await write(client)
    assert refused.value.code == StatusCodes.BadNothingToDo


async def test_a_station_of_another_link_is_mirrored_and_cannot_be_written() -> None:
    """Exactly one link owns the control tags."""
    station = DeskStation()
    async with bench(view(station, controls=False)) as made:
        client = await made.connect()
        assert await write(client, item("control.enable", bit(True))) == ["BadNotWritable"]
        assert station.written == []
        assert await read(client, "control.enable", "control.part_id") == [False, ""]
        station.write(Commands(enable=True, part_id="from Modbus"))
        assert await read(client, "control.enable", "control.part_id", "status.ready") == [True, "from Modbus", True]
        access = await client.get_node(tag_id("control.enable")).read_attribute(AttributeIds.UserAccessLevel)
        assert access.Value is not None
        assert access.Value.Value == ua.AccessLevel.CurrentRead.mask


async def test_a_range_of_a_value_is_cut_out_of_it_when_read(desk: Bench, client: Client) -> None:
    """asyncua ignores the IndexRange and returns the whole value."""
    desk.station.write(Commands(enable=True, part_id="ABCDEF"))
    for index_range, path, expected in (
        ("1:3", "control.part_id", "BCD"),
        ("5", "control.part_id", "F"),
        ("6", "control.part_id", StatusCodes.BadIndexRangeNoData),
        ("0", "status.verdict", StatusCodes.BadIndexRangeNoData),
        ("3:1", "control.part_id", StatusCodes.BadIndexRangeInvalid),
        ("a", "status.verdict", StatusCodes.BadIndexRangeInvalid),
    ):
        (value,) = await read_data(client, path, IndexRange=index_range)
        assert value.StatusCode is not None
        got: Any = (
            value.Value.Value if value.Value is not None and value.StatusCode.is_good() else value.StatusCode.value
        )
        assert got == expected, index_range


async def _everything(client: Client) -> list[Any]:
    """All tags but the one that changes by itself."""
    names = [f"status.{tag.name}" for tag in STATUS_TAGS if tag.name != "heartbeat"]
    return await read(client, *names, "control.trigger", "control.trigger_seq", "control.part_id", "control.enable")


async def test_reading_nodes_that_are_not_there(desk: Bench, client: Client) -> None:
    desk.station.run(NOK)
    missing, there = await read_data(client, "status.nothing", "status.verdict")
    assert missing.StatusCode is not None
    assert missing.StatusCode.name == "BadNodeIdUnknown"
    assert there.Value is not None
    assert there.Value.Value == 2
